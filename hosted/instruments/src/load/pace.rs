//! The instants at which messages are due.
//!
//! A closed loop knows no plan: a message follows the one before it. Otherwise
//! there is one schedule over all connections, which take turns: slot `n` is
//! due at a fixed instant and belongs to connection `n` modulo their number.

use std::time::Duration;

use echo_core::Instant;

use crate::plan::Pace;

/// The instants at which messages are due.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    /// The time from one slot to the next, in seconds.
    gap: f64,
    lanes: u64,
    /// The first slot that has not been released to its lane.
    released: u64,
    /// Whether a slot waits for its lane to be free.
    queues: bool,
}

impl Schedule {
    /// The schedule of a pace; None for a closed loop.
    pub(super) fn new(pace: Pace, lanes: u16, start: Instant) -> Option<Self> {
        let lanes = u64::from(lanes.max(1));
        let (gap, queues) = match pace {
            Pace::Closed => return None,
            Pace::Interval(interval) => (interval.as_secs_f64() / lanes as f64, false),
            Pace::Rate(per_second) => (1.0 / per_second, true),
        };
        Some(Self { start, gap, lanes, released: 0, queues })
    }

    /// When `slot` is due. Computed from the start, so that no error adds up.
    pub(super) fn at(&self, slot: u64) -> Instant {
        let since = Duration::try_from_secs_f64(slot as f64 * self.gap);
        self.start + since.unwrap_or(Duration::MAX)
    }

    /// How long this many slots last.
    pub(super) fn lasts(&self, slots: u64) -> Duration {
        self.at(slots).saturating_duration_since(self.start)
    }

    /// When the next slot comes due.
    pub(super) fn next(&self) -> Instant {
        self.at(self.released)
    }

    /// Calls `due` with each lane that has something due since the last call.
    pub(super) fn release(&mut self, now: Instant, mut due: impl FnMut(usize)) {
        for _ in 0..self.lanes {
            if self.next() > now {
                return;
            }
            due((self.released % self.lanes) as usize);
            self.released += 1;
        }
        // Every lane has been released; it finds further slots that are due itself.
        self.released = self.released.max(self.slots(now));
    }

    /// When the next message of a lane that is free was due, if it is due `now`.
    /// `turn` is the first slot that the lane has not used, and moves on with
    /// the answer.
    pub(super) fn take(&self, turn: &mut u64, now: Instant) -> Option<Instant> {
        if self.at(*turn) > now {
            return None;
        }
        if !self.queues {
            // Only the latest counts, even if it is due at this very instant; those before it were missed.
            let due = self.slots(now + Duration::from_nanos(1));
            let missed = due.saturating_sub(*turn + 1) / self.lanes;
            *turn += missed * self.lanes;
        }
        let due = self.at(*turn);
        *turn += self.lanes;
        Some(due)
    }

    /// How many slots were due from `from` on and before `end`.
    pub(super) fn due(&self, from: Instant, end: Instant) -> u64 {
        self.slots(end).saturating_sub(self.slots(from))
    }

    /// How many slots are due before `end`.
    fn slots(&self, end: Instant) -> u64 {
        let slots = end.saturating_duration_since(self.start).as_secs_f64() / self.gap;
        let slots = slots.ceil() as u64;
        // The division may miss a whole number by a little.
        if slots > 0 && self.at(slots - 1) >= end { slots - 1 } else { slots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::new(Duration::from_millis(millis))
    }

    fn released(schedule: &mut Schedule, now: Instant) -> Vec<usize> {
        let mut lanes = Vec::new();
        schedule.release(now, |lane| lanes.push(lane));
        lanes
    }

    #[test]
    fn lanes_take_turns_at_equal_distances() {
        let mut schedule = Schedule::new(Pace::Rate(1000.0), 2, at(5)).expect("a schedule");
        assert_eq!(released(&mut schedule, at(4)), [0; 0]);
        assert_eq!(released(&mut schedule, at(5)), [0]);
        assert_eq!(schedule.next(), at(6));
        assert_eq!(released(&mut schedule, at(7)), [1, 0]);
        let mut turn = 0;
        let taken = [(); 3].map(|()| schedule.take(&mut turn, at(8)));
        assert_eq!(taken, [Some(at(5)), Some(at(7)), None]);
        // After a long pause nobody is told twice.
        assert_eq!(released(&mut schedule, at(1000)), [1, 0]);
        assert_eq!(released(&mut schedule, at(1000)).len(), 1);
    }

    #[test]
    fn a_rate_queues_and_an_interval_leaves_out() {
        let second = Duration::from_secs(1);
        for (pace, expected) in [
            (Pace::Rate(1.0), [Some(at(0)), Some(at(1000))]),
            (Pace::Interval(second), [Some(at(4000)), None]),
        ] {
            let schedule = Schedule::new(pace, 1, at(0)).expect("a schedule");
            let mut turn = 0;
            assert_eq!([(); 2].map(|()| schedule.take(&mut turn, at(4500))), expected);
            // What is due this very instant is the latest.
            let mut turn = 0;
            assert_eq!([(); 2].map(|()| schedule.take(&mut turn, at(4000))), expected);
        }
    }

    #[test]
    fn no_error_adds_up() {
        let schedule = Schedule::new(Pace::Rate(3.0), 1, at(0)).expect("a schedule");
        assert_eq!(schedule.at(3 * 86_400 * 365), at(86_400 * 365 * 1000));
        let micro = Pace::Interval(Duration::from_micros(1));
        let schedule = Schedule::new(micro, 1, at(0)).expect("a schedule");
        assert!((0..1000).all(|millis| schedule.due(at(0), at(millis)) == millis * 1000));
        assert!(Schedule::new(Pace::Closed, 1, at(0)).is_none());
    }

    #[test]
    fn what_was_due_in_a_time_is_counted() {
        let interval = Pace::Interval(Duration::from_millis(2));
        for pace in [Pace::Rate(1000.0), interval] {
            let schedule = Schedule::new(pace, 2, at(5)).expect("a schedule");
            assert_eq!(schedule.due(at(0), at(105)), 100);
            assert_eq!(schedule.due(at(55), at(105)), 50);
            assert_eq!(schedule.due(at(105), at(55)), 0);
            assert_eq!(schedule.due(at(5), at(5)), 0);
        }
    }
}
