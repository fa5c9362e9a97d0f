//! Waiting for the lanes of a load.
//!
//! One connection with messages that fit into its buffers is waited for inside
//! the read itself: one system call to send, one to receive, and no third.
//! Several, or messages that must be written and read in turns, are waited for
//! by the system's event queue.

use std::io::{self, ErrorKind};
use std::time::Duration;

use echo_core::Instant;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use super::Plan;
use super::lane::{Lane, WINDOW};

/// The longest wait inside a read: how soon a request to stop is seen.
const SLICE: Duration = Duration::from_millis(100);

pub(super) struct Wait {
    poll: Poll,
    events: Events,
    /// Lanes that have more to do than their turn allowed.
    again: Vec<usize>,
    /// Whether to wait inside the read.
    inside: bool,
    /// The time-out that the stream has now.
    slice: Duration,
}

impl Wait {
    pub(super) fn new(plan: &Plan) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            again: Vec::new(),
            inside: plan.connections == 1 && plan.length <= WINDOW as u64,
            slice: SLICE,
        })
    }

    /// Hears of changes of this lane's stream.
    pub(super) fn watch(&self, stream: &mut TcpStream, lane: u16) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream, Token(lane.into()), interest)
    }

    /// A stream is connected.
    pub(super) fn opened(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        if self.inside {
            self.poll.registry().deregister(stream)?;
            let socket = SockRef::from(&*stream);
            socket.set_nonblocking(false)?;
            socket.set_read_timeout(Some(SLICE))?;
            socket.set_write_timeout(Some(SLICE))?;
            self.slice = SLICE;
        }
        Ok(())
    }

    /// This lane has more to do.
    pub(super) fn again(&mut self, lane: usize) {
        self.again.push(lane);
    }

    /// Waits for lanes that have something to do, but not beyond `until`.
    /// Returns whether time has passed: not if the wait comes inside the read.
    pub(super) fn ready(
        &mut self,
        lanes: &mut [Lane<'_>],
        now: Instant,
        until: Instant,
        ready: &mut Vec<usize>,
    ) -> io::Result<bool> {
        if self.inside && lanes[0].is_busy() && lanes[0].is_open() {
            ready.push(0);
            lanes[0].wait_inside();
            self.shorten(&lanes[0], now)?;
            return Ok(false);
        }
        let mut wait = until.saturating_duration_since(now);
        if !self.again.is_empty() {
            wait = Duration::ZERO;
        }
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        ready.append(&mut self.again);
        for event in &self.events {
            let Token(key) = event.token();
            if let Some(lane) = lanes.get_mut(key) {
                lane.note(event);
                ready.push(key);
            }
        }
        Ok(true)
    }

    /// Lets the read end in time for the message's limit. While that is far
    /// away, nothing changes and nothing is asked of the system.
    fn shorten(&mut self, lane: &Lane<'_>, now: Instant) -> io::Result<()> {
        let left = lane.due().map_or(SLICE, |due| due.saturating_duration_since(now));
        let slice = left.clamp(Duration::from_millis(1), SLICE);
        if slice != self.slice
            && let Some(stream) = lane.stream()
        {
            SockRef::from(stream).set_read_timeout(Some(slice))?;
            self.slice = slice;
        }
        Ok(())
    }
}
