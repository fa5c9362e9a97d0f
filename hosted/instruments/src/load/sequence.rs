//! Slots at random distances: a Poisson process that a seed repeats.
//!
//! The distance before each slot is drawn from its number, so that any part can be drawn again. Only the last
//! slots and a mark every now and then are kept: a run that falls behind by millions of messages needs no memory
//! for each.

use std::collections::VecDeque;
use std::time::Duration;

use crate::random::Random;

/// The number of slots that are remembered.
const RECENT: usize = 1 << 12;

/// The distance from one mark to the next, in slots.
const STRIDE: u64 = 1 << 8;

/// The instants of slots, since a start.
#[derive(Debug)]
pub(super) struct Sequence {
    seed: u64,
    /// The mean distance, in nanoseconds.
    mean: f64,
    /// The number of slots drawn so far.
    drawn: u64,
    /// When the last of them is due, in whole nanoseconds: their sum is exact.
    last: u64,
    /// When the last slots are due, each at its number modulo their count.
    recent: Box<[u64]>,
    /// When slots whose number is divisible by [`STRIDE`] are due.
    marks: VecDeque<u64>,
    /// The number of marks that were given up.
    forgotten: u64,
}

impl Sequence {
    /// So many slots per second on average.
    pub(super) fn new(seed: u64, per_second: f64) -> Self {
        let recent = vec![0; RECENT].into_boxed_slice();
        let mean = 1e9 / per_second;
        Self { seed, mean, drawn: 0, last: 0, recent, marks: VecDeque::new(), forgotten: 0 }
    }

    /// When a slot is due that was not [forgotten](Self::forget).
    pub(super) fn at(&mut self, slot: u64) -> Duration {
        while self.drawn <= slot {
            self.last = self.last.saturating_add(self.gap(self.drawn));
            self.recent[self.drawn as usize % RECENT] = self.last;
            if self.drawn.is_multiple_of(STRIDE) {
                self.marks.push_back(self.last);
            }
            self.drawn += 1;
        }
        Duration::from_nanos(if self.drawn - slot <= RECENT as u64 {
            self.recent[slot as usize % RECENT]
        } else {
            let mark = slot / STRIDE;
            let begin = self.marks[(mark - self.forgotten) as usize];
            (mark * STRIDE + 1..=slot).fold(begin, |at, slot| at + self.gap(slot))
        })
    }

    /// Slots before this one are not asked for any more.
    pub(super) fn forget(&mut self, before: u64) {
        while (self.forgotten + 1) * STRIDE <= before && self.marks.pop_front().is_some() {
            self.forgotten += 1;
        }
    }

    /// The distance before a slot: exponential.
    fn gap(&self, slot: u64) -> u64 {
        (-Random::at(self.seed, slot).uniform().ln() * self.mean).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_due_when_it_was_however_far_behind_it_is_asked_for() {
        let mut sequence = Sequence::new(7, 1e6);
        let all: Vec<_> = (0..3 * RECENT as u64).map(|slot| sequence.at(slot)).collect();
        assert!(all.is_sorted());
        for (slot, at) in (0..).zip(&all).step_by(97) {
            assert_eq!(sequence.at(slot), *at, "{slot}");
        }
        sequence.forget(5_000);
        assert!(sequence.marks.len() < 32, "{}", sequence.marks.len());
        assert!((5_000..all.len()).all(|slot| sequence.at(slot as u64) == all[slot]));
        let mut again = Sequence::new(7, 1e6);
        assert_eq!(again.at(9_999), all[9_999], "the seed repeats it");
        assert_ne!(Sequence::new(8, 1e6).at(9_999), all[9_999]);
    }

    #[test]
    fn distances_are_exponential() {
        let mut sequence = Sequence::new(1, 1_000.0);
        const COUNT: u32 = 100_000;
        let last = sequence.at(u64::from(COUNT) - 1);
        // The mean of so many scatters by 0.3 %.
        assert!(last.abs_diff(Duration::from_millis(1) * COUNT) < last / 100, "{last:?}");
        let gaps = (0..u64::from(COUNT)).map(|slot| sequence.gap(slot));
        for (longer_than, share) in [(100_000, 0.9048), (1_000_000, 0.3679), (3_000_000, 0.0498)] {
            let longer = gaps.clone().filter(|gap| *gap > longer_than).count() as f64;
            assert!((longer / f64::from(COUNT) - share).abs() < 0.006, "{longer_than}: {longer}");
        }
    }
}
