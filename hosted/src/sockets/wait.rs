//! Waiting for sockets.
//!
//! One connection with messages that fit into its buffers is waited for inside
//! the read itself: one system call to send, one to receive, and no third. Such a
//! wait may end some ticks of the kernel late, so the last part before a limit is
//! waited for exactly, with one more call.
//! Several, or messages that must be written and read in turns, are waited for
//! by the system's event queue.

use std::io::{self, ErrorKind};
use std::time::Duration;

use echo_core::Instant;
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::stack::Busy;
use echo_instruments::timer::Timer;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::SockRef;

use super::link::Link;
use crate::pump::Pump;

/// The longest wait inside a read, which is also the delay until a request to stop is seen.
const SLICE: Duration = Duration::from_millis(100);

/// The shortest time-out of a read: with none it would wait for ever.
const SHORTEST: Duration = Duration::from_millis(1);

/// How late a wait inside a read may end: two ticks of the slowest kernel clock (100 Hz).
const COARSE: Duration = Duration::from_millis(20);

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
    /// Whether to wait inside the read.
    inside: bool,
    /// The longest wait inside a read; before a short limit there is time for one.
    slice: Duration,
    /// How long to busy-wait before sleeping.
    spin: Duration,
    /// The instant at which something last happened.
    moved: Instant,
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
            inside: one && plan.spin.is_zero() && plan.length <= INSIDE,
            slice: plan.limit.map_or(SLICE, |limit| SLICE.min(limit / 2)).max(SHORTEST),
            spin: plan.spin,
            moved: Instant::START,
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
        self.inside
    }

    /// Prepares a stream that has just been connected.
    pub(super) fn opened(&self, stream: &mut TcpStream) -> io::Result<()> {
        if self.inside {
            self.poll.registry().deregister(stream)?;
            let socket = SockRef::from(&*stream);
            socket.set_nonblocking(false)?;
            socket.set_read_timeout(Some(self.slice))?;
            socket.set_write_timeout(Some(self.slice))?;
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
        let mut only = match links {
            [link] if busy.messages > 0 && link.stream().is_some() => Some(link),
            _ => None,
        };
        if self.inside
            && let Some(link) = &mut only
        {
            let far = now + self.slice + COARSE;
            let inside = busy.deadline.is_none_or(|deadline| deadline >= far);
            let left = until.saturating_duration_since(now);
            if inside || is_readable(link, left)? {
                ready.push(0);
                link.wait_inside();
                self.again.clear();
            }
            return Ok(!inside);
        }
        let mut wait = until.saturating_duration_since(now);
        if !self.spin.is_zero() {
            let quiet = now.saturating_duration_since(self.moved.max(busy.since));
            if quiet < self.spin || wait <= self.spin {
                if let Some(link) = only {
                    // Asking the stream itself is one system call less, and the loop reads the
                    // clock after it anyway.
                    link.wait_inside();
                    ready.push(0);
                    self.again.clear();
                    return Ok(false);
                }
                wait = Duration::ZERO;
            } else {
                wait -= self.spin;
            }
        }
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
            self.moved = now;
        }
        Ok(true)
    }
}

/// Waits for a link to have something to read, for exactly this long at most.
fn is_readable(link: &Link, wait: Duration) -> io::Result<bool> {
    let Some(stream) = link.stream() else { return Ok(false) };
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&wait)) {
        Err(Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0),
    }
}
