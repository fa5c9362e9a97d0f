//! Standard output, which takes one result.

use std::path::Path;

use anyhow::{Result, bail};

use crate::files::is_stdout;
use crate::verdict::Misuse;

/// Refuses to write two things to standard output.
pub(super) fn one_on_stdout<'a>(
    json: bool,
    exports: impl Iterator<Item = (&'static str, &'a Path)>,
) -> Result<()> {
    let exports = exports.filter(|(_, path)| is_stdout(path)).map(|(flag, _)| flag);
    let all: Vec<_> = json.then_some("--json").into_iter().chain(exports).collect();
    if let [one, other, ..] = all[..] {
        bail!(Misuse(format!("cannot write both {one} and {other} to stdout: name a file")));
    }
    Ok(())
}
