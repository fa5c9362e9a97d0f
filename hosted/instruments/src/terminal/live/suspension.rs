//! Ctrl+Z while lines are drawn: the shell finds a terminal as it was before them, and they are
//! drawn again when the job goes on.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, getpgid, getpid, getsid};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::frame::CLEARED;
use super::{in_the_foreground, write};
use crate::beside::beside;
use crate::signals::{before_exit, is_ignored};
use crate::terminal::notes::settle;

/// The state of the terminal that is changed while lines are drawn.
#[derive(Debug)]
pub(super) struct Suspension {
    /// The former modes of the terminal; None while they are in force.
    terminal: Mutex<Option<Termios>>,
}

impl Suspension {
    /// Begins: lines are drawn from now on.
    pub(super) fn new() -> Arc<Self> {
        let this = Arc::new(Self { terminal: hide_control_characters().into() });
        if !is_ignored(SIGTSTP) {
            // Without it the job is stopped with its lines on the screen.
            let _ = this.watch();
        }
        let weak = Arc::downgrade(&this);
        before_exit(move || weak.upgrade().iter().for_each(|this| this.end()));
        this
    }

    /// Ends: the lines have been cleared.
    pub(super) fn end(&self) {
        restore(&mut self.terminal());
    }

    /// Draws, unless the process is just stopping.
    pub(super) fn unless_stopping(&self, draw: impl FnOnce()) {
        if let Ok(_terminal) = self.terminal.try_lock() {
            draw();
        }
    }

    fn terminal(&self) -> MutexGuard<'_, Option<Termios>> {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Clears the lines and stops the process when it is asked to stop.
    fn watch(self: &Arc<Self>) -> io::Result<()> {
        let mut signals = Signals::new([SIGTSTP])?;
        let this = Arc::downgrade(self);
        beside("suspension", move || {
            for _ in signals.forever() {
                // Like the system, do nothing where no shell could continue the job.
                if is_orphan() {
                    continue;
                }
                let Some(this) = this.upgrade() else {
                    let _ = emulate_default_handler(SIGTSTP);
                    continue;
                };
                let mut terminal = this.terminal();
                if in_the_foreground() {
                    write(CLEARED);
                    settle();
                    restore(&mut terminal);
                }
                let _ = emulate_default_handler(SIGTSTP);
                if in_the_foreground() {
                    *terminal = hide_control_characters();
                }
            }
        })?;
        Ok(())
    }
}

/// Where the terminal writes `^C` the lines could not be cleared: it would break
/// one of them. Returns how the terminal was before.
fn hide_control_characters() -> Option<Termios> {
    let before = tcgetattr(io::stderr()).ok()?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHOCTL);
    tcsetattr(io::stderr(), OptionalActions::Now, &hidden).ok().map(|()| before)
}

fn restore(terminal: &mut Option<Termios>) {
    if let Some(before) = terminal.take().filter(|_| in_the_foreground()) {
        let _ = tcsetattr(io::stderr(), OptionalActions::Now, &before);
    }
}

/// Whether no process of this session outside the process group is a parent of one in it: then
/// no shell is there to continue a stopped job.
fn is_orphan() -> bool {
    let (group, session) = (getpgid(None), getsid(None));
    let mut process = getpid();
    loop {
        let Some(parent) = parent(process) else { return true };
        if getsid(Some(parent)) != session {
            return true;
        }
        if getpgid(Some(parent)) != group {
            return false;
        }
        process = parent;
    }
}

fn parent(process: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Pid::from_raw(parent.trim().parse().ok()?)
}
