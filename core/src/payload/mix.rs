//! Numbers that look random, and the inverse.

/// 2^64 divided by the golden ratio, made odd: steps of this size meet no number twice.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014): a bijection that
/// makes each bit of the output depend on each bit of the input.
pub(crate) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(MIX_1);
    bits = (bits ^ (bits >> 27)).wrapping_mul(MIX_2);
    bits ^ (bits >> 31)
}

/// The inverse of [`mix`].
pub(super) const fn unmix(mut bits: u64) -> u64 {
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
    fn unmix_undoes_mix() {
        for bits in (0..64).map(|bit| 1 << bit).chain([0, 1, u64::MAX, GOLDEN]) {
            assert_eq!(unmix(mix(bits)), bits);
        }
    }
}
