//! What people see: text on stdout and stderr, on a terminal or elsewhere.

pub mod escape;
pub(crate) mod live;
pub mod notes;
pub(crate) mod outlet;
pub mod streams;
pub(crate) mod wrap;

use std::io::IsTerminal;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// The number of columns of a stream, if it is a terminal that reports it.
pub(crate) fn width(stream: impl AsFd + IsTerminal) -> Option<usize> {
    let size = stream.is_terminal().then(|| tcgetwinsize(stream).ok())??;
    (size.ws_col > 0).then_some(size.ws_col.into())
}
