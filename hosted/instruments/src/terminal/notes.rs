//! What is told on stderr: notes, complaints, and the frames of the live lines. One thread
//! writes them all, so that nobody who tells something waits for a reader.

use std::error::Error;
use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

use crate::reason::reason;
use crate::terminal::escape;
use crate::terminal::outlet::Outlet;
use crate::terminal::streams::Stream;

/// How long a reader of stderr is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// All that is written to stderr goes this way.
pub(super) static STDERR: LazyLock<Option<Outlet>> =
    LazyLock::new(|| Outlet::new(Stream::stderr(), || {}).ok());

/// Tells the user something that is not the result. Nobody may be there to read it, so this
/// waits for a reader, but not for ever.
pub fn note(text: &str) {
    remark(text);
    settle();
}

/// Tells the user something in passing: nothing waits for it to be read. Whatever stands in
/// it, the terminal obeys none of it.
pub fn remark(text: &str) {
    let text = escape::lines(text);
    match &*STDERR {
        Some(stderr) => stderr.line(format_args!("{text}")),
        // There can be no more threads, which may be what is to be told.
        None => _ = writeln!(Stream::stderr(), "{text}"),
    }
}

/// Lets what was told be read, for a while.
pub(crate) fn settle() {
    if let Some(stderr) = &*STDERR {
        stderr.settle(PATIENCE);
    }
}

/// Tells the user why nothing came of it.
pub fn complain(error: &anyhow::Error) {
    let word = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref().map_or_else(|| cause.to_string(), reason)
    };
    note(&format!("error: {}", error.chain().map(word).collect::<Vec<_>>().join(": ")));
}
