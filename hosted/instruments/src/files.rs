//! Files that are named on the command line: it is checked before anything is
//! measured that they can be written, and they are written at the end.
//!
//! A file is written under a temporary name beside it (`run.json.x7Kd2q.part`)
//! and takes its place when it is whole, so that neither a full disk nor a
//! killed program destroys what was there before, or leaves half a file. A missing folder
//! is created only for the default figure.

mod draft;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

pub(crate) use self::draft::Draft;
use self::draft::{Folder, Sink, emptied};

use crate::reason::reason;
use crate::terminal::escape::shown;

/// A file that can be written. Until it is written it is neither changed nor
/// created.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    place: Place,
}

/// The folder of the default figure, which is created if needed.
const FOLDER: &str = "result";

/// The name that stands for standard output.
const STDOUT: &str = "-";

/// What exists at the path that the user gave.
#[derive(Debug)]
enum Place {
    Stdout,
    /// A pipe, a device, or what a process has open (`/dev/stdout`): it is written as it is.
    Itself(File),
    /// A file: the path after all links, and the present file there.
    File(PathBuf, Option<File>),
}

impl Output {
    /// Opens a file, or standard output if the name is `-`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn open_or_stdout(path: &Path) -> Result<Self> {
        if is_stdout(path) {
            return Ok(Self { path: path.to_owned(), place: Place::Stdout });
        }
        Self::open(path)
    }

    /// Checks that the file can be written.
    ///
    /// # Errors
    ///
    /// If that is not allowed or not possible.
    pub fn open(path: &Path) -> Result<Self> {
        let place = Place::find(path)
            .map_err(|error| anyhow!("{} (choose another file)", cannot_write(path, &error)))?;
        Ok(Self { path: path.to_owned(), place })
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The identity of the file, whatever path was given; None for a pipe, a device or stdout, which
    /// several outputs may share.
    #[must_use]
    pub(crate) fn identity(&self) -> Option<Identity> {
        match &self.place {
            Place::Stdout => None,
            Place::Itself(file) | Place::File(_, Some(file)) => Identity::of(file),
            Place::File(target, None) => Some(Identity::Vacant(target.clone())),
        }
    }

    /// Replaces the content of the file.
    ///
    /// # Errors
    ///
    /// If the disk is full, or the like. The file is then what it was, unless none can be made
    /// beside it.
    pub fn write(self, bytes: &[u8]) -> Result<()> {
        let draft = self.draft()?;
        let written = draft.writer().and_then(|mut writer| writer.write_all(bytes));
        written.map_err(|error| cannot_write(&draft.path, &error))?;
        draft.finish()
    }

    /// Begins what is to replace the file.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub(crate) fn draft(self) -> Result<Draft> {
        let Self { path, place } = self;
        let sink = Sink::of(place).map_err(|error| cannot_write(&path, &error))?;
        Ok(Draft { path, sink })
    }

    /// Empties the file, to be written under its own name during the run.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub fn stream(self) -> Result<File> {
        let empty = match self.place {
            Place::Stdout => io::stdout().as_fd().try_clone_to_owned().map(File::from),
            Place::Itself(file) | Place::File(_, Some(file)) => emptied(file),
            Place::File(target, None) => {
                // Its folder stays, now that something is in it.
                Folder::of(&target).and_then(|_folder| File::create(&target))
            }
        };
        empty.map_err(|error| cannot_write(&self.path, &error))
    }
}

impl Place {
    fn find(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(path);
        if here(folder).symlink_metadata().is_err() {
            return Self::in_missing_folder(path, folder);
        }
        let vacant = !path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        if !file.metadata()?.is_file() || is_open_file(path) {
            return Ok(Self::Itself(file));
        }
        let target = fs::canonicalize(path)?;
        if vacant {
            // A program that is killed while it measures leaves no file.
            fs::remove_file(&target)?;
        }
        Ok(Self::File(target, (!vacant).then_some(file)))
    }

    /// The folder is created when there is something to put into it. Creating it is tried
    /// beforehand, in the same place.
    fn in_missing_folder(path: &Path, folder: &Path) -> io::Result<Self> {
        if folder != Path::new(FOLDER) {
            let missing = format!("there is no folder {}", shown(folder));
            return Err(io::Error::new(ErrorKind::NotFound, missing));
        }
        let here = fs::canonicalize(".")?;
        let trial = tempfile::tempdir_in(&here)?;
        File::create(trial.path().join(path.file_name().unwrap_or_default()))?;
        Ok(Self::File(here.join(path), None))
    }
}

/// The folder, with `.` in place of an empty name.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Whether it is a name of what a process has open: another file in its place would be another's.
fn is_open_file(path: &Path) -> bool {
    let folder = path.parent().map(|folder| fs::canonicalize(here(folder)));
    [folder, Some(fs::read_link(path))]
        .into_iter()
        .flatten()
        .any(|place| place.is_ok_and(|place| place.starts_with("/proc")))
}

/// The identity of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Its device and its inode number.
    File(u64, u64),
    /// The path at which it will be created.
    Vacant(PathBuf),
}

impl Identity {
    /// The identity of an open file; None if it is not a file.
    pub(crate) fn of(open: impl AsFd) -> Option<Self> {
        let stat = rustix::fs::fstat(open).ok()?;
        let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
        is_file.then_some(Self::File(stat.st_dev as u64, stat.st_ino as u64))
    }
}

/// Whether this name stands for standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new(STDOUT)
}

/// Words an error of writing to `path`.
#[must_use]
pub fn cannot_write(path: &Path, error: &io::Error) -> anyhow::Error {
    if is_stdout(path) {
        // The kind is kept: a reader that has left is not an error.
        return anyhow::Error::new(io::Error::from(error.kind())).context("cannot write to stdout");
    }
    anyhow!("cannot write {}: {}", shown(path), reason(error))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::io::ErrorKind;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).expect("a folder");
        names.map(|name| name.expect("a name").file_name().display().to_string()).collect()
    }

    #[test]
    fn a_longer_old_file_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        Output::open(&path).and_then(|file| file.write(b"a long text")).expect("written");
        let output = Output::open(&path).expect("opened");
        assert_eq!(fs::read(&path).expect("still there"), b"a long text");
        output.write(b"short").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"short");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        for (path, why) in [
            ("/dev/null/rate.jpg", "not a directory"),
            ("/dev/null/a/b", "there is no folder /dev/null/a"),
            ("no/folder/b", "there is no folder no/folder"),
            ("no/result/b", "there is no folder no/result"),
        ] {
            let error = Output::open(Path::new(path)).expect_err("no folder").to_string();
            assert_eq!(error, format!("cannot write {path}: {why} (choose another file)"));
        }
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path().join("x".repeat(256)), Path::new(FOLDER).join("x".repeat(256))] {
            let error = Output::open(&path).expect_err("too long").to_string();
            assert!(error.ends_with("file name too long (choose another file)"), "{error}");
        }
        let longest = folder.path().join("x".repeat(255));
        Output::open(&longest).and_then(|file| file.write(b"x")).expect("no longer than allowed");
    }

    #[test]
    fn nothing_is_there_until_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rate.jpg");
        let output = Output::open(&path).expect("opened");
        assert_eq!(names(folder.path()), [""; 0]);
        drop(output);
        fs::write(&path, b"old").expect("written");
        let draft = Output::open(&path).expect("opened").draft().expect("begun");
        draft.writer().and_then(|mut file| file.write_all(b"half")).expect("written");
        drop(draft);
        assert_eq!(fs::read(&path).expect("still there"), b"old");
        assert_eq!(names(folder.path()), ["rate.jpg"], "nothing is left of what was given up");
    }

    #[test]
    fn what_ends_half_way_stays_beside_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.csv");
        fs::write(&path, b"old").expect("written");
        let full = io::Error::from(ErrorKind::StorageFull);
        let begun = |bytes: &[u8]| {
            let draft = Output::open(&path).and_then(Output::draft).expect("begun");
            draft.writer().and_then(|mut file| file.write_all(bytes)).expect("written");
            draft.end(&full, bytes.len().min(2) as u64).to_string()
        };
        assert_eq!(begun(b""), cannot_write(&path, &full).to_string());
        assert_eq!(names(folder.path()), ["run.csv"]);
        let words = begun(b"half");
        let (_, part) = words.trim_end_matches(')').split_once(" is in ").expect("it says where");
        assert_eq!(fs::read(part).expect("it is there"), b"ha", "what is whole");
        assert_eq!(fs::read(&path).expect("still there"), b"old");
    }

    #[test]
    fn a_file_stays_as_private_as_it_was_and_where_its_links_lead() {
        let folder = tempfile::tempdir().expect("a folder");
        let [real, link, dangling] =
            ["real", "link", "dangling"].map(|name| folder.path().join(name));
        fs::write(&real, b"old").expect("written");
        for mode in [0o600, 0o666] {
            fs::set_permissions(&real, Permissions::from_mode(mode)).expect("set");
            let _ = std::os::unix::fs::symlink("real", &link);
            Output::open(&link).and_then(|file| file.write(b"new")).expect("written");
            assert!(link.is_symlink());
            assert_eq!(fs::read(&real).expect("read"), b"new");
            assert_eq!(real.metadata().expect("there").mode() & 0o777, mode);
        }
        std::os::unix::fs::symlink("made", &dangling).expect("linked");
        Output::open(&dangling).and_then(|file| file.write(b"new")).expect("written");
        assert!(dangling.is_symlink());
        assert_eq!(fs::read(folder.path().join("made")).expect("read"), b"new");
    }

    #[test]
    fn one_file_is_known_by_all_its_names() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("sub")).expect("made");
        let identity = |name: &str| {
            let output = Output::open(&folder.path().join(name)).expect("opened");
            output.identity().expect("a file")
        };
        assert_eq!(identity("run"), identity("sub/../run"), "before it is there");
        assert_ne!(identity("run"), identity("sub/run"));
        fs::write(folder.path().join("run"), b"").expect("made");
        assert_eq!(identity("run"), identity("sub/../run"));
        assert_eq!(Output::open(Path::new("/dev/null")).expect("opened").identity(), None);
    }

    #[test]
    fn a_stream_has_its_own_name_from_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("frames.pcap");
        for old in ["", "an old record"] {
            let output = Output::open(&path).expect("opened");
            assert_eq!(fs::read_to_string(&path).unwrap_or_default(), old);
            let mut file = output.stream().expect("emptied");
            assert_eq!(fs::read(&path).expect("there"), b"");
            file.write_all(b"an old record").expect("written");
        }
    }
}
