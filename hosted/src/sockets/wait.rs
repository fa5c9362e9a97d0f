//! Waiting for connections.
//!
//! One connection with messages that fit into its buffers is waited for inside
//! the read itself. Several, or messages that must be written and read in turns, are
//! waited for by the system's event queue.

use std::io::{self, ErrorKind};
use std::time::Duration;

use echo_core::Instant;
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::stack::Busy;
use echo_instruments::timer::Timer;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use super::link::Link;
use crate::patience::{Patience, Way, is_readable};
use crate::pump::Pump;

/// The longest message that is waited for inside the read: it fits into the buffers of any system.
const INSIDE: u64 = 16 << 10;

/// The token of the timer's events; no link has this number.
const TIMER: Token = Token(usize::MAX - 1);

pub(super) struct Wait {
    poll: Poll,
    events: Events,
    /// The timer that wakes exactly at the instant of a schedule.
    timer: Option<Timer>,
    /// Links that have more to move than their turn allowed.
    again: Vec<usize>,
    patience: Patience,
}

impl Wait {
    pub(super) fn new(plan: &Plan) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = if plan.pace == Pace::Closed {
            None
        } else {
            let timer = Timer::new()?;
            if let Some(descriptor) = timer.descriptor() {
                let interest = Interest::READABLE;
                poll.registry().register(&mut SourceFd(&descriptor), TIMER, interest)?;
            }
            Some(timer)
        };
        let one = plan.connections == 1 && !plan.per_message;
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            timer,
            again: Vec::new(),
            patience: Patience::new(plan, one && plan.length <= INSIDE),
        })
    }

    /// Watches this link's stream for changes.
    pub(super) fn watch(&self, link: &mut Link, number: usize) -> io::Result<()> {
        link.source().map_or(Ok(()), |stream| {
            self.poll.registry().register(stream, Token(number), Pump::interest())
        })
    }

    /// Whether streams are waited for in their reads, and not watched.
    pub(super) fn is_inside(&self) -> bool {
        self.patience.inside().is_some()
    }

    /// Prepares a stream that has just been connected.
    pub(super) fn opened(&self, stream: &mut TcpStream) -> io::Result<()> {
        if let Some(slice) = self.patience.inside() {
            self.poll.registry().deregister(stream)?;
            let socket = SockRef::from(&*stream);
            socket.set_nonblocking(false)?;
            socket.set_read_timeout(Some(slice))?;
            socket.set_write_timeout(Some(slice))?;
        }
        Ok(())
    }

    /// Notes that this link has more to move.
    pub(super) fn again(&mut self, link: usize) {
        self.again.push(link);
    }

    /// Waits for links that have something to do, but not beyond `until`.
    /// Returns whether time has passed: not if the wait comes inside the read, or is none.
    pub(super) fn ready(
        &mut self,
        links: &mut [Link],
        now: Instant,
        until: Instant,
        busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<bool> {
        // This is the only link, if it waits for an echo.
        let only = match links {
            [link] if busy.messages > 0 && link.stream().is_some() => Some(link),
            _ => None,
        };
        let mut wait = match (self.patience.way(only.is_some(), now, until, busy), only) {
            (Way::All(wait), _) => wait,
            (Way::Exactly(wait), Some(link)) => {
                if link.stream().map_or(Ok(false), |stream| is_readable(stream, wait))? {
                    self.read(link, ready);
                }
                return Ok(true);
            }
            // Asking the stream itself is one system call less, and the loop reads the clock
            // after it anyway.
            (_, Some(link)) => {
                self.read(link, ready);
                return Ok(false);
            }
            (_, None) => Duration::ZERO,
        };
        if !self.again.is_empty() {
            wait = Duration::ZERO;
        }
        if let Some(timer) = &self.timer
            && !wait.is_zero()
        {
            timer.set(wait)?;
        }
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        ready.append(&mut self.again);
        for event in &self.events {
            let Token(key) = event.token();
            if let Some(link) = links.get_mut(key) {
                link.note(event);
                ready.push(key);
            }
        }
        if !ready.is_empty() {
            self.patience.note(now);
        }
        Ok(true)
    }

    /// Lets the only link be read next.
    fn read(&mut self, link: &mut Link, ready: &mut Vec<usize>) {
        ready.push(0);
        link.wait_inside();
        self.again.clear();
    }
}
