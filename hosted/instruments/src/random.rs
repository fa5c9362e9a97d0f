//! Pseudo-random numbers that a seed repeats.

use echo_core::random;

/// A sequence that begins with a seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The numbers of a seed from this place on, counted from 0.
    pub(crate) const fn at(seed: u64, place: u64) -> Self {
        Self(random::after(seed, place))
    }

    /// Above 0, and up to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `most`, which is not 0; the bias of the remainder is far below what can be seen in draws.
    pub(crate) const fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    pub(crate) const fn next(&mut self) -> u64 {
        random::next(&mut self.0)
    }
}
