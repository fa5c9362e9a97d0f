//! How much each round trip resembles the one before it.
//!
//! It is asked over all connections together, in the order in which messages end: the numbers of a report are those of
//! all of them, and what makes neighbours alike (a queue, a clock speed, a placement by the scheduler) is common to
//! them. It is asked of logarithms, as times are multiplied by what slows them, and one that is a thousand times as
//! long as others must not decide alone.

use std::time::Duration;

/// Sums over a sequence of times and over its neighbours.
#[derive(Debug, Clone, Copy, Default)]
pub struct Succession {
    n: u64,
    /// All other values are kept as differences from the first one, so that large ones lose no digits.
    first: f64,
    last: f64,
    sum: f64,
    squares: f64,
    /// The sum of the products of each value and the next one.
    products: f64,
}

impl Succession {
    /// Adds the next time. Allocates nothing, and calls no logarithm.
    pub fn record(&mut self, time: Duration) {
        self.add(logarithm(time.as_nanos() as u64));
    }

    fn add(&mut self, value: f64) {
        if self.n == 0 {
            self.first = value;
        }
        let value = value - self.first;
        self.products += self.last * value;
        self.sum += value;
        self.squares += value * value;
        self.last = value;
        self.n += 1;
    }

    /// Adds the times of a run that came later: its first one follows the last one here.
    pub(super) fn append(&mut self, other: &Self) {
        if self.n == 0 || other.n == 0 {
            *self = if self.n == 0 { *other } else { *self };
            return;
        }
        // Its values are differences from a first one of its own.
        let (n, shift) = (other.n as f64, other.first - self.first);
        let inner = shift * (2.0 * other.sum - other.last) + (n - 1.0) * shift * shift;
        self.products += self.last * shift + other.products + inner;
        self.squares += other.squares + 2.0 * shift * other.sum + n * shift * shift;
        self.sum += other.sum + n * shift;
        self.last = other.last + shift;
        self.n += other.n;
    }

    /// The autocorrelation at lag 1, from -1 to 1: 0 if no time says anything about the next one. None if all are equal.
    #[must_use]
    pub fn resemblance(&self) -> Option<f64> {
        let n = self.n as f64;
        let mean = self.sum / n;
        let squares = self.squares - self.sum * mean;
        // The first value is 0: it is missing among the second ones of the pairs, as the last one is among the first.
        let products =
            self.products - mean * (2.0 * self.sum - self.last) + (n - 1.0) * mean * mean;
        (self.n > 1 && squares > 0.0).then(|| products / squares)
    }

    /// How many independent times would tell as much, if each depended on the one before it alone (an autoregressive
    /// process of order one).
    #[must_use]
    pub(crate) fn worth(&self) -> f64 {
        let alike = self.resemblance().unwrap_or_default().clamp(0.0, 1.0);
        self.n as f64 * (1.0 - alike) / (1.0 + alike)
    }
}

/// The binary logarithm, straight between powers of two: a number's representation is just that. It is off by less
/// than 0.09, evenly enough for a correlation, and takes a nanosecond.
fn logarithm(nanos: u64) -> f64 {
    const MANTISSA: f64 = (1_u64 << (f64::MANTISSA_DIGITS - 1)) as f64;
    (nanos.max(1) as f64).to_bits() as f64 / MANTISSA
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::recurring::Recurring;
    use crate::random::Random;

    #[test]
    fn a_logarithm_is_nearly_one() {
        let shift = logarithm(1);
        for nanos in [1, 2, 3, 71_000, 100_000, 1 << 40, u64::MAX] {
            let error = logarithm(nanos) - shift - (nanos as f64).log2();
            assert!((-0.09..1e-9).contains(&error), "{nanos}: {error}");
        }
        assert_eq!(logarithm(0), logarithm(1));
    }

    #[test]
    fn what_comes_later_follows() {
        for cut in [0, 1, 7, 99, 100] {
            let times: Vec<_> =
                (1..=100_u64).map(|n| Duration::from_nanos(n * n * 7_919 % 5_000 + 9)).collect();
            let of = |times: &[Duration]| {
                let mut out = Succession::default();
                times.iter().for_each(|time| out.record(*time));
                out
            };
            let (whole, mut sum) = (of(&times), of(&times[..cut]));
            sum.append(&of(&times[cut..]));
            let off = sum.resemblance().zip(whole.resemblance()).map(|(a, b)| (a - b).abs());
            assert!(off.is_some_and(|off| off < 1e-9) && sum.n == whole.n, "{cut}: {off:?}");
            assert_eq!(sum.last, whole.last);
        }
    }

    #[test]
    fn what_follows_is_known_from_what_was() {
        for memory in [0.0, 0.5, 0.9] {
            let mut random = Random(7);
            let mut level = Recurring::new(memory, 0.3);
            let mut times = Succession::default();
            for _ in 0..20_000 {
                level.step(&mut random);
                times.record(Duration::from_secs_f64(70e-6 * level.value.exp()));
            }
            let found = times.resemblance().expect("they differ");
            // It scatters by √((1 - r²)/n), which is 0.007 at most.
            assert!((found - memory).abs() < 0.02, "{found} for {memory}");
            let worth = 20_000.0 * (1.0 - memory) / (1.0 + memory);
            assert!((times.worth() / worth - 1.0).abs() < 0.1, "{}", times.worth());
        }
    }

    #[test]
    fn what_does_not_differ_resembles_nothing() {
        let mut times = Succession::default();
        assert_eq!((times.resemblance(), times.worth()), (None, 0.0));
        (0..3).for_each(|_| times.record(Duration::from_micros(70)));
        assert_eq!((times.resemblance(), times.worth()), (None, 3.0));
        times.record(Duration::ZERO);
        assert!(times.resemblance().is_some());
    }

    /// The Statistical Reference Datasets of NIST, with the certified lag-1 autocorrelation.
    #[test]
    fn certified_values_are_met() {
        use crate::measurement::reference::{SETS, Set};

        for Set { name, values, autocorrelation, digits, .. } in SETS {
            let mut sequence = Succession::default();
            values().for_each(|value| sequence.add(value));
            let found = sequence.resemblance().expect("they differ");
            let error = (found / autocorrelation - 1.0).abs();
            assert!(error < 10_f64.powi(-digits), "{name}: {found}, off by {error:e}");
        }
    }
}
