//! The output on stderr: notes, errors, and the frames of the live lines. One thread
//! writes them all, so that nothing else waits for a reader.

use std::error::Error;
use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

use crate::reason::reason;
use crate::terminal::escape;
use crate::terminal::outlet::Outlet;
use crate::terminal::streams::Stream;

/// How long to wait for a reader of stderr.
const PATIENCE: Duration = Duration::from_secs(1);

/// All that is written to stderr goes this way.
pub(super) static STDERR: LazyLock<Option<Outlet>> =
    LazyLock::new(|| Outlet::new(Stream::stderr(), || {}).ok());

/// Prints a note to the user that is not part of the result. Waits for it to be read, but not for
/// ever.
pub fn note(text: &str) {
    remark(text);
    settle();
}

/// Prints a remark to the user without waiting for it to be read. Control sequences in it are
/// escaped.
pub fn remark(text: &str) {
    let text = escape::lines(text);
    match &*STDERR {
        Some(stderr) => stderr.line(format_args!("{text}")),
        // No thread could be started, which may be the very error to be reported.
        None => _ = writeln!(Stream::stderr(), "{text}"),
    }
}

/// Waits a while for what was printed to be read.
pub(crate) fn settle() {
    if let Some(stderr) = &*STDERR {
        stderr.settle(PATIENCE);
    }
}

/// Prints the error that ended the program.
pub fn complain(error: &anyhow::Error) {
    let word = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref().map_or_else(|| cause.to_string(), reason)
    };
    note(&format!("error: {}", error.chain().map(word).collect::<Vec<_>>().join(": ")));
}
