//! Files that are named on the command line: opened before anything is
//! measured, written when it is over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::address::reason;

/// A file that can be written. What it held before stays until then, so a run
/// that does not end well destroys nothing; nor does it leave an empty file.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    file: File,
    /// It was made by us, and nothing is in it yet.
    fresh: bool,
}

impl Output {
    /// Opens the file, making it and its folder if need be.
    ///
    /// # Errors
    ///
    /// If that is not allowed or not possible.
    pub fn open(path: &Path) -> Result<Self> {
        let cannot = |error: &io::Error| {
            anyhow!("cannot write {}: {} (choose another file)", path.display(), reason(error))
        };
        // A folder that is a file is for `open` to complain about.
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
        }
        let fresh = !path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        Ok(Self { path: path.to_owned(), file: file.map_err(|error| cannot(&error))?, fresh })
    }

    /// Empties the file, to be written as things happen.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub fn stream(mut self) -> Result<File> {
        self.fresh = false;
        let empty = |file: &File| {
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            file.try_clone()
        };
        empty(&self.file).map_err(|error| cannot_write(&self.path, &error))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which file it is, however it was called; None for a pipe or a device, which any number may share.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        Identity::of(&self.file)
    }

    /// Replaces what the file holds.
    ///
    /// # Errors
    ///
    /// If the disk is full, or the like.
    pub fn write(mut self, bytes: &[u8]) -> Result<()> {
        self.fresh = false;
        let write = |file: &mut File| {
            file.write_all(bytes)?;
            // A pipe or a device has no length.
            if file.metadata()?.is_file() {
                file.set_len(bytes.len() as u64)?;
            }
            file.flush()
        };
        write(&mut self.file).map_err(|error| cannot_write(&self.path, &error))
    }
}

/// What tells a file from all others: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity(u64, u64);

impl Identity {
    /// Of whatever is open there, if it is a file.
    pub fn of(open: impl AsFd) -> Option<Self> {
        let stat = rustix::fs::fstat(open).ok()?;
        let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
        is_file.then_some(Self(stat.st_dev as u64, stat.st_ino as u64))
    }
}

/// Words an error of writing to `path`.
pub fn cannot_write(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!("cannot write {}: {}", path.display(), reason(error))
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.fresh {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_old_file_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/file");
        Output::open(&path).and_then(|file| file.write(b"a long text")).expect("written");
        let output = Output::open(&path).expect("opened");
        assert_eq!(fs::read(&path).expect("still there"), b"a long text");
        output.write(b"short").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"short");
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        for (path, why) in
            [("/dev/null/rate.jpg", "not a directory"), ("/dev/null/a/b", "not a directory")]
        {
            let error = Output::open(Path::new(path)).expect_err("no folder").to_string();
            assert_eq!(error, format!("cannot write {path}: {why} (choose another file)"));
        }
    }

    #[test]
    fn a_file_that_was_never_written_is_not_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rate.jpg");
        drop(Output::open(&path).expect("opened"));
        assert!(!path.exists());
        fs::write(&path, b"old").expect("written");
        drop(Output::open(&path).expect("opened"));
        assert_eq!(fs::read(&path).expect("still there"), b"old");
    }
}
