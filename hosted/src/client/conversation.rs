//! The loop of the client: bytes, the next message, the wait.
//!
//! One thread waits for the connection and for the input at once, so that
//! neither has to wait for the other. Unlike the server's, this wait reports
//! states and not changes: nothing is missed by reading too little.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::{Endpoint, ExitScanner, Instant};
use echo_instruments::clock::Clock;
use echo_instruments::quantity::given::Limit;
use echo_instruments::quantity::{count, counted};
use echo_instruments::reason::reason;
use echo_instruments::terminal::escape::Escaped;
use rustix::event::PollFlags;

use super::exchange::{End, Exchange};
use super::input::Next;
use super::user::{NO_OUTPUT, User};
use crate::pump::Pump;

/// The manner of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// How long nothing may move while an echo is outstanding.
    pub(super) limit: Option<Duration>,
    /// The most bytes to read at once.
    pub(super) buffer: usize,
    /// Whether the input is a stream: it waits for no echo, and in it the word `exit` is data.
    /// Alone in a message it is the command to leave.
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
    user: User,
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
    pub(super) fn new(manner: Manner, stream: TcpStream, user: User) -> Self {
        Self {
            manner,
            stream,
            pump: Pump::new(),
            scratch: vec![0; manner.buffer],
            clock: Clock::start(),
            exchange: Exchange::new(manner.limit),
            user,
            broken: None,
            due: None,
            word: None,
        }
    }

    /// Talks until there is nothing more to send, or nothing more can be. Returns what
    /// went wrong, in words.
    pub(super) fn run(mut self) -> Result<Option<String>> {
        self.user.begin()?;
        let trouble = self.talk()?;
        self.user.end()?;
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
            self.user.screen.receive(&self.exchange.take_reply()).context(NO_OUTPUT)?;
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
                self.user.screen.complete().context(NO_OUTPUT)?;
            }
            if self.turn() && self.go_on()? {
                continue;
            }
            let now = clock.now();
            self.due = self.exchange.deadline().map(|at| self.pump.delivery.due(at, now));
            self.wait(self.due.map(|at| at.saturating_duration_since(now)))?;
            if self.user.is_left() {
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
        match self.user.next()? {
            Next::Unknown => return Ok(false),
            Next::Message(message) => {
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

    /// Waits for the connection, and for the user; at most for `patience`.
    fn wait(&mut self, patience: Option<Duration>) -> Result<()> {
        let mut interest = PollFlags::IN;
        if !self.exchange.to_send().is_empty() {
            interest |= PollFlags::OUT;
        }
        let turn = self.turn();
        let ready = self.user.wait(self.stream.as_fd(), interest, turn, patience)?;
        // An error makes the stream both readable and writable.
        self.pump.readable |= ready.intersects(!PollFlags::OUT);
        self.pump.writable |= ready.intersects(!PollFlags::IN);
        Ok(())
    }

    /// The end of the connection is trouble, unless the whole echo came and there is
    /// no more input, as far as can be known without waiting.
    fn unless_all_is_said(&mut self) -> Result<Option<Trouble>> {
        let all_is_said = self.exchange.parting()
            || self.exchange.missing() == 0
                && match self.user.input.next() {
                    Next::End => true,
                    Next::Message(_) => false,
                    Next::Unknown => {
                        self.wait(Some(Duration::ZERO))?;
                        self.user.input.next() == Next::End
                    }
                };
        Ok(if !all_is_said {
            Some(Trouble::Closed)
        } else if self.exchange.differs() {
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
                format!(
                    "{} came back, as many as were sent, but not the same",
                    counted(back, "byte")
                )
            }
        };
        if back < asked {
            text += &format!("; {} of {} came back", count(back), counted(asked, "byte"));
        } else if self.manner.stream && matches!(trouble, Trouble::Closed) {
            text += &format!("; {} came back, but there is more input", counted(back, "byte"));
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

/// The number of bytes that are shown of unexpected ones.
pub(super) const EXCERPT: usize = 60;
