//! Lines that are drawn over themselves while a run goes on, and what becomes of them where
//! there is no terminal.

mod frames;

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

use self::frames::Frames;
use crate::terminal::notes::{STDERR, remark, settle};
use crate::terminal::outlet::Outlet;

/// Without a terminal a line is written this often, so that the log of a long run shows that it is alive, and
/// how; a short run leaves no trace.
const PAUSE: Duration = Duration::from_secs(10);

/// Draws a few lines over themselves on a terminal; elsewhere it writes a plain
/// line now and then. A text that nobody sees is never worded.
///
/// There is no ticker thread: the measuring loop draws, between two messages.
#[derive(Debug)]
pub(crate) struct Live {
    bar: ProgressBar,
    /// When the next plain line is due; None for none at all.
    plain: Option<Duration>,
    /// How the terminal was before.
    terminal: Option<Termios>,
}

impl Live {
    /// Lines that appear with the first text; plain ones only if they are wanted.
    #[must_use]
    pub(crate) fn new(plain: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let seen = io::stderr().is_terminal() && !dumb && in_the_foreground();
        let target = if seen {
            ProgressDrawTarget::term_like(Box::new(Frames::default()))
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::with_template("{msg}").expect("a template of ours"));
        let terminal = if seen { hide_control_characters() } else { None };
        Self { bar, plain: (plain && !seen).then_some(PAUSE), terminal }
    }

    /// Draws the `lines`, or writes the `line` if one is due at `elapsed`.
    pub(crate) fn show(
        &mut self,
        elapsed: Duration,
        lines: impl FnOnce() -> String,
        line: impl FnOnce() -> String,
    ) {
        if !self.bar.is_hidden() {
            self.draw(lines);
        } else if let Some(due) = self.plain.filter(|due| elapsed >= *due) {
            remark(&line());
            self.plain = Some(due.max(elapsed) + PAUSE);
        }
    }

    /// Draws what is done before the run, on a terminal only.
    pub(crate) fn prepare(&self, line: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            self.draw(line);
        }
    }

    /// A terminal that stands still is shown what comes when it can take it.
    fn draw(&self, lines: impl FnOnce() -> String) {
        if STDERR.as_ref().is_some_and(Outlet::is_settled) {
            self.bar.set_message(cut(&lines(), size().1.into()));
        }
    }
}

/// They go before the report comes.
impl Drop for Live {
    fn drop(&mut self) {
        if !self.bar.is_hidden() {
            settle();
            self.bar.finish_and_clear();
            settle();
        }
        if let Some(before) = self.terminal.as_ref().filter(|_| in_the_foreground()) {
            let _ = tcsetattr(io::stderr(), OptionalActions::Now, before);
        }
    }
}

/// Whether the terminal is this job's. A job in the background that changes the terminal is stopped
/// by the system.
fn in_the_foreground() -> bool {
    tcgetpgrp(io::stderr()).is_ok_and(|foreground| foreground == getpgrp())
}

/// Where the terminal writes `^C` the lines could not be cleared: it would break
/// the last one. Returns how the terminal was before.
fn hide_control_characters() -> Option<Termios> {
    let before = tcgetattr(io::stderr()).ok()?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHOCTL);
    tcsetattr(io::stderr(), OptionalActions::Now, &hidden).ok().map(|()| before)
}

/// Rows and columns of the terminal.
fn size() -> (u16, u16) {
    let size = tcgetwinsize(io::stderr()).map(|size| (size.ws_row, size.ws_col));
    size.ok().filter(|(rows, columns)| *rows > 0 && *columns > 0).unwrap_or((24, 80))
}

/// A line that is broken by the terminal cannot be drawn over.
pub(crate) fn cut(text: &str, width: usize) -> String {
    text.lines().map(|line| fitting(line, width)).collect::<Vec<_>>().join("\n")
}

/// The parts of a line that fit. Of half a number nobody could tell that it is half.
fn fitting(line: &str, width: usize) -> &str {
    let Some((end, _)) = line.char_indices().nth(width) else { return line };
    let whole = line.match_indices(GAP).map(|(at, _)| at).take_while(|at| *at <= end).last();
    &line[..whole.unwrap_or(end)]
}

/// It stands between the parts of a line.
const GAP: &str = "   ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_one_by_one() {
        assert_eq!(cut("▁▂▃▄\nabcdef\n", 3), "▁▂▃\nabc");
        assert_eq!(cut("▁▂   max 710 µs   end", 15), "▁▂   max 710 µs");
        assert_eq!(cut("▁▂   max 710 µs   end", 14), "▁▂");
    }
}
