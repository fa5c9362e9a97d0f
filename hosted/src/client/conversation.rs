//! The loop of the client: bytes, the next message, the wait.
//!
//! One thread waits for the connection and for the input at once, so that
//! either is heard whatever the other does. Unlike the server's, this wait
//! reports states and not changes: nothing is missed by looking too little.

use std::fs::File;
use std::io::{self, Stdout};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::{Endpoint, ExitScanner};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::exchange::{End, Exchange};
use super::input::{Input, Next};
use super::screen::Screen;
use crate::address::reason;
use crate::cli::{ClientArgs, Limit};
use crate::clock::Clock;
use crate::escape::Escaped;
use crate::pump::Pump;

/// A connection, and who talks over it.
pub(super) struct Conversation {
    stream: TcpStream,
    pump: Pump,
    scratch: Vec<u8>,
    clock: Clock,
    limit: Limit,
    exchange: Exchange,
    input: Input<File>,
    screen: Screen<Stdout>,
}

/// Why a conversation ended before it was over.
enum Trouble {
    Closed,
    Broken(io::Error),
    TimedOut,
    Unasked(Vec<u8>),
}

impl Conversation {
    /// Over a non-blocking `stream`.
    pub(super) fn new(
        args: &ClientArgs,
        stream: TcpStream,
        input: Input<File>,
        screen: Screen<Stdout>,
    ) -> Self {
        Self {
            stream,
            pump: Pump::new(),
            scratch: vec![0; args.buffer as usize],
            clock: Clock::start(),
            limit: args.timeout,
            exchange: Exchange::new(args.timeout.0),
            input,
            screen,
        }
    }

    /// Talks until there is no more to say, or no more can be. Returns what went
    /// wrong, in words.
    pub(super) fn run(mut self) -> Result<Option<String>> {
        let trouble = self.talk()?;
        self.screen.complete().and_then(|()| self.screen.fresh_line()).context(NO_OUTPUT)?;
        Ok(trouble.map(|trouble| self.complaint(&trouble)))
    }

    /// Message after message, to the end.
    fn talk(&mut self) -> Result<Option<Trouble>> {
        loop {
            let clock = self.clock;
            let moved = self.pump.run(
                &mut self.stream,
                &mut self.exchange,
                &mut self.scratch,
                clock.now(),
                || clock.now(),
            );
            self.screen.receive(&self.exchange.take_reply()).context(NO_OUTPUT)?;
            if let Err(error) = moved {
                return self.unless_all_is_said(Trouble::Broken(error));
            }
            self.exchange.handle_timeout(clock.now());
            if self.exchange.finished() {
                // What is broken says so when it is read; what is shut stays so.
                let _ = self.stream.shutdown(Shutdown::Write);
            }
            match self.exchange.end() {
                None => {}
                Some(End::Parted) => return Ok(None),
                Some(End::Closed) => return self.unless_all_is_said(Trouble::Closed),
                Some(End::TimedOut) => return Ok(Some(Trouble::TimedOut)),
                Some(End::Unasked(bytes)) => return Ok(Some(Trouble::Unasked(bytes))),
            }
            if self.exchange.answered() {
                self.screen.complete().context(NO_OUTPUT)?;
                if self.go_on()? {
                    continue;
                }
            }
            let now = clock.now();
            self.wait(self.exchange.deadline().map(|at| at.saturating_duration_since(now)))?;
        }
    }

    /// Gives the exchange its next command. Returns whether there was one.
    fn go_on(&mut self) -> Result<bool> {
        let now = self.clock.now();
        match self.input.next() {
            Next::Unknown => {
                self.screen.prompt().context(NO_OUTPUT)?;
                return Ok(false);
            }
            Next::Message(message) => {
                if !self.input.ended() {
                    self.screen.entered();
                }
                if is_exit(&message) {
                    self.exchange.exit(now, message);
                } else {
                    self.exchange.ask(now, message);
                }
            }
            Next::End => self.exchange.leave(now),
        }
        Ok(true)
    }

    /// Waits for the connection, and for input when it is its turn; at most for
    /// `patience`.
    fn wait(&mut self, patience: Option<Duration>) -> Result<()> {
        let mut of_stream = PollFlags::IN;
        if !self.exchange.to_send().is_empty() {
            of_stream |= PollFlags::OUT;
        }
        let mut sources =
            [PollFd::new(&self.stream, of_stream), PollFd::new(&self.input, PollFlags::IN)];
        let count = if self.exchange.answered() { 2 } else { 1 };
        // A time that the system cannot express is as good as none.
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match poll(&mut sources[..count], patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the server"),
        }
        let [stream, input] = sources.map(|source| source.revents());
        // An error shows both ways.
        self.pump.readable |= stream.intersects(!PollFlags::OUT);
        self.pump.writable |= stream.intersects(!PollFlags::IN);
        if !input.is_empty() {
            self.input.read().context("cannot read the standard input")?;
        }
        Ok(())
    }

    /// The end of the connection is `trouble`, unless nothing is owed and there
    /// is nothing more to say, as far as can be known without waiting.
    fn unless_all_is_said(&mut self, trouble: Trouble) -> Result<Option<Trouble>> {
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
        Ok((!all_is_said).then_some(trouble))
    }

    /// What happened, and what is owed.
    fn complaint(&self, trouble: &Trouble) -> String {
        let what = match trouble {
            Trouble::Closed => "the server closed the connection".into(),
            Trouble::Broken(error) => format!("the connection broke: {}", reason(error)),
            Trouble::TimedOut => format!("nothing moved for {} (--timeout)", self.limit),
            Trouble::Unasked(bytes) => {
                let excerpt = Escaped(&bytes[..bytes.len().min(EXCERPT)]);
                let dots = if bytes.len() > EXCERPT { "..." } else { "" };
                format!("the server sent more than it was sent: \"{excerpt}{dots}\"")
            }
        };
        match self.exchange.missing() {
            0 => what,
            missing => {
                format!("{what}; {missing} of {} bytes did not come back", self.exchange.asked())
            }
        }
    }
}

/// Whether the server takes `message` for the word that ends a session.
fn is_exit(message: &[u8]) -> bool {
    let mut scanner = ExitScanner::new();
    scanner.receive(message);
    scanner.holds_word()
}

const NO_OUTPUT: &str = "cannot write to the standard output";

/// How much is shown of bytes that nobody asked for.
const EXCERPT: usize = 60;
