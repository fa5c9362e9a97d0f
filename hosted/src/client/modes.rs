//! The modes of the terminal while lines are edited on it.
//!
//! However the client ends, the shell gets its terminal back as it was. While it runs, the kernel
//! edits nothing: a line of any length arrives whole, and what is typed ahead is kept.

use std::io::{self, Write};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use echo_instruments::terminal::streams::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
    tcsetattr,
};

/// Switches bracketed paste on; the next constant switches it off.
const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const MARK_NO_PASTES: &[u8] = b"\x1b[?2004l";

/// The value of a control character that no key has.
const NO_KEY: u8 = if cfg!(any(target_os = "linux", target_os = "android")) { 0 } else { 0xff };

/// The modes as they were found, and as they are for editing.
#[derive(Debug)]
pub(super) struct Modes {
    found: Termios,
    edited: Termios,
    /// Whether they have been restored for good.
    over: Mutex<bool>,
}

impl Modes {
    /// The modes of the terminal of standard input. They are not set yet.
    ///
    /// # Errors
    ///
    /// If it is not a terminal.
    pub(super) fn new() -> io::Result<Self> {
        let found = tcgetattr(stdin())?;
        let mut edited = found.clone();
        edited.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN;
        edited.input_modes -= InputModes::ICRNL
            | InputModes::INLCR
            | InputModes::IGNCR
            | InputModes::ISTRIP
            | InputModes::IXON;
        // Ctrl+C stays a signal, which works whatever the program does. Ctrl+Z becomes a byte, since the
        // modes have to be given back first; Ctrl+\ would leave them.
        for (code, value) in [
            (SpecialCodeIndex::VSUSP, NO_KEY),
            (SpecialCodeIndex::VQUIT, NO_KEY),
            (SpecialCodeIndex::VMIN, 1),
            (SpecialCodeIndex::VTIME, 0),
        ] {
            edited.special_codes[code] = value;
        }
        Ok(Self { found, edited, over: Mutex::new(false) })
    }

    /// Sets those for editing, whatever they are now: after a stop they may be the shell's.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) fn enter(&self) -> io::Result<()> {
        let over = self.over();
        if !*over {
            tcsetattr(stdin(), OptionalActions::Now, &self.edited)?;
            tell(MARK_PASTES);
        }
        Ok(())
    }

    /// Restores those that were found, if the job is in the foreground: in the background the
    /// shell has set its own, and a job that changes them is stopped.
    pub(super) fn give_back(&self) {
        if tcgetpgrp(stdin()).is_ok_and(|foreground| foreground != getpgrp()) {
            return;
        }
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.found);
        tell(MARK_NO_PASTES);
    }

    /// Gives the terminal back for good.
    pub(super) fn restore(&self) {
        let mut over = self.over();
        if !mem::replace(&mut *over, true) {
            self.give_back();
        }
    }

    fn over(&self) -> MutexGuard<'_, bool> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to the terminal, if it takes the bytes now: nothing depends on it.
fn tell(bytes: &[u8]) {
    let output = stdout();
    let mut output = [PollFd::new(&output, PollFlags::OUT)];
    if poll(&mut output, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|n| n > 0) {
        let _ = Stream::stdout().write_all(bytes);
    }
}
