//! Many durations, summarised in bounded memory.
//!
//! The measuring loop records into it; every report and the figure read their
//! numbers here, so that one number is the same wherever it stands.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest time that the histogram distinguishes from longer ones: one hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Durations: percentiles to three digits, sums exact.
#[derive(Debug, Clone)]
pub struct Times {
    histogram: Histogram<u64>,
    /// In nanoseconds.
    sum: u128,
    /// In square nanoseconds.
    squares: u128,
    fastest: Duration,
    slowest: Duration,
}

impl Times {
    /// A collection without times.
    #[must_use]
    pub fn new() -> Self {
        Self {
            histogram: Histogram::new_with_bounds(1, LONGEST_NS, 3)
                .expect("1 ns to 1 h to 3 digits is a valid histogram"),
            sum: 0,
            squares: 0,
            fastest: Duration::MAX,
            slowest: Duration::ZERO,
        }
    }

    /// The times that are known by their distribution, their sums ([`sums`](Self::sums)), and the fastest and the slowest of
    /// them; None if these contradict each other.
    pub(crate) fn known_as(
        histogram: &Histogram<u64>,
        (sum, squares): (u128, u128),
        ends: Option<(Duration, Duration)>,
    ) -> Option<Self> {
        let mut out = Self { sum, squares, ..Self::new() };
        out.histogram.add(histogram).ok()?;
        match ends {
            None => out.is_empty().then_some(out),
            Some((fastest, slowest)) => {
                (out.fastest, out.slowest) = (fastest, slowest);
                out.is_possible().then_some(out)
            }
        }
    }

    /// Whether there can be so many times with these sums between these ends: a deviation would be the root of a negative
    /// number otherwise.
    fn is_possible(&self) -> bool {
        let n = u128::from(self.len());
        let [fastest, slowest] = [self.fastest, self.slowest].map(|end| end.as_nanos());
        let all = |end: u128| n.checked_mul(end);
        let within = all(fastest).is_some_and(|least| least <= self.sum)
            && all(slowest).is_some_and(|most| self.sum <= most);
        let products = n.checked_mul(self.squares).zip(self.sum.checked_mul(self.sum));
        n > 0 && within && products.is_none_or(|(squares, square)| square <= squares)
    }

    /// Adds a time. Allocates nothing.
    pub fn record(&mut self, time: Duration) {
        // Some 580 years fit.
        let nanos = time.as_nanos() as u64;
        self.histogram.saturating_record(nanos.max(1));
        self.sum += u128::from(nanos);
        self.squares += u128::from(nanos) * u128::from(nanos);
        self.fastest = self.fastest.min(time);
        self.slowest = self.slowest.max(time);
    }

    /// Adds the times of another collection.
    pub(crate) fn add(&mut self, other: &Self) {
        self.histogram += &other.histogram;
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
        self.fastest = self.fastest.min(other.fastest);
        self.slowest = self.slowest.max(other.slowest);
    }

    /// The sum of all times, and that of their squares, in nanoseconds.
    pub(crate) const fn sums(&self) -> (u128, u128) {
        (self.sum, self.squares)
    }

    /// The distribution, in nanoseconds to three digits.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// The time that a value of the histogram stands for. It knows three digits only: a time is from
    /// the middle of what it cannot tell apart, but not beyond the fastest and the slowest, which are
    /// known exactly.
    #[must_use]
    pub(crate) fn known(&self, value: u64) -> Duration {
        if self.is_empty() {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.histogram.median_equivalent(value))
            .clamp(self.fastest, self.slowest)
    }

    /// The number of times.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.histogram.len()
    }

    /// Whether there are no times.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shortest time, exactly.
    #[must_use]
    pub fn fastest(&self) -> Option<Duration> {
        (!self.is_empty()).then_some(self.fastest)
    }

    /// The longest time, exactly.
    #[must_use]
    pub fn slowest(&self) -> Option<Duration> {
        (!self.is_empty()).then_some(self.slowest)
    }

    /// The mean, exactly.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(self.len().into())?;
        Some(Duration::from_nanos(mean as u64))
    }

    /// The standard deviation of these times (ping's `mdev`).
    #[must_use]
    pub fn deviation(&self) -> Option<Duration> {
        let n = u128::from(self.len());
        let mean = self.sum.checked_div(n)? as f64;
        let exact = n.checked_mul(self.squares).zip(self.sum.checked_mul(self.sum));
        let variance = match exact {
            // In whole numbers: the difference of two large ones would lose what matters.
            Some((squares, square)) => (squares - square) as f64 / (n * n) as f64,
            None => (self.squares as f64 / n as f64 - mean * mean).max(0.0),
        };
        Some(Duration::from_nanos(variance.sqrt() as u64))
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_are_nearly_alike_deviate_hardly() {
        let mut times = Times::new();
        for nanos in [1_000_000_000, 1_000_000_002] {
            times.record(Duration::from_nanos(nanos));
        }
        assert_eq!(times.deviation(), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn moments_are_exact() {
        let mut times = Times::new();
        for micros in [40, 50, 60, 50] {
            times.record(Duration::from_micros(micros));
        }
        assert_eq!(times.mean(), Some(Duration::from_micros(50)));
        assert_eq!(times.deviation(), Some(Duration::from_nanos(7071)));
        assert_eq!(times.fastest(), Some(Duration::from_micros(40)));
        assert_eq!(times.slowest(), Some(Duration::from_micros(60)));
    }

    /// The Statistical Reference Datasets of NIST, in whole numbers: as nanoseconds of a unit of their own.
    #[test]
    fn certified_values_are_met() {
        use crate::measurement::reference::{SETS, Set};

        for Set { name, values, mean, deviation, .. } in SETS {
            // No time is negative, nor has it a fraction: tenths and hundredths become whole numbers.
            let up = if mean < 0.0 { 1_000.0 } else { 0.0 };
            let (hundredths, unit) = (100.0, 1e8);
            let mut times = Times::new();
            values().for_each(|value| {
                let whole = ((value + up) * hundredths).round() as u64;
                times.record(Duration::from_nanos(whole * (unit / hundredths) as u64));
            });
            let n = times.len() as f64;
            let told = |time: Option<Duration>| time.expect("times").as_nanos() as f64 / unit;
            // Ours is that of these times; certified is the one that is expected of all.
            let found = [told(times.mean()) - up, told(times.deviation()) * (n / (n - 1.0)).sqrt()];
            for (found, certified) in found.into_iter().zip([mean, deviation]) {
                // A whole nanosecond is the last digit that is told.
                assert!((found - certified).abs() < 2.0 / unit, "{name}: {found}, not {certified}");
            }
        }
    }
}
