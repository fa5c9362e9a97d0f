//! A draft of a file: written beside it, it takes its place when it is whole.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use tempfile::NamedTempFile;

use super::{Place, cannot_write};
use crate::terminal::escape::shown;
use crate::terminal::streams::Stream;

/// Content that is to replace a file.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The path as the user gave it.
    pub(super) path: PathBuf,
    pub(super) sink: Sink,
}

/// The destination of the bytes.
#[derive(Debug)]
pub(super) enum Sink {
    Stdout,
    Itself(File),
    /// Beside the `target`, where `old` may be.
    Beside {
        part: NamedTempFile,
        target: PathBuf,
        old: Option<File>,
        folder: Folder,
    },
}

impl Draft {
    /// A writer to the draft.
    ///
    /// # Errors
    ///
    /// If there is no file descriptor left.
    pub(crate) fn writer(&self) -> io::Result<Box<dyn Write>> {
        Ok(match &self.sink {
            Sink::Stdout => Box::new(Stream::stdout()),
            Sink::Itself(file) => Box::new(file.try_clone()?),
            Sink::Beside { part, .. } => Box::new(part.as_file().try_clone()?),
        })
    }

    /// Whether it goes to standard output.
    pub(crate) const fn is_stdout(&self) -> bool {
        matches!(self.sink, Sink::Stdout)
    }

    /// Replaces the file with the draft, which is whole.
    ///
    /// # Errors
    ///
    /// If the disk is full, or the like.
    pub(crate) fn finish(self) -> Result<()> {
        self.sink.finish().map_err(|error| cannot_write(&self.path, &error))
    }

    /// Nothing more can be written, because of `error`: the first `whole` bytes stay beside the file.
    /// Returns an error that says where.
    #[must_use]
    pub(crate) fn end(self, error: &io::Error, whole: u64) -> anyhow::Error {
        let words = cannot_write(&self.path, error);
        let part = match self.sink {
            Sink::Stdout => return words,
            Sink::Itself(file) => {
                // A pipe keeps what it has got.
                let _ = file.set_len(whole);
                return words;
            }
            Sink::Beside { part, .. } => part,
        };
        if whole == 0 {
            return words;
        }
        match part.as_file().set_len(whole).and_then(|()| Ok(part.keep()?)) {
            Ok((_, part)) => anyhow!("{words} (the part that was written is in {})", shown(&part)),
            Err(_) => words,
        }
    }
}

impl Sink {
    pub(super) fn of(place: Place) -> io::Result<Self> {
        let (target, old) = match place {
            Place::Stdout => return Ok(Self::Stdout),
            Place::Itself(file) => return emptied(file).map(Self::Itself),
            Place::File(target, old) => (target, old),
        };
        let folder = Folder::of(&target)?;
        match (beside(&target, old.as_ref()), old) {
            (Ok(part), old) => Ok(Self::Beside { part, target, old, folder }),
            // The folder takes no other file, but this one may be written.
            (Err(error), Some(old)) if is_denied(&error) => emptied(old).map(Self::Itself),
            (Err(error), _) => Err(error),
        }
    }

    fn finish(self) -> io::Result<()> {
        // The folder is dropped last, in case everything is given up.
        let (_folder, part, target, old) = match self {
            Self::Stdout | Self::Itself(_) => return Ok(()),
            Self::Beside { part, target, old, folder } => (folder, part, target, old),
        };
        if let Some(old) = &old {
            let old = old.metadata()?;
            // Only root may give a file away.
            let _ = fchown(part.as_file(), Some(old.uid()), Some(old.gid()));
            part.as_file().set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
        }
        // Some systems say only now that there was no space.
        part.as_file().sync_all()?;
        match (part.persist(&target), old) {
            (Ok(_), _) => Ok(()),
            // The name cannot be taken, as that of a single file that is mounted into a container.
            (Err(failed), Some(old)) if is_denied(&failed.error) => {
                io::copy(&mut failed.file.reopen()?, &mut emptied(old)?).map(drop)
            }
            (Err(failed), _) => Err(failed.error),
        }
    }
}

/// Makes a file beside `target` that is as private as the `old` one.
fn beside(target: &Path, old: Option<&File>) -> io::Result<NamedTempFile> {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".");
    // File names have a maximum length.
    let name = if name.len() <= 240 { name.as_os_str() } else { OsStr::new("output.") };
    let mode = old.map_or(Ok(0o666), |old| old.metadata().map(|old| old.mode() & 0o777))?;
    tempfile::Builder::new()
        .prefix(name)
        .suffix(".part")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(target.parent().unwrap_or(target))
}

/// The folder that was made for a file, if one was. If the file does not come about it goes too.
#[derive(Debug)]
pub(super) struct Folder(Option<PathBuf>);

impl Folder {
    pub(super) fn of(target: &Path) -> io::Result<Self> {
        let missing = target.parent().filter(|folder| !folder.exists());
        missing.map_or(Ok(()), fs::create_dir).map(|()| Self(missing.map(Path::to_owned)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // One that is not empty stays.
        self.0.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

fn is_denied(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
    )
}

/// A pipe or a device has no length.
pub(super) fn emptied(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}
