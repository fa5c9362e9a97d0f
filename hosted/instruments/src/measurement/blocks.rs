//! The uncertainty of the numbers of a run, estimated from how they scatter over its course.
//!
//! Round trips depend on each other: a queue, a clock speed or a placement by the scheduler lasts for many of
//! them. If that were ignored, any two runs would differ. So a run is cut into some twenty blocks of equal
//! length, and what counts is how much these differ (batch means). One arithmetic serves all numbers, as each is
//! a quotient of two sums over the blocks. It knows nothing of what differs only from one run to the next.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::measurement::Measurement;
use crate::measurement::confidence::{Z, fail_rate_interval};
use crate::measurement::percentiles::{self, percentile};
use crate::measurement::student;
use crate::measurement::timeline::{Column, Timeline};

/// The number of blocks. More would be too short to be independent, fewer would say too little about how
/// far they scatter (Schmeiser 1982). By doubling their length one always gets from above into this range.
const BLOCKS: RangeInclusive<usize> = 15..=30;

/// Messages in a block, on average, that make it one: with fewer its borders say more than its messages.
const FEWEST: u64 = 10;

/// However much blocks resemble each other, they count for this many that do not. Fewer say nothing.
const FEWEST_BLOCKS: f64 = 3.0;

/// A run in blocks.
#[derive(Debug)]
pub(crate) struct Blocks<'a> {
    measurement: &'a Measurement,
    timeline: Timeline,
    /// The number of blocks; the remainder after them is left out.
    count: usize,
}

impl<'a> Blocks<'a> {
    /// The blocks of a run; None if it is too short to be cut, or its course is not known.
    #[must_use]
    pub(crate) fn of(measurement: &'a Measurement) -> Option<Self> {
        if measurement.together.is_some() {
            return None;
        }
        let mut timeline = measurement.timeline.clone();
        let whole = |width: Duration| (measurement.elapsed.as_nanos() / width.as_nanos()) as usize;
        while whole(timeline.column_width()) > *BLOCKS.end() {
            timeline.widen();
        }
        let count = whole(timeline.column_width());
        if timeline.columns().len() < count {
            // Nothing came back in the last ones.
            timeline.resize(count);
        }
        let enough = measurement.tally.messages() >= FEWEST * count as u64;
        (BLOCKS.contains(&count) && enough).then_some(Self { measurement, timeline, count })
    }

    /// The 95 % confidence interval of the mean.
    #[must_use]
    pub(crate) fn mean(&self) -> Option<[Duration; 2]> {
        let (mean, spread) = (nanos(self.measurement.felt().mean()?), self.mean_spread()?);
        Some([mean - spread, mean + spread].map(|end| Duration::from_nanos(end.max(0.0) as u64)))
    }

    /// How many independent messages would tell as much about the mean, by neighbours or by blocks: of messages that
    /// resemble the one before them, or those of the same second, fewer than there are. Neighbours do not see what
    /// lasts for long; a few blocks know how far they scatter to 16 % only.
    #[must_use]
    pub(crate) fn worth(&self) -> Option<f64> {
        let deviation = nanos(self.measurement.felt().deviation()?);
        let (error, _) = self.scatter(all_times, in_column)?;
        let by_neighbours = self.measurement.succession.worth();
        Some(if error > 0.0 {
            (deviation / error).powi(2).min(by_neighbours)
        } else {
            by_neighbours
        })
    }

    /// The 95 % confidence interval of the percentile of "one in `one_in`": the share of the
    /// messages that are slower than it is known that well, and the distribution says which times belong to
    /// shares. None if too few messages are on either side, or too few of them are independent.
    #[must_use]
    pub(crate) fn percentile(&self, one_in: u64) -> Option<[Duration; 2]> {
        let times = self.measurement.felt();
        let value = nanos(percentile(times, one_in)?);
        if !percentiles::are_enough(self.measurement.succession.worth(), one_in) {
            return None;
        }
        let variance = percentiles::variance(one_in);
        let blur = self.timeline.columns().map(|column| column.blur(value)).sum::<f64>();
        let blur = blur / times.len() as f64;
        let spread = if blur > variance / 2.0 {
            // Most times are as long as this one to the resolution of a block, which does not see on which side of it
            // they are: they are supposed to be known as well as the mean is.
            let deviation = nanos(times.deviation()?);
            let share = if deviation > 0.0 { self.mean_spread()? / deviation } else { 0.0 };
            share * variance.sqrt()
        } else {
            let unseen = Z * (blur / times.len() as f64).sqrt();
            self.spread(|column| column.slower_than(value), in_column)?.hypot(unseen)
        };
        percentiles::interval(times, one_in, spread)
    }

    /// The 95 % confidence interval of the number of messages echoed per second.
    #[must_use]
    pub(crate) fn messages_per_second(&self) -> Option<[f64; 2]> {
        let width = self.timeline.column_width().as_secs_f64();
        let (rate, spread) =
            (self.measurement.messages_per_second()?, self.spread(echoed, |_| width)?);
        Some([(rate - spread).max(0.0), rate + spread])
    }

    /// The half width of the 95 % confidence interval of the mean, in nanoseconds.
    fn mean_spread(&self) -> Option<f64> {
        self.spread(all_times, in_column)
    }

    /// The half width of the 95 % confidence interval of the sum of `part` over that of `whole`.
    fn spread(
        &self,
        part: impl Fn(&Column<'_>) -> f64,
        whole: impl Fn(&Column<'_>) -> f64,
    ) -> Option<f64> {
        self.scatter(part, whole).map(|(error, freedom)| student::quantile(freedom) * error)
    }

    /// The standard error of the sum of `part` over that of `whole`, and its degrees of freedom.
    fn scatter(
        &self,
        part: impl Fn(&Column<'_>) -> f64,
        whole: impl Fn(&Column<'_>) -> f64,
    ) -> Option<(f64, f64)> {
        let blocks = self.timeline.columns().take(self.count);
        let pairs: Vec<_> = blocks.map(|block| (part(&block), whole(&block))).collect();
        let all: f64 = pairs.iter().map(|(_, whole)| whole).sum();
        if all <= 0.0 {
            return None;
        }
        let quotient = pairs.iter().map(|(part, _)| part).sum::<f64>() / all;
        let off: Vec<_> = pairs.iter().map(|(part, whole)| part - quotient * whole).collect();
        let squares: f64 = off.iter().map(|off| off * off).sum();
        let neighbours: f64 = off.iter().zip(&off[1..]).map(|(a, b)| a * b).sum();
        let n = off.len() as f64;
        // Blocks that resemble their neighbours count for fewer independent ones (an autoregressive process of order
        // one). What is no more than chance makes of blocks that have nothing in common is no resemblance: to count
        // it whenever it is above none, and never when it is below, would make intervals too wide.
        let alike = if squares > 0.0 { neighbours / squares } else { 0.0 };
        let alike = if alike > 1.0 / n.sqrt() { alike } else { 0.0 };
        let worth = (n * (1.0 - alike) / (1.0 + alike)).max(FEWEST_BLOCKS);
        let deviation = (squares / (n - 1.0)).sqrt();
        Some((deviation / worth.sqrt() * n / all, worth - 1.0))
    }
}

/// The 95 % confidence interval of the fail rate, as shares from 0 to 1; None without messages.
///
/// It is that of independent failures, or of those of blocks if that is wider: failures come in crowds.
#[must_use]
pub(crate) fn fail_rate(measurement: &Measurement) -> Option<(f64, f64)> {
    let failed = |column: &Column<'_>| column.failures() as f64;
    let all = |column: &Column<'_>| echoed(column) + failed(column);
    share(measurement, measurement.tally.failures(), failed, all)
}

/// The 95 % confidence interval of the share of messages that `some` of them are: `part` of `all` in each block.
#[must_use]
pub(super) fn share(
    measurement: &Measurement,
    some: u64,
    part: impl Fn(&Column<'_>) -> f64,
    all: impl Fn(&Column<'_>) -> f64,
) -> Option<(f64, f64)> {
    let messages = measurement.tally.messages();
    let (low, high) = fail_rate_interval(some, messages)?;
    if measurement.together.is_some() && some > 0 {
        // Whether they came in crowds is not known.
        return None;
    }
    let crowds = || {
        let spread = Blocks::of(measurement)?.spread(part, all)?;
        let share = some as f64 / messages as f64;
        Some((share - spread, share + spread))
    };
    let (lower, higher) = crowds().unwrap_or((low, high));
    Some((low.min(lower).max(0.0), high.max(higher).min(1.0)))
}

fn all_times(column: &Column<'_>) -> f64 {
    column.total()
}

fn echoed(column: &Column<'_>) -> f64 {
    column.echoed()
}

fn in_column(column: &Column<'_>) -> f64 {
    column.round_trips() as f64
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;

    use super::*;
    use crate::measurement::Sample;
    use crate::random::Random;

    /// A run of 20 blocks of `WIDTH`, of which each holds what is said: how many round trips of which length, and
    /// how many failures.
    fn run(blocks: impl IntoIterator<Item = (u32, u64, u32)>) -> Measurement {
        let mut measurement = Measurement::new();
        for (at, (echoed, nanos, failed)) in (0_u32..).map(|n| WIDTH * n + WIDTH / 2).zip(blocks) {
            let mut end = |end| measurement.record(&Sample::new(at, 0, end));
            (0..echoed).for_each(|_| end(Ok(Duration::from_nanos(nanos))));
            (0..failed).for_each(|_| end(Err(Failure::Reset)));
        }
        measurement.elapsed = WIDTH * 20 + WIDTH / 3;
        measurement
    }

    /// As wide as a column of a timeline can be: 2^20 ns.
    const WIDTH: Duration = Duration::from_nanos(1 << 20);

    #[test]
    fn a_mean_is_known_as_well_as_blocks_agree() {
        let blocks = (0..20).map(|n| (10, if n % 2 == 0 { 900 } else { 1_100 }, 0));
        let measurement = run(blocks);
        let [low, high] =
            Blocks::of(&measurement).and_then(|blocks| blocks.mean()).expect("enough");
        // t(19) = 2.093, and the deviation of the blocks' means is 100·√(20/19).
        let half = 2.093 * 100.0 * (20.0_f64 / 19.0).sqrt() / 20.0_f64.sqrt();
        for (end, truth) in [(low, 1_000.0 - half), (high, 1_000.0 + half)] {
            assert!((nanos(end) - truth).abs() < 1.0, "{end:?} is not {truth} ns");
        }
    }

    #[test]
    fn blocks_that_resemble_their_neighbours_tell_less() {
        let width = |alike: u32| {
            let slow = |n: u32| u64::from(n / alike % 2) * 200;
            let measurement = run((0..20).map(|n| (10, 900 + slow(n), 0)));
            let blocks = Blocks::of(&measurement).expect("enough");
            let [low, high] = blocks.mean().expect("enough");
            let [few, many] = blocks.messages_per_second().expect("enough");
            assert_eq!(few, many, "each block holds as many");
            high - low
        };
        let widths = [1, 4, 10].map(width);
        assert!(widths.is_sorted() && widths[2] > 3 * widths[0], "{widths:?}");
    }

    /// A run of 20 blocks, over which so many times are spread evenly.
    fn of_times(nanos: impl ExactSizeIterator<Item = u64>) -> Measurement {
        let mut measurement = Measurement::new();
        let n = nanos.len() as u32;
        for (number, nanos) in (0..n).zip(nanos) {
            let at = WIDTH * 20 * number / n;
            measurement.record(&Sample::new(at, 0, Ok(Duration::from_nanos(nanos))));
        }
        measurement.elapsed = WIDTH * 20;
        measurement
    }

    #[test]
    fn independent_times_are_known_as_such_and_tell_all_that_they_can() {
        let mut random = Random(1);
        let runs: Vec<_> = (0..60)
            .map(|_| of_times((0..4_000_u32).map(|_| 1_000 + random.next() % 20_000)))
            .collect();
        let blocks = runs.iter().map(|run| Blocks::of(run).expect("enough"));
        let width = |ends: Option<[Duration; 2]>| {
            ends.map(|[low, high]| nanos(high - low)).expect("enough")
        };
        for one_in in [2, 10, 100] {
            let spread = Z * (percentiles::variance(one_in) / 4_000.0).sqrt();
            let told =
                runs.iter().map(|run| width(percentiles::interval(run.felt(), one_in, spread)));
            // Twenty blocks know how far they scatter to 16 %: what they say themselves differs.
            let found = blocks.clone().map(|blocks| width(blocks.percentile(one_in)));
            let wider = found.sum::<f64>() / told.sum::<f64>();
            assert!((0.95..1.3).contains(&wider), "one in {one_in}: {wider}");
        }
        let worth: f64 = blocks.clone().filter_map(|blocks| blocks.worth()).sum();
        assert!((3_000.0..=4_000.0).contains(&(worth / 60.0)), "{worth}");
        let blocks = Blocks::of(&runs[0]).expect("enough");
        assert_eq!(blocks.percentile(10_000), None, "too few");
    }

    #[test]
    fn the_slow_end_of_times_that_follow_each_other_is_not_known() {
        // Each time stands ten times: there are 100 of them.
        let mut random = Random(1);
        let fresh: Vec<_> = (0..100).map(|_| 1_000 + random.next() % 20_000).collect();
        let measurement = of_times((0..1_000_usize).map(|n| fresh[n / 10]));
        let blocks = Blocks::of(&measurement).expect("enough");
        assert!(blocks.percentile(2).is_some() && blocks.mean().is_some());
        assert_eq!(blocks.percentile(100), None);
        assert!(blocks.worth().is_some_and(|worth| worth < 300.0), "{:?}", blocks.worth());
    }

    #[test]
    fn times_that_a_block_cannot_tell_apart_are_known_as_well_as_their_mean() {
        let mut random = Random(1);
        // All of them in the one bin of 69 632 to 73 728 ns.
        let measurement = of_times((0..2_000_u32).map(|_| 70_000 + random.next() % 3_000));
        let blocks = Blocks::of(&measurement).expect("enough");
        let [low, high] = blocks.percentile(2).expect("enough").map(nanos);
        let independent = 2.0 * Z * 3_000.0 * 0.5 / 2_000.0_f64.sqrt();
        let wider = (high - low) / independent;
        assert!((0.5..2.0).contains(&wider), "{low} to {high} for {independent} ns");
        let alike = of_times((0..20_000_u32).map(|_| 70_000));
        let ends = Blocks::of(&alike).and_then(|blocks| blocks.percentile(2));
        assert_eq!(ends, Some([Duration::from_micros(70); 2]));
    }

    #[test]
    fn a_rate_counts_blocks_in_which_nothing_came_back() {
        let stalled = run((0..12).map(|_| (20, 1_000, 0)));
        let [low, high] =
            Blocks::of(&stalled).and_then(|blocks| blocks.messages_per_second()).expect("enough");
        assert!(
            low == 0.0 && high > 1.5 * stalled.messages_per_second().expect("a rate"),
            "{high}"
        );
    }

    #[test]
    fn failures_that_come_in_a_crowd_tell_little() {
        let alike = fail_rate(&run((0..20).map(|_| (90, 1_000, 10)))).expect("messages");
        assert_eq!(Some(alike), fail_rate_interval(200, 2_000), "one by one");
        let crowd = fail_rate(&run((0..20).map(|n| (90, 1_000, if n == 9 { 200 } else { 0 }))));
        let (low, high) = crowd.expect("messages");
        assert!(low == 0.0 && high > 0.2, "{low} to {high}");
        assert_eq!(fail_rate(&run((0..20).map(|_| (90, 1_000, 0)))), fail_rate_interval(0, 1_800));
    }

    #[test]
    fn what_is_too_short_or_too_slow_has_no_blocks() {
        assert!(Blocks::of(&Measurement::new()).is_none());
        assert!(Blocks::of(&run((0..20).map(|_| (9, 1_000, 0)))).is_none(), "too few in each");
        let mut short = run((0..20).map(|_| (90, 1_000, 0)));
        short.elapsed = WIDTH / 2;
        assert!(Blocks::of(&short).is_none(), "too few columns");
        short.elapsed = WIDTH * 31;
        assert!(Blocks::of(&short).is_some_and(|blocks| blocks.count == 15), "twice as long");
    }
}
