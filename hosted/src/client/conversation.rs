//! The loop of the client: bytes, the next message, the wait.
//!
//! One thread waits for the connection and for the input at once, so that
//! neither has to wait for the other. Unlike the server's, this wait reports
//! states and not changes: nothing is missed by reading too little.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::{Endpoint, ExitScanner, Instant};
use echo_instruments::clock::Clock;
use echo_instruments::quantity::given::Limit;
use echo_instruments::reason::reason;
use echo_instruments::terminal::escape::Escaped;
use echo_instruments::terminal::streams::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::editor::Editor;
use super::exchange::{End, Exchange};
use super::input::{Input, Next};
use super::screen::{self, Screen};
use super::terminal::Terminal;
use crate::pump::Pump;

/// The manner of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// How long nothing may move while an echo is outstanding.
    pub(super) limit: Option<Duration>,
    /// The most bytes to read at once.
    pub(super) buffer: usize,
    /// Whether the input is a stream: it waits for no echo, and has to come back as it was sent.
    /// In it the word `exit` is data; alone in a message it is the command to leave.
    pub(super) stream: bool,
}

/// A connection, and what talks over it.
pub(super) struct Conversation {
    manner: Manner,
    stream: TcpStream,
    pump: Pump,
    scratch: Vec<u8>,
    clock: Clock,
    exchange: Exchange,
    input: Input<File>,
    screen: Screen<Stream>,
    /// The terminal of a dialogue.
    terminal: Option<Terminal>,
    /// The error that broke the connection; what has arrived is still read.
    broken: Option<io::Error>,
    /// When to check the time, and what the server has acknowledged.
    due: Option<Instant>,
    /// The number of bytes before the word `exit`, when it was last sent as a message.
    word: Option<u64>,
}

/// Why a conversation ended before it was over.
enum Trouble {
    Closed,
    TimedOut,
    Unasked(Vec<u8>),
    Differs,
}

impl Conversation {
    /// A conversation over a non-blocking `stream`.
    pub(super) fn new(
        manner: Manner,
        stream: TcpStream,
        input: Input<File>,
        screen: Screen<Stream>,
        terminal: Option<Terminal>,
    ) -> Self {
        Self {
            manner,
            stream,
            pump: Pump::new(),
            scratch: vec![0; manner.buffer],
            clock: Clock::start(),
            exchange: Exchange::new(manner.limit),
            input,
            screen,
            terminal,
            broken: None,
            due: None,
            word: None,
        }
    }

    /// Talks until there is nothing more to send, or nothing more can be. Returns what
    /// went wrong, in words.
    pub(super) fn run(mut self) -> Result<Option<String>> {
        if let Some(terminal) = &self.terminal {
            terminal.resume().context(NO_MODES)?;
        }
        let trouble = self.talk()?;
        self.screen.complete().and_then(|()| self.screen.fresh_line()).context(NO_OUTPUT)?;
        Ok(trouble.map(|trouble| self.complaint(&trouble)))
    }

    /// Exchanges message after message, to the end.
    fn talk(&mut self) -> Result<Option<Trouble>> {
        loop {
            let clock = self.clock;
            let now = clock.now();
            if self.due.is_some_and(|due| due <= now) {
                // It is given up if nothing moves, and its system acknowledges nothing.
                self.pump.delivery.look(&self.stream, &mut self.exchange, now);
            }
            let moved =
                self.pump.run(&mut self.stream, &mut self.exchange, &mut self.scratch, now, || {
                    clock.now()
                });
            self.screen.receive(&self.exchange.take_reply()).context(NO_OUTPUT)?;
            if let Err(error) = moved {
                if self.broken.is_some() {
                    return self.unless_all_is_said();
                }
                // Nothing can be sent any more; what came before may not be read yet.
                self.broken = Some(error);
                (self.pump.readable, self.pump.writable) = (true, false);
                continue;
            }
            match self.exchange.end() {
                None => {}
                Some(End::Parted | End::Closed) => return self.unless_all_is_said(),
                Some(End::TimedOut) => return Ok(Some(Trouble::TimedOut)),
                Some(End::Unasked(bytes)) => return Ok(Some(Trouble::Unasked(bytes))),
            }
            if !self.manner.stream && self.exchange.answered() {
                self.screen.complete().context(NO_OUTPUT)?;
            }
            if self.turn() && self.go_on()? {
                continue;
            }
            let now = clock.now();
            self.due = self.exchange.deadline().map(|at| self.pump.delivery.due(at, now));
            self.wait(self.due.map(|at| at.saturating_duration_since(now)))?;
            if self.terminal.as_ref().is_some_and(Terminal::is_left) {
                return Ok(None);
            }
        }
    }

    /// Whether it is the input's turn.
    fn turn(&self) -> bool {
        if self.manner.stream { self.exchange.ready() } else { self.exchange.answered() }
    }

    /// Gives the exchange its next command. Returns whether there was one.
    fn go_on(&mut self) -> Result<bool> {
        let now = self.clock.now();
        match self.input.next() {
            Next::Unknown => {
                let columns = self.terminal.as_ref().map_or(0, Terminal::columns);
                let row = self.input.editor().map(|editor| screen::row(editor.line(), columns));
                self.screen.prompt(&row.unwrap_or_default()).context(NO_OUTPUT)?;
                return Ok(false);
            }
            Next::Message(message) => {
                if !self.input.ended() {
                    self.screen.entered(&message).context(NO_OUTPUT)?;
                }
                let exit = is_exit(&message);
                if exit {
                    self.word = Some(self.exchange.asked());
                }
                if exit && !self.manner.stream {
                    self.exchange.exit(now, message);
                } else {
                    self.exchange.ask(now, message);
                }
            }
            Next::End => self.exchange.leave(now),
        }
        Ok(true)
    }

    /// Waits for the connection, for what concerns the terminal, and for input when it is its
    /// turn; at most for `patience`.
    fn wait(&mut self, patience: Option<Duration>) -> Result<()> {
        let mut of_stream = PollFlags::IN;
        if !self.exchange.to_send().is_empty() {
            of_stream |= PollFlags::OUT;
        }
        let notices = self.terminal.as_ref().map_or(self.stream.as_fd(), Terminal::as_fd);
        let mut sources = [
            PollFd::from_borrowed_fd(notices, PollFlags::IN),
            PollFd::new(&self.stream, of_stream),
            PollFd::new(&self.input, PollFlags::IN),
        ];
        let first = if self.terminal.is_some() { 0 } else { 1 };
        let end = if self.turn() || self.input.reads_ahead() { 3 } else { 2 };
        // A time that the system cannot express is as good as none.
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match poll(&mut sources[first..end], patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the server"),
        }
        let [notices, stream, input] = sources.map(|source| source.revents());
        // An error makes the stream both readable and writable.
        self.pump.readable |= stream.intersects(!PollFlags::OUT);
        self.pump.writable |= stream.intersects(!PollFlags::IN);
        if !input.is_empty() {
            self.input.read().context("cannot read stdin")?;
        }
        if let Some(terminal) = &self.terminal {
            let suspended = self.input.editor().is_some_and(Editor::take_suspended);
            let seen = match (suspended, notices.is_empty()) {
                (true, _) => terminal.suspend(),
                (false, false) => terminal.resume(),
                (false, true) => return Ok(()),
            };
            seen.context(NO_MODES)?;
            self.screen.disturb();
        }
        Ok(())
    }

    /// The end of the connection is trouble, unless the whole echo came and there is
    /// no more input, as far as can be known without waiting.
    fn unless_all_is_said(&mut self) -> Result<Option<Trouble>> {
        let all_is_said = self.exchange.parting()
            || self.exchange.missing() == 0
                && match self.input.next() {
                    Next::End => true,
                    Next::Message(_) => false,
                    Next::Unknown => {
                        self.wait(Some(Duration::ZERO))?;
                        self.input.next() == Next::End
                    }
                };
        Ok(if !all_is_said {
            Some(Trouble::Closed)
        } else if self.manner.stream && self.exchange.differs() {
            Some(Trouble::Differs)
        } else {
            None
        })
    }

    /// What went wrong, and how much of the echo is missing.
    fn complaint(&self, trouble: &Trouble) -> String {
        let (asked, back) = (self.exchange.asked(), self.exchange.echoed());
        let mut text = match (trouble, &self.broken) {
            (Trouble::Closed, None) => "the server closed the connection".into(),
            (Trouble::Closed, Some(error)) => format!("the connection broke: {}", reason(error)),
            (Trouble::TimedOut, _) => {
                format!("no answer for {} (--timeout)", Limit(self.manner.limit))
            }
            (Trouble::Unasked(bytes), _) => {
                let excerpt = Escaped(&bytes[..bytes.len().min(EXCERPT)]);
                let dots = if bytes.len() > EXCERPT { "..." } else { "" };
                format!("the server sent more than the echo: \"{excerpt}{dots}\"")
            }
            (Trouble::Differs, _) => {
                format!("{back} bytes came back, as many as were sent, but they differ")
            }
        };
        if back < asked {
            text += &format!("; {back} of {asked} bytes came back");
        } else if self.manner.stream && matches!(trouble, Trouble::Closed) {
            text += &format!("; {back} bytes came back, but there is more input");
        }
        if back < asked && self.word == Some(back) && matches!(trouble, Trouble::Closed) {
            text += " (the message `exit` ends a session, unless the server runs with --rfc862)";
        }
        text
    }
}

/// Whether the server takes `message` for the word that ends a session.
fn is_exit(message: &[u8]) -> bool {
    let mut scanner = ExitScanner::new();
    scanner.receive(message);
    scanner.holds_word()
}

const NO_OUTPUT: &str = "cannot write to stdout";
const NO_MODES: &str = "cannot set the terminal modes";

/// The number of bytes that are shown of unexpected ones.
const EXCERPT: usize = 60;
