//! The terminal of the live panel: what is drawn goes the way of all that is written to stderr,
//! so that one under Ctrl+S stops no measurement.

use std::fmt::Write;
use std::io;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

use super::size;
use crate::terminal::notes::STDERR;

/// Gathers the changes of a frame, which are shown at once.
#[derive(Debug, Default)]
pub(super) struct Frames(Mutex<String>);

impl Frames {
    fn frame(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the cursor by `n` cells in the direction of the control sequence's `letter`.
    fn go(&self, n: usize, letter: char) -> io::Result<()> {
        if n > 0 {
            let _ = write!(self.frame(), "\x1b[{n}{letter}");
        }
        Ok(())
    }
}

impl TermLike for Frames {
    fn width(&self) -> u16 {
        size().1
    }

    fn height(&self) -> u16 {
        size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        let _ = writeln!(self.frame(), "{s}");
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.frame().push_str(s);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        if let Some(stderr) = &*STDERR {
            stderr.text(format_args!("{}", mem::take(&mut *self.frame())));
        }
        Ok(())
    }
}
