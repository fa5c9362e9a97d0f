//! Files that are named on the command line: opened before anything is
//! measured, written when it is over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::address::reason;

/// A file that can be written. What it held before stays until then, so a run
/// that does not end well destroys nothing.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    file: File,
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
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        Ok(Self { path: path.to_owned(), file: file.map_err(|error| cannot(&error))? })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces what the file holds.
    ///
    /// # Errors
    ///
    /// If the disk is full, or the like.
    pub fn write(mut self, bytes: &[u8]) -> Result<()> {
        let write = |file: &mut File| {
            file.write_all(bytes)?;
            // A pipe or a device has no length.
            if file.metadata()?.is_file() {
                file.set_len(bytes.len() as u64)?;
            }
            file.flush()
        };
        write(&mut self.file).with_context(|| format!("cannot write {}", self.path.display()))
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
        let error = Output::open(Path::new("/dev/null/rate.jpg")).expect_err("no folder");
        assert!(error.to_string().starts_with("cannot write /dev/null/rate.jpg: "), "{error}");
    }
}
