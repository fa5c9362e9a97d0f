//! The instants at which messages are due.
//!
//! A closed loop knows no plan: a message follows the one before it. Otherwise
//! there is one schedule over all connections, which take turns: slot `n` is
//! due at a fixed instant and belongs to connection `n` modulo their number. The
//! instants are at equal distances, or at random ones that are known all the same.

use std::time::Duration;

use echo_core::Instant;

use super::sequence::Sequence;
use crate::plan::{Arrivals, Pace, Plan};

/// The instants at which messages are due.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    slots: Slots,
    lanes: u64,
    /// The first slot that has not been released to its lane.
    released: u64,
    /// When it is due.
    next: Instant,
    /// When the measurement begins, and the first slot from then on.
    measured: (Instant, u64),
    /// The number of slots that were due when that was last asked.
    due: u64,
    /// Whether a slot waits for its lane to be free.
    queues: bool,
}

/// When slots are due.
#[derive(Debug)]
enum Slots {
    /// At this distance from one to the next, in seconds; the first is due at the start.
    Even(f64),
    Random(Sequence),
}

impl Schedule {
    /// The schedule of a plan; None for a closed loop.
    pub(super) fn new(plan: &Plan, start: Instant) -> Option<Self> {
        let lanes = u64::from(plan.connections.max(1));
        let (slots, queues) = match (plan.pace, plan.arrivals) {
            (Pace::Closed, _) => return None,
            (Pace::Interval(interval), _) => {
                (Slots::Even(interval.as_secs_f64() / lanes as f64), false)
            }
            (Pace::Rate(per_second), Arrivals::Even) => (Slots::Even(1.0 / per_second), true),
            (Pace::Rate(per_second), Arrivals::Poisson { seed }) => {
                (Slots::Random(Sequence::new(seed, per_second)), true)
            }
        };
        let (next, measured) = (start, (start, 0));
        let mut schedule =
            Self { start, slots, lanes, released: 0, next, measured, due: 0, queues };
        schedule.next = schedule.at(0);
        Some(schedule)
    }

    /// When `slot` is due. Computed so that no error adds up.
    pub(super) fn at(&mut self, slot: u64) -> Instant {
        let since = match &mut self.slots {
            Slots::Even(gap) => Duration::try_from_secs_f64(slot as f64 * *gap),
            Slots::Random(sequence) => Ok(sequence.at(slot)),
        };
        self.start + since.unwrap_or(Duration::MAX)
    }

    /// The measurement begins: slots before are left out.
    pub(super) fn measure(&mut self, from: Instant) {
        self.due = self.before(from, 0);
        self.measured = (from, self.due);
    }

    /// How long this many slots of the measurement last.
    pub(super) fn lasts(&mut self, slots: u64) -> Duration {
        let (from, first) = match self.slots {
            // At equal distances it does not matter which.
            Slots::Even(_) => (self.start, 0),
            Slots::Random(_) => self.measured,
        };
        self.at(first + slots).saturating_duration_since(from)
    }

    /// When the next slot comes due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Calls `due` with each lane that has something due since the last call.
    pub(super) fn release(&mut self, now: Instant, mut due: impl FnMut(usize)) {
        for _ in 0..self.lanes {
            if self.next > now {
                return;
            }
            due((self.released % self.lanes) as usize);
            self.released += 1;
            self.next = self.at(self.released);
        }
        // Every lane has been released; it finds further slots that are due itself.
        self.released = self.released.max(self.before(now, self.released));
        self.next = self.at(self.released);
    }

    /// When the next message of a lane that is free was due, if it is due `now`.
    /// `turn` is the first slot that the lane has not used, and moves on with
    /// the answer.
    pub(super) fn take(&mut self, turn: &mut u64, now: Instant) -> Option<Instant> {
        let mut due = self.at(*turn);
        if due > now {
            return None;
        }
        if !self.queues {
            // Only the latest counts, even if it is due at this very instant; those before it were missed.
            let all = self.before(now + Duration::from_nanos(1), *turn);
            let missed = all.saturating_sub(*turn + 1) / self.lanes;
            *turn += missed * self.lanes;
            due = self.at(*turn);
        }
        *turn += self.lanes;
        Some(due)
    }

    /// How many slots of the measurement were due before `end`, which never moves back.
    pub(super) fn due(&mut self, end: Instant) -> u64 {
        self.due = self.before(end, self.due);
        self.due.saturating_sub(self.measured.1)
    }

    /// No lane asks for slots before this one any more.
    pub(super) fn forget(&mut self, before: u64) {
        if let Slots::Random(sequence) = &mut self.slots {
            // What was sent may be counted up to one slot of each lane behind.
            sequence.forget(before.min(self.due).saturating_sub(self.lanes));
        }
    }

    /// How many slots are due before `end`, which are at least `known`.
    fn before(&mut self, end: Instant, known: u64) -> u64 {
        let Slots::Even(gap) = self.slots else {
            let mut slots = known;
            while self.at(slots) < end {
                slots += 1;
            }
            return slots;
        };
        let slots = end.saturating_duration_since(self.start).as_secs_f64() / gap;
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

    fn schedule(pace: Pace, connections: u16, start: Instant) -> Schedule {
        let plan = Plan { pace, connections, ..Plan::new() };
        Schedule::new(&plan, start).expect("a schedule")
    }

    fn released(schedule: &mut Schedule, now: Instant) -> Vec<usize> {
        let mut lanes = Vec::new();
        schedule.release(now, |lane| lanes.push(lane));
        lanes
    }

    #[test]
    fn lanes_take_turns_at_equal_distances() {
        let mut schedule = schedule(Pace::Rate(1000.0), 2, at(5));
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
            let mut schedule = schedule(pace, 1, at(0));
            let mut turn = 0;
            assert_eq!([(); 2].map(|()| schedule.take(&mut turn, at(4500))), expected);
            // What is due this very instant is the latest.
            let mut turn = 0;
            assert_eq!([(); 2].map(|()| schedule.take(&mut turn, at(4000))), expected);
        }
    }

    #[test]
    fn no_error_adds_up() {
        let mut thirds = schedule(Pace::Rate(3.0), 1, at(0));
        assert_eq!(thirds.at(3 * 86_400 * 365), at(86_400 * 365 * 1000));
        let mut micros = schedule(Pace::Interval(Duration::from_micros(1)), 1, at(0));
        assert!((0..1000).all(|millis| micros.due(at(millis)) == millis * 1000));
        assert!(Schedule::new(&Plan::new(), at(0)).is_none());
    }

    #[test]
    fn what_was_due_in_a_time_is_counted() {
        let interval = Pace::Interval(Duration::from_millis(2));
        for pace in [Pace::Rate(1000.0), interval] {
            for (from, end, due) in [(0, 105, 100), (55, 105, 50), (105, 55, 0), (5, 5, 0)] {
                let mut schedule = schedule(pace, 2, at(5));
                schedule.measure(at(from));
                assert_eq!(schedule.due(at(end)), due);
            }
        }
    }

    /// Whatever is asked of a random schedule, and in whatever order, follows from its sequence.
    #[test]
    fn a_random_schedule_says_what_its_sequence_says() {
        let arrivals = Arrivals::Poisson { seed: 3 };
        let plan = Plan { pace: Pace::Rate(1_000.0), arrivals, connections: 3, ..Plan::new() };
        let mut sequence = Sequence::new(3, 1_000.0);
        let all: Vec<_> = (0..20_000).map(|slot| at(5) + sequence.at(slot)).collect();
        let before = |end: Instant| all.iter().filter(|due| **due < end).count() as u64;
        let mut schedule = Schedule::new(&plan, at(5)).expect("a schedule");
        assert_eq!(schedule.next(), all[0]);
        schedule.measure(at(1_000));
        for millis in (1_000..15_000).step_by(125) {
            assert_eq!(schedule.due(at(millis)), before(at(millis)) - before(at(1_000)));
        }
        // Nobody comes for 15 s: all lanes are told once, and each finds its slots one after another.
        assert_eq!(released(&mut schedule, at(15_000)), [0, 1, 2]);
        assert_eq!(schedule.next(), all[before(at(15_000)) as usize]);
        let first = before(at(1_000));
        let lasts = all[first as usize + 9_000].saturating_duration_since(at(1_000));
        assert_eq!(schedule.lasts(9_000), lasts);
        let mut turns = [0, 1, 2];
        for (slot, due) in all.iter().take_while(|due| **due <= at(15_000)).enumerate() {
            assert_eq!(schedule.take(&mut turns[slot % 3], at(15_000)), Some(*due), "{slot}");
            schedule.forget(*turns.iter().min().expect("three"));
        }
        assert_eq!(schedule.take(&mut turns[0], at(5)), None);
    }
}
