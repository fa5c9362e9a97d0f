//! One connection of a load, as the loop sees it, whatever carries its messages.

use std::time::Duration;

use echo_core::{Failure, FailureKind, Instant};
use rustix::io::Errno;

use super::pace::Schedule;
use super::{Load, Observer};
use crate::icmp::Icmp;
use crate::measurement::Stray;
use crate::stack::{Driver, Stops};

/// The messages that take turns on one connection: the loop says when the next one begins, and the lane what became of
/// each.
pub(super) trait Lane<D: Driver>: Sized {
    /// Whether something may come at any time, and not only while a message is in flight.
    const LISTENS: bool = false;

    /// Takes note of the links that have something to be moved, and puts their lanes in their place.
    fn told(_lanes: &mut [Self], _links: &mut [usize]) {}

    /// The message that has begun is measured, and so are all that follow it.
    fn measure(&mut self) {}

    /// The most messages in flight.
    fn most(&self) -> usize {
        1
    }

    /// Whether another message may begin, as far as those in flight are concerned.
    fn has_room(&self) -> bool;

    /// Whether it is not to begin yet after what went wrong.
    fn rests(&self, now: Instant) -> bool;

    /// Whether messages before were in the way of one that was `planned`: in flight, or their failure made it rest.
    fn was_busy(&self, planned: Instant) -> bool;

    /// The first slot of the schedule that it has not used.
    fn turn(&mut self) -> &mut u64;

    /// When something is due: the limit of a message, or the end of a rest.
    fn due(&self) -> Option<Instant>;

    /// The same, after now.
    fn later(&self, now: Instant) -> Option<Instant> {
        self.due().filter(|due| *due > now)
    }

    /// Starts the next message.
    fn begin(&mut self, planned: Instant, now: Instant, driver: &mut D);

    /// Moves what can be moved until something has happened.
    fn drive(&mut self, now: Instant, driver: &mut D) -> Option<Event>;

    /// The message that has ended; if there is room for no other, the one in flight.
    fn message(&self) -> &Message;

    /// Notes whether the driver follows the message that has begun.
    fn follow(&mut self, followed: bool);

    /// Notes whether the message that has ended is measured.
    fn count(&mut self, _counts: bool) {}

    /// Whether its link is open.
    fn is_open(&self) -> bool {
        true
    }

    /// Calls `each` with when each message in flight was planned and begun.
    fn under_way(&self, each: impl FnMut(Instant, Instant));

    /// The message that has ended has failed: no other begins before the `rest` is over.
    fn failed(&mut self, now: Instant, rest: Option<Instant>, driver: &mut D);

    /// Closes its links, whatever is in flight.
    fn close(&mut self, driver: &mut D);

    /// Looks whether something came before the message that was `planned`, and makes good for it. Returns the time then.
    fn tidy(
        _load: &mut Load<'_, D, Self>,
        _key: usize,
        _planned: Instant,
        now: Instant,
        _observer: &mut dyn Observer,
    ) -> Instant {
        now
    }

    /// Sends the message again that has ended so through no fault of its own. Returns whether it was that.
    fn again(
        _load: &mut Load<'_, D, Self>,
        _key: usize,
        _end: Result<Duration, Failure>,
        _observer: &mut dyn Observer,
    ) -> bool {
        false
    }

    /// The run is over and has been measured, but for what came besides.
    fn linger(_load: &mut Load<'_, D, Self>, _observer: &mut dyn Observer) -> std::io::Result<()> {
        Ok(())
    }
}

/// What has happened on a lane.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// Its message has ended.
    Ended(Result<Duration, Failure>),
    /// Its message, which had timed out, failed for this reason.
    Explained(Failure),
    /// A datagram has come that ends none: what it is, and whether its message is measured, if that is known.
    Stray(Stray, Option<bool>, Instant),
}

/// A message of a load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    /// Its number on the connection.
    pub(super) number: u64,
    /// When it was due.
    pub(super) planned: Instant,
    /// When it began; not before its connection was open, unless it has one of its own.
    pub(super) begun: Instant,
    /// The number of stops of the load before that.
    pub(super) stops: u64,
    /// How long opening a connection of its own took.
    pub(super) connecting: Option<Duration>,
    /// The system's error, if that was why it failed.
    pub(super) errno: Option<Errno>,
    /// What ICMP said, if that was why.
    pub(super) icmp: Option<Icmp>,
    /// Whether the driver follows it.
    pub(super) followed: bool,
    /// Whether one that was sent later had come back before it.
    pub(super) overtaken: bool,
}

impl Message {
    pub(super) const NONE: Self = Self {
        number: 0,
        planned: Instant::START,
        begun: Instant::START,
        stops: 0,
        connecting: None,
        errno: None,
        icmp: None,
        followed: false,
        overtaken: false,
    };

    /// Whether it ended so in a way that says nothing of the peer, because the load was stopped
    /// meanwhile. Wrong bytes are wrong whenever they come.
    pub(super) fn was_interrupted(&self, end: &Result<Duration, Failure>, stops: Stops) -> bool {
        use FailureKind::{Cut, Differs, Extra};
        let wrong = end.is_err_and(|failure| matches!(failure.kind(), Cut | Differs | Extra));
        self.stops != stops.times && !wrong
    }
}

/// When the next message of a lane is due: `now` unless a schedule says otherwise.
pub(super) fn take_turn(
    turn: &mut u64,
    schedule: Option<&mut Schedule>,
    now: Instant,
) -> Option<Instant> {
    schedule.map_or(Some(now), |schedule| schedule.take(turn, now))
}
