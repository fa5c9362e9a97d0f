//! Pseudo-random numbers, and the faults that they decide.

use std::time::Duration;

use echo_core::random;

use crate::chance::Chance;

/// A sequence of numbers that follows from a seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Whether something of this chance happens now. A chance of 0 draws no number.
    pub(super) fn happens(&mut self, chance: Chance) -> bool {
        chance > Chance::NEVER && chance.happens(self.next())
    }

    /// A time below `most`.
    pub(super) fn time(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(if most == 0 { 0 } else { self.next() % most })
    }

    /// A number below `most`, which is not 0.
    pub(super) fn number(&mut self, most: usize) -> usize {
        self.next() as usize % most
    }

    fn next(&mut self) -> u64 {
        random::next(&mut self.0)
    }
}
