//! The messages of one connection of a [`Stack`]: the one in flight, and what came of it.

use std::time::Duration;

use echo_core::{Endpoint, Failure, Instant, Probe};

use super::lane::{Event, Lane, Message};
use super::{Load, Observer, Plan};
use crate::stack::{Moved, Stack, Stops, Unasked};

/// The most bytes of a message that are made at once.
pub(super) const WINDOW: usize = 64 << 10;

pub(super) type LoadProbe<'a> = Probe<'a, Box<[u8]>>;

/// The probe for the messages of the connection with this number.
pub(super) fn probe(plan: &Plan, connection: u16) -> LoadProbe<'_> {
    let window = usize::try_from(plan.length).map_or(WINDOW, |length| length.min(WINDOW));
    let window = vec![0; window].into_boxed_slice();
    Probe::new(plan.payload.on(connection), plan.length, plan.limit, window)
}

pub(super) struct Connection<'a> {
    /// The number of its link, which is also that of its first slot in a schedule.
    number: usize,
    probe: LoadProbe<'a>,
    link: Link,
    /// The number of messages started on this lane so far, which is the number of the next one.
    messages: u64,
    /// The first slot of the schedule that this lane has not used.
    turn: u64,
    /// The message in flight, or the one that ended last.
    message: Message,
    per_message: bool,
    busy: bool,
    /// Whether a message has come back on this connection.
    used: bool,
    /// The instant from which on the next one may begin: the last one has come back, or has failed, and its connection
    /// rests no more.
    free: Instant,
    /// Whether that one is measured.
    counts: bool,
}

/// The state of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// It is closed, and not opened before this instant.
    Closed(Option<Instant>),
    Opening,
    Open,
}

impl<'a> Connection<'a> {
    pub(super) fn new(plan: &'a Plan, number: u16) -> Self {
        Self {
            number: number.into(),
            probe: probe(plan, number),
            link: Link::Closed(None),
            messages: 0,
            turn: number.into(),
            message: Message::NONE,
            per_message: plan.per_message,
            busy: false,
            used: false,
            free: Instant::START,
            counts: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.link == Link::Open
    }

    /// The number of the message that ended last.
    pub(super) fn last(&self) -> u64 {
        self.messages.saturating_sub(1)
    }

    /// Whether a message has come back on this connection.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Whether the message before, on the same connection, is measured.
    pub(super) fn counts(&self) -> bool {
        self.counts
    }

    /// Whether nothing was due on the open connection before the message that was
    /// `planned`, so that the peer may have done something unasked.
    pub(super) fn was_idle(&self, planned: Instant, scheduled: bool, stops: Stops) -> bool {
        let idle = !self.used || (scheduled && planned > self.free);
        self.is_open() && (idle || self.message.stops != stops.times)
    }

    /// What the peer has done unasked. Bytes ahead of the first message are left to
    /// that message: no other can be blamed.
    pub(super) fn unasked(&self, stack: &mut impl Stack) -> Option<Unasked> {
        match stack.unasked(self.number) {
            Some(Unasked::Bytes(_)) if !self.used => None,
            unasked => unasked,
        }
    }

    /// The message that ended did not count: it is begun again.
    pub(super) fn take_back(&mut self) {
        self.messages -= 1;
    }

    /// Starts opening the connection. Returns when that began.
    pub(super) fn open(&mut self, stack: &mut impl Stack) -> Result<Instant, Failure> {
        let since = stack.open(self.number)?;
        self.link = Link::Opening;
        Ok(since)
    }

    /// Whether the connection that was being opened has become open just now.
    pub(super) fn opened(&mut self, stack: &mut impl Stack) -> Result<bool, Failure> {
        let now = stack.now();
        let opened = self.link == Link::Opening && self.pump(now, stack)? == Moved::Opened;
        Ok(opened)
    }

    /// Gives the connection up, and opens no other before the `rest` is over.
    pub(super) fn give_up(&mut self, rest: Option<Instant>, stack: &mut impl Stack) {
        stack.close(self.number);
        self.link = Link::Closed(rest);
        self.message.followed = false;
        // What came back on this connection says nothing about the next one.
        (self.used, self.counts) = (false, false);
    }

    fn fail(&mut self, now: Instant, failure: Failure, stack: &impl Stack) {
        self.message.errno = stack.errno();
        self.probe.fail(now, failure);
    }

    fn move_bytes(&mut self, now: Instant, stack: &mut impl Stack) -> Result<(), Failure> {
        if self.pump(now, stack)? == Moved::Opened {
            let opened = stack.now();
            let message = &mut self.message;
            if self.per_message {
                message.connecting = Some(opened.saturating_duration_since(message.begun));
            } else {
                // Opening has its own limit, and is not part of the round trip.
                self.probe.handle_timeout(opened);
                if self.probe.end().is_some() {
                    return Ok(());
                }
                message.begun = opened;
                message.stops = stack.stops().times;
                self.probe.begin(opened, self.messages - 1);
            }
            self.pump(opened, stack)?;
        }
        Ok(())
    }

    fn pump(&mut self, now: Instant, stack: &mut impl Stack) -> Result<Moved, Failure> {
        let moved = stack.pump(self.number, &mut self.probe, now)?;
        if moved == Moved::Opened {
            self.link = Link::Open;
        }
        Ok(moved)
    }
}

impl<S: Stack> Lane<S> for Connection<'_> {
    fn has_room(&self) -> bool {
        !self.busy
    }

    fn rests(&self, now: Instant) -> bool {
        matches!(self.link, Link::Closed(Some(until)) if until > now)
    }

    fn was_busy(&self, planned: Instant) -> bool {
        planned < self.free
    }

    fn turn(&mut self) -> &mut u64 {
        &mut self.turn
    }

    fn due(&self) -> Option<Instant> {
        match self.link {
            Link::Closed(rest) if !self.busy => rest,
            _ => self.probe.deadline(),
        }
    }

    /// Starts the next message, on a new connection if there is none.
    fn begin(&mut self, planned: Instant, now: Instant, stack: &mut S) {
        self.busy = true;
        let (number, stops) = (self.messages, stack.stops().times);
        self.message = Message { number, planned, begun: now, stops, ..Message::NONE };
        let mut failure = None;
        if let Link::Closed(_) = self.link {
            match self.open(stack) {
                // A connection that was ready for it had been opened earlier.
                Ok(since) if self.per_message => self.message.begun = since.min(now),
                Ok(_) => {}
                Err(reason) => failure = Some(reason),
            }
        }
        self.probe.begin(self.message.begun, number);
        self.messages += 1;
        if let Some(failure) = failure {
            self.fail(now, failure, stack);
        }
    }

    /// Moves what can be moved until the message has ended.
    fn drive(&mut self, now: Instant, stack: &mut S) -> Option<Event> {
        if !self.busy {
            return None;
        }
        if let Err(failure) = self.move_bytes(now, stack) {
            self.fail(stack.now(), failure, stack);
        }
        let end = self.probe.end()?;
        self.busy = false;
        if let Ok(took) = end {
            (self.used, self.free, self.counts) = (true, self.message.begun + took, false);
        }
        Some(Event::Ended(end))
    }

    fn message(&self) -> &Message {
        &self.message
    }

    fn follow(&mut self, followed: bool) {
        self.message.followed = followed;
    }

    fn count(&mut self, counts: bool) {
        self.counts = counts;
    }

    fn is_open(&self) -> bool {
        self.is_open()
    }

    fn under_way(&self, mut each: impl FnMut(Instant, Instant)) {
        if self.busy {
            each(self.message.planned, self.message.begun);
        }
    }

    fn failed(&mut self, now: Instant, rest: Option<Instant>, stack: &mut S) {
        self.give_up(rest, stack);
        self.free = rest.unwrap_or(now);
    }

    fn close(&mut self, stack: &mut S) {
        if !matches!(self.link, Link::Closed(_)) {
            self.give_up(None, stack);
        }
    }

    fn tidy(
        load: &mut Load<'_, S, Self>,
        key: usize,
        planned: Instant,
        now: Instant,
        observer: &mut dyn Observer,
    ) -> Instant {
        load.look_between(key, planned, now, observer)
    }

    fn again(
        load: &mut Load<'_, S, Self>,
        key: usize,
        end: Result<Duration, Failure>,
        observer: &mut dyn Observer,
    ) -> bool {
        let Err(Failure::Ahead { bytes }) = end else { return false };
        let again = load.lanes[key].is_used();
        if again {
            load.send_again(key, bytes, observer);
        }
        again
    }
}
