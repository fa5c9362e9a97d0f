//! The turn of one lane: messages begin, and what becomes of them is recorded.

use std::time::Duration;

use echo_core::{Failure, Instant};

use super::lane::{Event, Lane, Message, take_turn};
use super::{Ended, Load, Observer, Sample};
use crate::measurement::Stray;
use crate::measurement::effort::LATE;
use crate::plan::Protocol;
use crate::stack::Driver;

/// How long a connection that could not be opened rests before the next try.
const REST: Duration = Duration::from_millis(100);

/// The most messages that one lane begins and hears of in one turn.
const BURST: usize = 32;

/// How long one rests whose datagram the system did not take, having no room for it.
const BREATH: Duration = Duration::from_millis(1);

impl<D: Driver, L: Lane<D>> Load<'_, D, L> {
    /// Lets one lane do all that it can without waiting; returns the time then.
    pub(super) fn turn(
        &mut self,
        key: usize,
        mut now: Instant,
        observer: &mut dyn Observer,
    ) -> Instant {
        if L::LISTENS {
            return self.turn_to_listen(key, now, observer);
        }
        loop {
            if self.lanes[key].has_room() && !self.begin(key, observer) {
                return now;
            }
            let Some(event) = self.lanes[key].drive(now, self.driver) else { return now };
            now = self.happened(key, event, now, observer);
        }
    }

    /// The same where what comes is no answer to what was sent just now, and may come without end: it listens first, and
    /// to as many as it sends. Who is behind with its schedule must not forget to.
    fn turn_to_listen(
        &mut self,
        key: usize,
        mut now: Instant,
        observer: &mut dyn Observer,
    ) -> Instant {
        let (mut heard, mut begun) = (0, 0);
        while heard < BURST
            && let Some(event) = self.lanes[key].drive(now, self.driver)
        {
            now = self.happened(key, event, now, observer);
            heard += 1;
        }
        while begun < BURST && self.lanes[key].has_room() && self.begin(key, observer) {
            begun += 1;
        }
        let unsent = if begun > 0 { self.lanes[key].drive(now, self.driver) } else { None };
        if let Some(event) = unsent {
            now = self.happened(key, event, now, observer);
        }
        if unsent.is_some() || heard == BURST || begun == BURST {
            self.again.push(key);
        }
        now
    }

    /// Deals with what has happened on a lane. Returns the time then.
    pub(super) fn happened(
        &mut self,
        key: usize,
        event: Event,
        now: Instant,
        observer: &mut dyn Observer,
    ) -> Instant {
        self.moves += 1;
        let end = match event {
            Event::Ended(end) => end,
            Event::Explained(failure) => {
                self.explain(key, failure, now, observer);
                return now;
            }
            Event::Stray(stray, measured, at) => {
                self.count(stray, measured);
                return at;
            }
        };
        if L::again(self, key, end, observer) {
            return now;
        }
        self.busy.messages -= 1;
        let message = self.lanes[key].message();
        let measured = self.measures(message.planned);
        let interrupted = message.was_interrupted(&end, self.driver.stops());
        let now = end.map_or_else(|_| self.driver.now(), |took| message.begun + took);
        if end.is_ok() && measured {
            // Others may have begun since it was read.
            self.last = self.last.max(now);
        }
        self.note_way(key, end, interrupted);
        self.record(key, now, end, interrupted, observer);
        match end {
            Err(failure) => self.fail(key, failure, interrupted, now),
            Ok(_) if self.plan.per_message => self.disconnect(key),
            Ok(_) => {}
        }
        now
    }

    /// Counts a message in another way that was counted as timed out: why it had to has become known.
    fn explain(&mut self, key: usize, failure: Failure, now: Instant, observer: &mut dyn Observer) {
        let (end, ends) = (Err(failure), self.ends_with(failure));
        let message = *self.lanes[key].message();
        if message.was_interrupted(&end, self.driver.stops()) {
            return;
        }
        if self.measures(message.planned) {
            self.out.explain(&self.sample(key, now, end, false));
        } else if ends {
            self.out.omitted -= 1;
            self.record(key, now, end, false, observer);
        }
        if ends {
            self.out.ended = Ended::Failed;
        }
    }

    /// Counts what came besides, if its message is measured; where nobody knows which that is, if the warm-up is over.
    fn count(&mut self, stray: Stray, measured: Option<bool>) {
        let counts = measured.unwrap_or(!self.warming);
        if let Some(datagrams) = self.out.datagrams.as_mut().filter(|_| counts) {
            datagrams.record(stray);
        }
    }

    /// Starts a message if the lane may. Its time begins here: neither what was
    /// recorded nor what other lanes sent since the last one belongs to it.
    fn begin(&mut self, key: usize, observer: &mut dyn Observer) -> bool {
        let now = self.driver.now();
        // What the observer does is not to be part of a round trip.
        if (self.warming && now >= self.from) || now >= self.tick {
            self.again.push(key);
            return false;
        }
        if self.is_over(now) {
            if self.out.tally.messages() > 0 {
                self.idle.get_or_insert(now);
            }
            return false;
        }
        if self.lanes[key].rests(now) || self.out.ended != Ended::AsPlanned {
            return false;
        }
        let lane = &mut self.lanes[key];
        let planned = take_turn(lane.turn(), self.schedule.as_mut(), now);
        let Some(planned) = planned else { return false };
        let now = L::tidy(self, key, planned, now, observer);
        if !self.may_start(now) {
            return false;
        }
        let lane = &mut self.lanes[key];
        let waited = lane.was_busy(planned);
        let (now, followed) = self.follow(key, planned, now);
        let lane = &mut self.lanes[key];
        lane.begin(planned, now, self.driver);
        lane.follow(followed);
        let due = lane.due();
        self.moves += 1;
        if self.measures(planned) {
            self.lanes[key].measure();
            self.begun += 1;
            self.last = now;
            let late = !waited && now.saturating_duration_since(planned) > LATE;
            self.effort.late += u64::from(late);
            if let Some(spacing) = &mut self.out.spacing {
                spacing.sent(now.saturating_duration_since(self.from), waited);
            }
        }
        self.busy.messages += 1;
        self.busy.since = now;
        self.look_at(due);
        true
    }

    fn record(
        &mut self,
        key: usize,
        now: Instant,
        end: Result<Duration, Failure>,
        interrupted: bool,
        observer: &mut dyn Observer,
    ) {
        let ends = end.is_err_and(|failure| !interrupted && self.ends_with(failure));
        let Message { planned, overtaken, .. } = *self.lanes[key].message();
        // A failure that ends the run is its result, even in the warm-up.
        if !self.measures(planned) && !ends {
            self.out.omitted += 1;
            return;
        }
        self.lanes[key].count(!interrupted);
        let sample = self.sample(key, now, end, interrupted);
        let datagrams = self.out.datagrams.as_mut().filter(|_| !interrupted);
        if let Some(reordered) = datagrams.and_then(|datagrams| datagrams.reordered.as_mut()) {
            *reordered += u64::from(overtaken);
        }
        self.out.record(&sample);
        observer.message(&sample);
    }

    /// What is told of the message of a lane that has ended.
    fn sample(
        &self,
        key: usize,
        now: Instant,
        end: Result<Duration, Failure>,
        interrupted: bool,
    ) -> Sample {
        let lane = &self.lanes[key];
        let Message { number, planned, begun, connecting, errno, icmp, .. } = *lane.message();
        Sample {
            at: now.saturating_duration_since(self.from),
            due: planned.saturating_duration_since(self.from),
            connection: key,
            message: number,
            late: begun.saturating_duration_since(planned),
            connecting,
            interrupted,
            errno,
            icmp,
            unopened: !lane.is_open(),
            end,
        }
    }

    fn fail(&mut self, key: usize, failure: Failure, interrupted: bool, now: Instant) {
        use Failure::{Full, Local, Refused, TooLong, Unreachable};
        let rest = match failure {
            Refused | Unreachable | Local | TooLong => Some(now + REST),
            Full => Some(now + BREATH),
            _ => None,
        };
        self.note_kernel(key);
        let lane = &mut self.lanes[key];
        lane.failed(now, rest, self.driver);
        let due = lane.due();
        self.look_at(due);
        if !interrupted && self.ends_with(failure) {
            self.out.ended = Ended::Failed;
        }
    }

    /// Whether a message that fails so ends the run. That a network loses datagrams, and a buffer is full for a moment,
    /// is what is measured.
    fn ends_with(&self, failure: Failure) -> bool {
        let lost = matches!(failure, Failure::TimedOut { .. } | Failure::Full);
        let goes_on = lost && self.plan.protocol == Protocol::Udp;
        !(self.plan.keep_going || goes_on)
    }

    /// Gives a connection up through no failure.
    pub(super) fn disconnect(&mut self, key: usize) {
        self.note_kernel(key);
        self.lanes[key].close(self.driver);
    }

    fn note_kernel(&mut self, key: usize) {
        if let Some(kernel) = self.driver.kernel(key) {
            self.out.kernel = Some(kernel.after(self.out.kernel));
        }
    }

    pub(super) fn look_at(&mut self, due: Option<Instant>) {
        let before = self.busy.deadline.filter(|_| self.lanes.len() > 1);
        self.busy.deadline = [before, due].into_iter().flatten().min();
    }
}
