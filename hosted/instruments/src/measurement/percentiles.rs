//! The percentiles that summarise a run, for the text report and for the figure.
//!
//! Both take them from here, so that a percentile is the same number everywhere. One that too few round trips
//! support is absent: the slowest of ten says nothing about the slowest of a hundred.

use std::time::Duration;

use crate::measurement::times::Times;

/// Names of percentiles and the N of "one in N round trips was slower".
pub const PERCENTILES: [(&str, u64); 8] = [
    ("p50", MEDIAN),
    ("p75", 4),
    ("p90", 10),
    ("p95", 20),
    ("p99", P99),
    ("p99.9", 1_000),
    ("p99.99", 10_000),
    ("p99.999", 100_000),
];

/// The percentiles that are shown where there is no room for all.
pub fn shown() -> impl Iterator<Item = (&'static str, u64)> {
    PERCENTILES.into_iter().filter(|(name, _)| !matches!(*name, "p75" | "p95"))
}

/// Half of the round trips were slower than the median.
pub const MEDIAN: u64 = 2;

/// One in a hundred round trips was slower than p99.
pub const P99: u64 = 100;

/// The time that one in `one_in` round trips exceeded; None if there were fewer than that.
pub fn percentile(times: &Times, one_in: u64) -> Option<Duration> {
    let supported = times.len() >= one_in.max(1);
    let mut time = exceeded_by_one_in(times, [one_in as f64]);
    time.next().filter(|_| supported)
}

/// The times that one in N round trips exceeded, for ascending N (1 or more, any fraction); zero if there were none.
pub(crate) fn exceeded_by_one_in(
    times: &Times,
    ascending: impl IntoIterator<Item = f64>,
) -> impl Iterator<Item = Duration> {
    let shares = ascending.into_iter().map(|one_in| 1.0 - 1.0 / one_in);
    // One pass over the histogram for all of them.
    let values = times.histogram().value_at_quantiles(shares.collect::<Vec<_>>());
    values.map(|value| times.known(value))
}

/// Between which times the percentile of "one in `one_in`" lies, by order statistics, if the share of those below it
/// is off by no more than `spread`: it supposes nothing about how the times are distributed. None if one of its ends
/// lies beyond all of them.
pub(crate) fn interval(times: &Times, one_in: u64, spread: f64) -> Option<[Duration; 2]> {
    let n = times.len() as f64;
    // A number of times that are below is a whole one: half of one is added on either side.
    let (rank, spread) = (n * (1.0 - 1.0 / one_in as f64), n * spread);
    let ranks = [(rank - spread + 0.5).floor(), (rank + spread + 0.5).ceil()];
    if ranks[0] < 1.0 || ranks[1] > n {
        return None;
    }
    // Half a rank less is the same rank, whatever a division leaves.
    let shares = ranks.map(|rank| (rank - 0.5) / n);
    let values = times.histogram().value_at_quantiles(shares.to_vec());
    let mut values = values.map(|value| times.known(value));
    Some([values.next()?, values.next()?])
}

/// The fewest messages with which the slowest of them is with 97.5 % confidence not below the percentile of "one in
/// `one_in`": an interval of it has two ends then.
pub(crate) fn fewest(one_in: u64) -> u64 {
    (0.025_f64.ln() / (1.0 - 1.0 / one_in as f64).ln()).ceil() as u64
}

/// Whether this many independent times are enough for an interval of the percentile of "one in `one_in`": how many are
/// slower is binomial, and close to normal from here on. (That is 505 for p99. With 368 the slowest of all is with
/// 97.5 % confidence not below it: fewer could have no upper end.)
pub(crate) fn are_enough(times: f64, one_in: u64) -> bool {
    times * variance(one_in) >= FEWEST
}

/// The variance of whether a time is slower than one in `one_in`.
pub(crate) fn variance(one_in: u64) -> f64 {
    let slower = 1.0 / one_in as f64;
    slower * (1.0 - slower)
}

/// The variance from which a binomial distribution passes for a normal one.
const FEWEST: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Times {
        let mut out = Times::new();
        for ns in times {
            out.record(Duration::from_nanos(ns));
        }
        out
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
    fn percentiles_rise_up_to_the_exact_maximum() {
        let times = of((1..200_000).map(|n| n * n));
        let percentiles = PERCENTILES.map(|(_, one_in)| percentile(&times, one_in));
        assert!(percentiles.iter().all(Option::is_some) && percentiles.is_sorted());
        assert!(percentiles[7] <= times.slowest());
        // The middle of its bin is above it.
        let highest = of([1 << 30; 2]);
        assert_eq!(percentile(&highest, MEDIAN), highest.slowest());
    }

    #[test]
    fn an_interval_is_that_of_the_binomial_distribution() {
        // 1000 values 1 to 1000: the median lies between ranks 469 and 532 (Conover, normal approximation).
        let spread = 1.959_964 * (variance(MEDIAN) / 1e3).sqrt();
        let [low, high] = interval(&of(1..=1000), MEDIAN, spread).expect("enough");
        assert_eq!([low.as_nanos(), high.as_nanos()], [469, 532]);
        let [low, high] = interval(&of(1..=1000), MEDIAN, 0.1).expect("enough");
        assert_eq!([low.as_nanos(), high.as_nanos()], [400, 601], "a share known less well");
    }

    #[test]
    fn an_interval_ends_at_the_ranks_that_it_is_to() {
        // Each time is its rank.
        for n in 20..=300 {
            let spread = 0.5 - 3.0 / n as f64;
            let ends = interval(&of(1..=n), MEDIAN, spread);
            let ranks = [3, n - 2].map(Duration::from_nanos);
            assert_eq!(ends, Some(ranks), "{n}");
        }
    }

    #[test]
    fn the_slowest_of_the_fewest_is_no_faster_than_the_percentile() {
        let all = [2, 10, 100, 1_000, 10_000].map(fewest);
        assert_eq!(all, [6, 36, 368, 3_688, 36_887]);
        for one_in in [2, 10, 100, 1_000] {
            let missed = |n: u64| (1.0 - 1.0 / one_in as f64).powi(n as i32);
            assert!(missed(fewest(one_in)) <= 0.025 && missed(fewest(one_in) - 1) > 0.025);
        }
    }

    #[test]
    fn an_interval_needs_enough_on_both_sides() {
        assert_eq!(interval(&of([]), MEDIAN, 0.0), None);
        let times = of((0..2_000).map(|n| 1_000 + n));
        let (low, high) =
            interval(&times, P99, 0.005).map(|[low, high]| (low, high)).expect("enough");
        let p99 = percentile(&times, P99).expect("enough");
        assert!(low < p99 && p99 < high && Some(high) <= times.slowest());
        assert_eq!(interval(&times, P99, 0.01), None, "the slowest is not slow enough");
        for (one_in, fewest) in [(2, 20.0), (10, 56.0), (P99, 506.0), (1_000, 5_006.0)] {
            assert!(are_enough(fewest, one_in) && !are_enough(fewest - 1.0, one_in), "{one_in}");
        }
    }
}
