//! A conversation over UDP: each message is one datagram, and the next is sent when its echo is
//! back, or when it is given up.
//!
//! Nothing is sent twice: a datagram that is lost is told, and so is whatever else comes than
//! the echo. The bytes of datagrams tell which is which, as far as they differ.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use anyhow::{Context, Result, anyhow};
use echo_core::Instant;
use echo_instruments::clock::Clock;
use echo_instruments::datagrams::LONGEST;
use echo_instruments::quantity::counted;
use echo_instruments::quantity::given::Limit;
use echo_instruments::reason::reason;
use echo_instruments::terminal::escape::Escaped;
use echo_instruments::terminal::notes::note;
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::conversation::{EXCERPT, Manner};
use super::input::Next;
use super::user::{NO_OUTPUT, User};
use crate::address::no_server;
use crate::datagrams::{Port, Report};

/// The number of datagrams that are remembered after they were given up.
const REMEMBERED: usize = 100;

pub(super) struct Post {
    manner: Manner,
    /// Whether somebody types, who is told at once.
    dialogue: bool,
    peer: SocketAddr,
    port: Port,
    user: User,
    clock: Clock,
    buffer: Vec<u8>,
    /// The datagram whose echo is expected.
    under_way: Option<Datagram>,
    /// The last one that came back, and those that did not.
    echoed: Option<Datagram>,
    given_up: VecDeque<Datagram>,
    /// The numbers of datagrams sent, and of those that came back as they were sent.
    sent: u64,
    well: u64,
}

struct Datagram {
    /// Its number, from 1.
    number: u64,
    bytes: Vec<u8>,
    /// When it is given up.
    deadline: Option<Instant>,
}

impl Datagram {
    /// As it is told of.
    fn name(&self) -> String {
        format!("datagram {} ({})", self.number, counted(self.bytes.len() as u64, "byte"))
    }
}

impl Post {
    /// A conversation with `peer` from this port.
    pub(super) fn new(
        manner: Manner,
        dialogue: bool,
        peer: SocketAddr,
        port: Port,
        user: User,
    ) -> Self {
        Self {
            manner,
            dialogue,
            peer,
            port,
            user,
            clock: Clock::start(),
            buffer: vec![0; 1 << 16],
            under_way: None,
            echoed: None,
            given_up: VecDeque::new(),
            sent: 0,
            well: 0,
        }
    }

    /// Sends until there is nothing more to send. Returns what went wrong, in words, unless the user has been told.
    pub(super) fn run(mut self) -> Result<Option<String>> {
        self.user.begin()?;
        let talked = self.talk();
        self.user.end()?;
        talked?;
        let bad = self.sent - self.well;
        if bad == 0 || self.dialogue {
            return Ok(None);
        }
        let all = counted(self.sent, "datagram");
        let hint = if self.well + u64::from(self.echoed.is_some()) > 0 { "" } else { NOTHING };
        Ok(Some(format!("{bad} of {all} did not come back as sent{hint}")))
    }

    fn talk(&mut self) -> Result<()> {
        loop {
            self.receive()?;
            let now = self.clock.now();
            let due = self.under_way.as_ref().and_then(|datagram| datagram.deadline);
            if due.is_some_and(|due| due <= now) {
                self.give_up(&format!("nothing came back within {}", Limit(self.manner.limit)))?;
                continue;
            }
            if self.under_way.is_none() {
                match self.user.next()? {
                    Next::Unknown => {}
                    Next::Message(message) if !self.dialogue || message != b"exit" => {
                        self.send(message)?;
                        continue;
                    }
                    Next::Message(_) | Next::End => return Ok(()),
                }
            }
            let turn = self.under_way.is_none();
            let patience = due.map(|due| due.saturating_duration_since(now));
            self.user.wait(self.port.socket().as_fd(), PollFlags::IN, turn, patience)?;
            if self.user.is_left() {
                return Ok(());
            }
        }
    }

    fn send(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.sent += 1;
        let deadline = self.manner.limit.and_then(|limit| self.clock.now().checked_add(limit));
        let sent = self.port.send(self.peer, &bytes);
        self.under_way = Some(Datagram { number: self.sent, bytes, deadline });
        sent.or_else(|error| self.fail(&cause(&error)))
    }

    /// Takes all that has come.
    fn receive(&mut self) -> Result<()> {
        loop {
            match self.port.receive(&mut self.buffer, false) {
                Ok(None) => return Ok(()),
                Ok(Some((length, from))) => {
                    let bytes = self.buffer[..length.min(self.buffer.len())].to_vec();
                    self.take(bytes, from)?;
                }
                Err(report) => self.hear(&report)?,
            }
        }
    }

    fn take(&mut self, bytes: Vec<u8>, from: Option<SocketAddr>) -> Result<()> {
        let is_it = |datagram: &Datagram| datagram.bytes == bytes;
        let excerpt = Escaped(&bytes[..bytes.len().min(EXCERPT)]);
        let dots = if bytes.len() > EXCERPT { "..." } else { "" };
        let what = format!("{} (\"{excerpt}{dots}\")", counted(bytes.len() as u64, "byte"));
        if let Some(from) = from.filter(|from| *from != self.peer) {
            return self.tell(&format!("{what} came from {from}, which was not asked"));
        }
        if !self.under_way.as_ref().is_some_and(is_it) {
            if let Some(at) = self.given_up.iter().position(is_it) {
                let late = self.given_up.remove(at).map(|late| late.name()).unwrap_or_default();
                return self.tell(&format!("{late} came back after it was given up"));
            }
            if let Some(again) = self.echoed.as_ref().filter(|echoed| is_it(echoed)) {
                return self.tell(&format!("{} came back once more", again.name()));
            }
        }
        let Some(datagram) = self.under_way.take() else {
            return self.tell(&format!("{what} came unasked"));
        };
        self.user.screen.receive_whole(&bytes).context(NO_OUTPUT)?;
        if datagram.bytes == bytes {
            self.well += 1;
        } else {
            let back = counted(bytes.len() as u64, "byte");
            self.tell(&format!("{} came back changed, as {back}", datagram.name()))?;
        }
        self.echoed = Some(datagram);
        Ok(())
    }

    /// The network reports on the datagram that is under way, or on one before it.
    fn hear(&mut self, report: &Report) -> Result<()> {
        let why = match report.icmp {
            Some(icmp) if report.errno != Errno::CONNREFUSED => icmp.to_string(),
            _ => cause(&report.errno.into()),
        };
        let begins = |datagram: &&Datagram| datagram.bytes.starts_with(report.quote());
        if self.dialogue
            && !self.under_way.as_ref().is_some_and(|it| begins(&it))
            && let Some(before) = self.given_up.iter().find(begins)
        {
            return self.tell(&format!("{}: {why}", before.name()));
        }
        self.fail(&why)
    }

    /// Nothing will come: who types can try again.
    fn fail(&mut self, why: &str) -> Result<()> {
        if self.dialogue {
            return self.give_up(why);
        }
        Err(anyhow!("cannot send to {}: {why}", self.peer))
    }

    fn give_up(&mut self, why: &str) -> Result<()> {
        let Some(datagram) = self.under_way.take() else { return self.tell(why) };
        self.tell(&format!("{}: {why}", datagram.name()))?;
        self.given_up.truncate(REMEMBERED - 1);
        self.given_up.push_front(datagram);
        Ok(())
    }

    /// Tells the user something on stderr.
    fn tell(&mut self, text: &str) -> Result<()> {
        self.user.screen.fresh_line().context(NO_OUTPUT)?;
        note(&format!("note: {text}"));
        Ok(())
    }
}

/// An error of the system in words.
fn cause(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => reason(error) + &no_server("--udp "),
        Some(Errno::MSGSIZE) => format!("{} ({LONGEST} bytes at most)", reason(error)),
        _ => reason(error),
    }
}

const NOTHING: &str =
    " (is a UDP echo server listening there, and does every firewall let it answer?)";
