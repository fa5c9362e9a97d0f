//! `--output`: the file of a figure, whose name says its format.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};

/// A file name, which may be any bytes.
pub(super) fn figure() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(of_known_format)
}

fn of_known_format(path: PathBuf) -> Result<PathBuf, &'static str> {
    let known = |extension: &str| {
        ["jpg", "jpeg", "png", "svg"].iter().any(|one| extension.eq_ignore_ascii_case(one))
    };
    match path.extension().and_then(OsStr::to_str) {
        Some(extension) if known(extension) => Ok(path),
        // No file can be made there: opening it fails, and gives the reason.
        _ if path.is_dir() => Ok(path),
        _ => Err("a figure is a .jpg, .png or .svg"),
    }
}
