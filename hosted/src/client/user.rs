//! The user's side of a conversation: what is to be sent, what is shown, and the terminal.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use echo_instruments::terminal::streams::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::editor::Editor;
use super::input::{Input, Next};
use super::screen::{self, Screen};
use super::terminal::Terminal;

pub(super) struct User {
    pub(super) input: Input<File>,
    pub(super) screen: Screen<Stream>,
    /// The terminal of a dialogue.
    terminal: Option<Terminal>,
}

impl User {
    pub(super) const fn new(
        input: Input<File>,
        screen: Screen<Stream>,
        terminal: Option<Terminal>,
    ) -> Self {
        Self { input, screen, terminal }
    }

    /// Takes the terminal.
    pub(super) fn begin(&self) -> Result<()> {
        self.terminal.as_ref().map_or(Ok(()), Terminal::resume).context(NO_MODES)
    }

    /// Shows all that has come, and leaves the line of the prompt.
    pub(super) fn end(&mut self) -> Result<()> {
        self.screen.complete().and_then(|()| self.screen.fresh_line()).context(NO_OUTPUT)
    }

    /// Whether the user has left.
    pub(super) fn is_left(&self) -> bool {
        self.terminal.as_ref().is_some_and(Terminal::is_left)
    }

    /// The next message; prompts for it if it is not known yet.
    pub(super) fn next(&mut self) -> Result<Next> {
        let next = self.input.next();
        match &next {
            Next::Unknown => {
                let columns = self.terminal.as_ref().map_or(0, Terminal::columns);
                let row = self.input.editor().map(|editor| screen::row(editor.line(), columns));
                self.screen.prompt(&row.unwrap_or_default()).context(NO_OUTPUT)?;
            }
            Next::Message(message) if !self.input.ended() => {
                self.screen.entered(message).context(NO_OUTPUT)?;
            }
            _ => {}
        }
        Ok(next)
    }

    /// Waits for the `socket`, for what concerns the terminal, and for input if it is its `turn`; at
    /// most for `patience`. Returns what the socket is ready for.
    pub(super) fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: PollFlags,
        turn: bool,
        patience: Option<Duration>,
    ) -> Result<PollFlags> {
        let notices = self.terminal.as_ref().map_or(socket, Terminal::as_fd);
        let first = usize::from(self.terminal.is_none());
        let mut sources = [
            PollFd::from_borrowed_fd(notices, PollFlags::IN),
            PollFd::from_borrowed_fd(socket, interest),
            PollFd::new(&self.input, PollFlags::IN),
        ];
        let end = if turn || self.input.reads_ahead() { 3 } else { 2 };
        // A time that the system cannot express is as good as none.
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match poll(&mut sources[first..end], patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the server"),
        }
        let [notices, socket, input] = sources.map(|source| source.revents());
        if !input.is_empty() {
            self.input.read().context("cannot read stdin")?;
        }
        if let Some(terminal) = &self.terminal {
            let suspended = self.input.editor().is_some_and(Editor::take_suspended);
            let seen = match (suspended, notices.is_empty()) {
                (true, _) => terminal.suspend(),
                (false, false) => terminal.resume(),
                (false, true) => return Ok(socket),
            };
            seen.context(NO_MODES)?;
            self.screen.disturb();
        }
        Ok(socket)
    }
}

pub(super) const NO_OUTPUT: &str = "cannot write to stdout";
const NO_MODES: &str = "cannot set the terminal modes";
