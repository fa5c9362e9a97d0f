//! The terminal of a dialogue, which is shared with the shell, the window, and whatever ends the
//! program.

use std::env;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use echo_instruments::signals::{self, Stop};
use rustix::process::{Signal, kill_current_process_group};
use rustix::stdio::stdout;
use rustix::termios::tcgetwinsize;

use super::modes::Modes;

/// The width that is assumed for a window of unknown size.
const COLUMNS: usize = 80;

/// A terminal; when this is dropped, it is as it was before.
#[derive(Debug)]
pub(super) struct Terminal {
    /// Its modes, if lines are edited on it.
    modes: Option<Arc<Modes>>,
    /// The signals that concern it.
    notices: UnixStream,
    stop: Stop,
}

impl Terminal {
    /// The terminal of standard input and output, which is left when `stop` is requested. It is
    /// not changed before it is [resumed](Self::resume).
    ///
    /// # Errors
    ///
    /// If it is not a terminal, or signals cannot be caught.
    pub(super) fn new(stop: Stop) -> io::Result<Self> {
        let modes = can_edit().then(Modes::new).transpose()?.map(Arc::new);
        let signals = [Signal::CONT, Signal::WINCH, Signal::INT, Signal::TERM, Signal::HUP];
        // Where the terminal edits the line itself, only a stop hides it.
        let notices = signals::notice(if modes.is_some() { &signals } else { &signals[..1] })?;
        Ok(Self { modes, notices, stop })
    }

    /// Its modes, if lines are edited on it.
    pub(super) fn modes(&self) -> Option<Arc<Modes>> {
        self.modes.clone()
    }

    /// Whether the user has left, and the row of the prompt is still to be left.
    pub(super) fn is_left(&self) -> bool {
        self.modes.is_some() && self.stop.requested()
    }

    /// Stops the program until the shell continues it, as Ctrl+Z does. Meanwhile the shell has the
    /// terminal.
    pub(super) fn suspend(&self) -> io::Result<()> {
        if let Some(modes) = &self.modes {
            modes.give_back();
        }
        kill_current_process_group(Signal::TSTP)?;
        self.resume()
    }

    /// Takes the terminal, at first and after each notice: another program may have had it.
    pub(super) fn resume(&self) -> io::Result<()> {
        // The number of notices does not matter.
        let _ = (&self.notices).read(&mut [0; 64]);
        match &self.modes {
            // Who ends a job that is stopped has it go on in the background, where it must not
            // touch the modes.
            Some(modes) if !self.is_left() => modes.enter(),
            _ => Ok(()),
        }
    }

    /// The width of the terminal.
    pub(super) fn columns(&self) -> usize {
        match tcgetwinsize(stdout()) {
            Ok(size) if size.ws_col > 0 => size.ws_col.into(),
            _ => COLUMNS,
        }
    }
}

/// Readable when there is a notice.
impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notices.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(modes) = &self.modes {
            modes.restore();
        }
    }
}

/// Whether lines can be edited on the terminal, as far as it says.
fn can_edit() -> bool {
    env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}
