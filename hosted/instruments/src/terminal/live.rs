//! Lines that are drawn over themselves while a run goes on, and what becomes of them where
//! there is no terminal.

mod frame;
mod suspension;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use self::suspension::Suspension;
use crate::terminal::notes::{STDERR, remark, settle};
use crate::terminal::outlet::Outlet;

/// Without a terminal a line is written this often, so that the log of a long run shows that it is alive, and
/// how; a short run leaves no trace.
const PAUSE: Duration = Duration::from_secs(10);

/// Draws a few lines over themselves on a terminal; elsewhere it writes a plain
/// line now and then. A text that is not shown is never formatted.
///
/// There is no ticker thread: the measuring loop draws, between two messages.
#[derive(Debug)]
pub(crate) struct Live {
    /// When the next plain line is due; None for none at all.
    plain: Option<Duration>,
    /// The handling of Ctrl+Z, if there is a terminal.
    suspension: Option<Arc<Suspension>>,
}

impl Live {
    /// Lines that appear with the first text; plain ones only if they are wanted.
    #[must_use]
    pub(crate) fn new(plain: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let seen = io::stderr().is_terminal() && !dumb && in_the_foreground();
        Self { plain: (plain && !seen).then_some(PAUSE), suspension: seen.then(Suspension::new) }
    }

    /// Draws the `lines` for this many columns, or writes the `line` if one is due at `elapsed`.
    pub(crate) fn show(
        &mut self,
        elapsed: Duration,
        lines: impl FnOnce(usize) -> String,
        line: impl FnOnce() -> String,
    ) {
        if self.suspension.is_some() {
            self.prepare(lines);
        } else if let Some(due) = self.plain.filter(|due| elapsed >= *due) {
            remark(&line());
            self.plain = Some(due.max(elapsed) + PAUSE);
        }
    }

    /// Draws what is done before the run, on a terminal only.
    pub(crate) fn prepare(&self, lines: impl FnOnce(usize) -> String) {
        let Some(suspension) = &self.suspension else { return };
        // A terminal that takes nothing now gets the lines that are current when it does.
        if STDERR.as_ref().is_some_and(Outlet::is_settled) && in_the_foreground() {
            let (rows, columns) = size();
            // A line as wide as the terminal leaves the position of the cursor undefined.
            let lines = lines(usize::from(columns) - 1);
            suspension.unless_stopping(|| write(&frame::drawn(&lines, rows.into())));
        }
    }

    /// Clears the lines, before something else is written there.
    pub(crate) fn clear(&self) {
        if self.suspension.is_some() && in_the_foreground() {
            settle();
            write(frame::CLEARED);
            settle();
        }
    }
}

/// The lines are cleared before the report comes.
impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
        if let Some(suspension) = &self.suspension {
            suspension.end();
        }
    }
}

fn write(text: &str) {
    if let Some(stderr) = &*STDERR {
        stderr.text(format_args!("{text}"));
    }
}

/// Whether the terminal is this job's. A job in the background that changes the terminal is stopped
/// by the system, and one that draws is in the way.
fn in_the_foreground() -> bool {
    tcgetpgrp(io::stderr()).is_ok_and(|foreground| foreground == getpgrp())
}

/// Rows and columns of the terminal.
fn size() -> (u16, u16) {
    let size = tcgetwinsize(io::stderr()).map(|size| (size.ws_row, size.ws_col));
    size.ok().filter(|(rows, columns)| *rows > 0 && *columns > 0).unwrap_or((24, 80))
}
