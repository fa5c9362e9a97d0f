//! Two endpoints wired back to back: what the one writes, the other reads
//! `latency` later. The clock jumps to whatever happens next, and the number of
//! jumps is bounded, so that a livelock fails instead of hanging.

use std::collections::VecDeque;
use std::time::Duration;

use echo_core::{Endpoint, Instant};

/// More than any test needs.
const MOST_STEPS: usize = 100_000;

/// What the way between two endpoints is like.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    /// The most bytes that one read or write moves.
    pub(crate) chunk: usize,
    /// How long a byte takes.
    pub(crate) latency: Duration,
    /// The most bytes that are in flight in one direction.
    pub(crate) capacity: usize,
}

/// A way that delivers at once.
pub(crate) const INSTANTLY: Way = Way { chunk: 64, latency: Duration::ZERO, capacity: 1_000 };

/// A connection: two pipes.
pub(crate) struct Wire {
    there: Pipe,
    back: Pipe,
}

impl Wire {
    pub(crate) const fn new(way: Way) -> Self {
        Self { there: Pipe::new(way), back: Pipe::new(way) }
    }

    /// Runs both ends until both are over or nothing can happen any more.
    pub(crate) fn run<A: Endpoint, B: Endpoint>(
        &mut self,
        now: &mut Instant,
        a: &mut A,
        b: &mut B,
    ) {
        let Self { there, back } = self;
        for _ in 0..MOST_STEPS {
            let moved = pump(*now, a, back, there) | pump(*now, b, there, back);
            if a.end().is_some() && b.end().is_some() {
                return;
            }
            if moved {
                continue;
            }
            let events = [a.deadline(), b.deadline(), there.arrival(*now), back.arrival(*now)];
            let Some(next) = events.into_iter().flatten().min() else { return };
            assert!(next > *now, "a deadline that has come and stays: a driver would spin");
            *now = next;
        }
        panic!("livelock: {MOST_STEPS} steps were not enough");
    }
}

/// The run loop of the crate's documentation. Whether anything moved.
fn pump<E: Endpoint>(now: Instant, endpoint: &mut E, input: &mut Pipe, output: &mut Pipe) -> bool {
    let mut moved = false;
    while endpoint.end().is_none() {
        let written = output.write(now, endpoint.to_send());
        endpoint.handle_sent(now, written);
        let room = endpoint.room();
        let read = if room == 0 { None } else { Some(input.read(now, room)) };
        let progress = match read {
            None => false,
            Some(Read::Bytes(bytes)) => {
                assert_eq!(endpoint.handle_received(now, &bytes), bytes.len());
                true
            }
            Some(Read::Nothing) => {
                endpoint.handle_quiet(now);
                false
            }
            Some(Read::End) => {
                assert!(!input.end_was_read, "there is room after the end: a driver would spin");
                input.end_was_read = true;
                endpoint.handle_eof(now);
                true
            }
        };
        moved |= progress || written > 0;
        if !progress && written == 0 {
            break;
        }
    }
    let before = endpoint.deadline();
    if std::mem::take(&mut output.taken) {
        endpoint.handle_delivered(now);
    }
    endpoint.handle_timeout(now);
    moved |= endpoint.deadline() != before;
    if endpoint.finished() {
        moved |= output.finish(now);
        // Closed with input unread, TCP resets the connection, and the reset
        // destroys what the peer has not read yet.
        if endpoint.end().is_some() && input.close() {
            output.under_way.clear();
        }
    }
    moved
}

/// One direction of a connection.
struct Pipe {
    way: Way,
    under_way: VecDeque<(Instant, u8)>,
    end: Option<Instant>,
    end_was_read: bool,
    /// The reader took bytes, and the writer has not heard of it yet.
    taken: bool,
    closed: bool,
}

enum Read {
    Bytes(Vec<u8>),
    Nothing,
    End,
}

impl Pipe {
    const fn new(way: Way) -> Self {
        let under_way = VecDeque::new();
        Self { way, under_way, end: None, end_was_read: false, taken: false, closed: false }
    }

    fn write(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let free = self.way.capacity - self.under_way.len();
        let n = bytes.len().min(self.way.chunk).min(free);
        if !self.closed {
            self.under_way.extend(bytes[..n].iter().map(|byte| (now + self.way.latency, *byte)));
        }
        n
    }

    fn read(&mut self, now: Instant, room: usize) -> Read {
        let arrived = self.under_way.iter().take_while(|(at, _)| *at <= now).count();
        let n = arrived.min(room).min(self.way.chunk);
        if n > 0 {
            self.taken = true;
            Read::Bytes(self.under_way.drain(..n).map(|(_, byte)| byte).collect())
        } else if self.under_way.is_empty() && self.end.is_some_and(|at| at <= now) {
            Read::End
        } else {
            Read::Nothing
        }
    }

    /// Sends the FIN, if that is news.
    fn finish(&mut self, now: Instant) -> bool {
        let news = self.end.is_none();
        self.end.get_or_insert(now + self.way.latency);
        news
    }

    /// The reader is gone. Whether it left anything unread.
    fn close(&mut self) -> bool {
        let unread = !self.closed && !self.under_way.is_empty();
        self.closed = true;
        self.under_way.clear();
        unread
    }

    /// When something will become readable that is not yet.
    fn arrival(&self, now: Instant) -> Option<Instant> {
        let byte = self.under_way.iter().map(|(at, _)| *at).find(|at| *at > now);
        byte.or_else(|| self.end.filter(|at| *at > now))
    }
}
