//! The messages of one link of a load: the one in flight, and what came of it.

use std::time::Duration;

use echo_core::{Endpoint, Failure, FailureKind, Instant, Probe};
use rustix::io::Errno;

use super::Plan;
use super::pace::Schedule;
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

pub(super) struct Lane<'a> {
    /// The number of its link, which is also that of its first slot in a schedule.
    number: usize,
    probe: LoadProbe<'a>,
    link: Link,
    /// The number of messages started on this lane so far, which is the number of the next one.
    messages: u64,
    /// The first slot of the schedule that this lane has not used.
    turn: u64,
    planned: Instant,
    begun: Instant,
    /// The number of stops of the load before the message began.
    stops: u64,
    /// How long opening the connection took, if that is part of the message.
    connecting: Option<Duration>,
    per_message: bool,
    /// The system's error when the message failed, if it had one.
    errno: Option<Errno>,
    busy: bool,
    /// Whether the stack follows the message.
    followed: bool,
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

impl<'a> Lane<'a> {
    pub(super) fn new(plan: &'a Plan, number: u16) -> Self {
        Self {
            number: number.into(),
            probe: probe(plan, number),
            link: Link::Closed(None),
            messages: 0,
            turn: number.into(),
            planned: Instant::START,
            begun: Instant::START,
            stops: 0,
            connecting: None,
            per_message: plan.per_message,
            errno: None,
            busy: false,
            followed: false,
            used: false,
            free: Instant::START,
            counts: false,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    pub(super) fn is_open(&self) -> bool {
        self.link == Link::Open
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.link, Link::Closed(_))
    }

    /// When the message in flight began; not before its connection was open,
    /// unless it has one of its own.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// When the message in flight was due.
    pub(super) fn planned(&self) -> Instant {
        self.planned
    }

    /// The number of the message in flight, and how long opening a connection
    /// of its own took.
    pub(super) fn message(&self) -> (u64, Option<Duration>) {
        (self.messages.saturating_sub(1), self.connecting)
    }

    /// The system's error, if that was why the message failed.
    pub(super) fn errno(&self) -> Option<Errno> {
        self.errno
    }

    /// When the next message is due: `now` unless a schedule says otherwise.
    pub(super) fn take_turn(
        &mut self,
        schedule: Option<&mut Schedule>,
        now: Instant,
    ) -> Option<Instant> {
        schedule.map_or(Some(now), |schedule| schedule.take(&mut self.turn, now))
    }

    /// The first slot of the schedule that it has not used.
    pub(super) fn turn(&self) -> u64 {
        self.turn
    }

    /// Whether the message before was still in flight when a message was `planned`, or its connection rested.
    pub(super) fn was_busy(&self, planned: Instant) -> bool {
        planned < self.free
    }

    /// Notes that the message before has failed, and from when on the next one may begin.
    pub(super) fn free_from(&mut self, instant: Instant) {
        self.free = instant;
    }

    /// Notes whether the stack follows the message that has begun.
    pub(super) fn follow(&mut self, followed: bool) {
        self.followed = followed;
    }

    /// Whether the stack follows the message.
    pub(super) fn was_followed(&self) -> bool {
        self.followed
    }

    pub(super) fn rests(&self, now: Instant) -> bool {
        matches!(self.link, Link::Closed(Some(until)) if until > now)
    }

    /// When something is due: the limit of the message, or the end of a rest.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.link {
            Link::Closed(rest) if !self.busy => rest,
            _ => self.probe.deadline(),
        }
    }

    /// Whether a message has come back on this connection.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Whether the message before, on the same connection, is measured.
    pub(super) fn counts(&self) -> bool {
        self.counts
    }

    /// Notes whether the message that has ended is measured.
    pub(super) fn count(&mut self, counts: bool) {
        self.counts = counts;
    }

    /// Whether nothing was due on the open connection before the message that was
    /// `planned`, so that the peer may have done something unasked.
    pub(super) fn was_idle(&self, planned: Instant, scheduled: bool, stops: Stops) -> bool {
        let idle = !self.used || (scheduled && planned > self.free);
        self.is_open() && (idle || self.stops != stops.times)
    }

    /// What the peer has done unasked. Bytes ahead of the first message are left to
    /// that message: no other can be blamed.
    pub(super) fn unasked(&self, stack: &mut impl Stack) -> Option<Unasked> {
        match stack.unasked(self.number) {
            Some(Unasked::Bytes(_)) if !self.used => None,
            unasked => unasked,
        }
    }

    /// Starts the next message, on a new connection if there is none.
    pub(super) fn begin(&mut self, planned: Instant, now: Instant, stack: &mut impl Stack) {
        self.busy = true;
        self.planned = planned;
        self.stops = stack.stops().times;
        self.errno = None;
        self.connecting = None;
        self.begun = now;
        let mut failure = None;
        if let Link::Closed(_) = self.link {
            match self.open(stack) {
                // A connection that was ready for it had been opened earlier.
                Ok(since) if self.per_message => self.begun = since.min(now),
                Ok(_) => {}
                Err(reason) => failure = Some(reason),
            }
        }
        self.probe.begin(self.begun, self.messages);
        self.messages += 1;
        if let Some(failure) = failure {
            self.fail(now, failure, stack);
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

    /// Moves what can be moved; `Some` when the message has ended.
    pub(super) fn drive(
        &mut self,
        now: Instant,
        stack: &mut impl Stack,
    ) -> Option<Result<Duration, Failure>> {
        if let Err(failure) = self.move_bytes(now, stack) {
            self.fail(stack.now(), failure, stack);
        }
        let end = self.probe.end()?;
        self.busy = false;
        if let Ok(took) = end {
            (self.used, self.free, self.counts) = (true, self.begun + took, false);
        }
        Some(end)
    }

    fn fail(&mut self, now: Instant, failure: Failure, stack: &impl Stack) {
        self.errno = stack.errno();
        self.probe.fail(now, failure);
    }

    fn move_bytes(&mut self, now: Instant, stack: &mut impl Stack) -> Result<(), Failure> {
        if self.pump(now, stack)? == Moved::Opened {
            let opened = stack.now();
            if self.per_message {
                self.connecting = Some(opened.saturating_duration_since(self.begun));
            } else {
                // Opening has its own limit, and is not part of the round trip.
                self.probe.handle_timeout(opened);
                if self.probe.end().is_some() {
                    return Ok(());
                }
                self.begun = opened;
                self.stops = stack.stops().times;
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

    /// Whether a message that has ended so says nothing of the peer, because the
    /// load was stopped meanwhile. Wrong bytes are wrong whenever they come.
    pub(super) fn was_interrupted(&self, end: &Result<Duration, Failure>, stops: Stops) -> bool {
        use FailureKind::{Differs, Extra};
        let wrong = end.is_err_and(|failure| matches!(failure.kind(), Differs | Extra));
        self.stops != stops.times && !wrong
    }

    /// Gives the connection up, and opens no other before the `rest` is over.
    pub(super) fn close(&mut self, rest: Option<Instant>, stack: &mut impl Stack) {
        stack.close(self.number);
        self.link = Link::Closed(rest);
        self.followed = false;
        // What came back on this connection says nothing about the next one.
        (self.used, self.counts) = (false, false);
    }
}
