//! Pseudo-random numbers that a seed repeats.

/// `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

/// The step from one number to the next.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The numbers of a seed from this place on, counted from 0.
    pub(crate) const fn at(seed: u64, place: u64) -> Self {
        Self(seed.wrapping_add(place.wrapping_mul(STEP)))
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
        self.0 = self.0.wrapping_add(STEP);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_place_of_a_sequence_can_be_drawn_again() {
        let mut all = Random(7);
        // The first number of this seed, by the authors' program.
        assert_eq!(Random(0).next(), 0xe220_a839_7b1d_cdaf);
        for place in 0..10 {
            assert_eq!(Random::at(7, place).next(), all.next(), "{place}");
        }
    }
}
