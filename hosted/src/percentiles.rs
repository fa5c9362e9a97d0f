//! The percentiles that a run is summed up in, for the text report and for the figure.
//!
//! Both ask here, so that a percentile is the same number wherever it stands. One that too few round trips
//! support is absent: the slowest of ten says nothing about the slowest of a hundred.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Names of percentiles and the N of "one in N round trips was slower".
pub const PERCENTILES: [(&str, u64); 6] = [
    ("p50", MEDIAN),
    ("p90", 10),
    ("p99", P99),
    ("p99.9", 1_000),
    ("p99.99", 10_000),
    ("p99.999", 100_000),
];

/// Half of the round trips were slower than the median.
pub const MEDIAN: u64 = 2;

/// One in a hundred round trips was slower than p99.
pub const P99: u64 = 100;

/// The time that one in `one_in` round trips exceeded; None if there were fewer than that.
pub fn percentile(nanoseconds: &Histogram<u64>, one_in: u64) -> Option<Duration> {
    let supported = nanoseconds.len() >= one_in.max(1);
    let mut time = exceeded_by_one_in(nanoseconds, [one_in as f64]);
    time.next().filter(|_| supported)
}

/// The times that one in N round trips exceeded, for ascending N (1 or more, any fraction); zero if there were none.
pub fn exceeded_by_one_in(
    nanoseconds: &Histogram<u64>,
    ascending: impl IntoIterator<Item = f64>,
) -> impl Iterator<Item = Duration> {
    let shares = ascending.into_iter().map(|one_in| 1.0 - 1.0 / one_in);
    // One pass over the histogram for all of them.
    let values = nanoseconds.value_at_quantiles(shares.collect::<Vec<_>>());
    values.map(|value| middle(nanoseconds, value))
}

/// The fastest round trip, zero if there was none.
pub fn fastest(nanoseconds: &Histogram<u64>) -> Duration {
    middle(nanoseconds, nanoseconds.min())
}

/// The slowest round trip, zero if there was none.
pub fn slowest(nanoseconds: &Histogram<u64>) -> Duration {
    middle(nanoseconds, nanoseconds.max())
}

/// A histogram knows times to three digits only. All numbers are from the middle of what it cannot tell apart,
/// so one single round trip is its own minimum, median and maximum.
fn middle(nanoseconds: &Histogram<u64>, value: u64) -> Duration {
    if nanoseconds.is_empty() {
        return Duration::ZERO;
    }
    Duration::from_nanos(nanoseconds.median_equivalent(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("three digits are allowed");
        for ns in times {
            histogram.record(ns).expect("the histogram grows");
        }
        histogram
    }

    #[test]
    fn a_percentile_needs_enough_round_trips() {
        assert_eq!(percentile(&of([]), 1), None);
        assert_eq!(percentile(&of([7]), MEDIAN), None);
        assert_eq!(percentile(&of([7, 9]), MEDIAN), Some(Duration::from_nanos(7)));
        assert_eq!(percentile(&of(1..=99), P99), None);
        assert_eq!(percentile(&of(1..=100), P99), Some(Duration::from_nanos(99)));
    }

    #[test]
    fn percentiles_rise_up_to_the_maximum() {
        let histogram = of((1..200_000).map(|n| n * n));
        let times = PERCENTILES.map(|(_, one_in)| percentile(&histogram, one_in));
        assert!(times.iter().all(Option::is_some) && times.is_sorted());
        assert!(times[5] <= Some(slowest(&histogram)));
    }

    #[test]
    fn one_round_trip_is_the_fastest_and_the_slowest() {
        for ns in [0, 1, 80_000, 123_456_789, u64::MAX / 2] {
            let histogram = of([ns]);
            assert_eq!(fastest(&histogram), slowest(&histogram));
            let mut first = exceeded_by_one_in(&histogram, [1.0]);
            assert_eq!(first.next(), Some(fastest(&histogram)));
        }
        assert_eq!(slowest(&of([])), Duration::ZERO);
    }
}
