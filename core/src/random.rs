//! Numbers that look random, and that a seed repeats: `SplitMix64` (Steele, Lea, Flood 2014).

/// The next number of the sequence whose `state` is a seed at first.
pub const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(GOLDEN);
    mix(*state)
}

/// The state of the sequence of a `seed` after so many numbers.
#[must_use]
pub const fn after(seed: u64, numbers: u64) -> u64 {
    seed.wrapping_add(numbers.wrapping_mul(GOLDEN))
}

/// 2^64 divided by the golden ratio, made odd: steps of this size meet no number twice.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser: a bijection that makes each bit of the output depend on each bit of the input.
pub(crate) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(MIX_1);
    bits = (bits ^ (bits >> 27)).wrapping_mul(MIX_2);
    bits ^ (bits >> 31)
}

/// The inverse of [`mix`].
pub(crate) const fn unmix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 31) ^ (bits >> 62)).wrapping_mul(inverse(MIX_2));
    bits = (bits ^ (bits >> 27) ^ (bits >> 54)).wrapping_mul(inverse(MIX_1));
    bits ^ (bits >> 30) ^ (bits >> 60)
}

const MIX_1: u64 = 0xbf58_476d_1ce4_e5b9;
const MIX_2: u64 = 0x94d0_49bb_1331_11eb;

/// The inverse of an odd number modulo 2^64, by Newton's iteration: each step
/// doubles the number of correct bits, from the 3 that the number itself has.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut right = 3;
    while right < u64::BITS {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        right *= 2;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one_from_any_place() {
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
        ];
        let mut state = 1_234_567;
        for (place, number) in (0..).zip(published) {
            assert_eq!(state, after(1_234_567, place));
            assert_eq!(next(&mut state), number);
        }
    }

    #[test]
    fn unmix_undoes_mix() {
        for bits in (0..64).map(|bit| 1 << bit).chain([0, 1, u64::MAX, GOLDEN]) {
            assert_eq!(unmix(mix(bits)), bits);
        }
    }
}
