//! The course of a run in bounded memory: what was measured, by time and by length of the round trip.
//!
//! The measuring loop records into it after each round trip, so recording takes a few nanoseconds and
//! never allocates; the figure reads it afterwards. A run has at most [`COLUMNS`] columns of equal width;
//! when it outgrows them, neighbours are merged in pairs and the width doubles. Each column is a histogram
//! of 16 bins an octave: 6 % is enough for a picture, not for printed numbers.
//!
//! A time stands where its message was due, so that a stall is seen when it happened and not after it. What was
//! echoed is spread over the time that it took: a message of some seconds is no peak in the instant that ends it.

mod column;
mod sum;

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

pub use self::column::Column;
use crate::stack::Placement;

/// The most columns that a timeline keeps.
pub const COLUMNS: usize = 480;

/// Bins of a column: 16 an octave up to 2^40 ns, which is 18 minutes.
const BINS: usize = 592;

/// Round trips by the time at which they were due, what was echoed meanwhile, and failures by the time at
/// which they happened.
///
/// It holds 1.1 MB, all of it allocated (but not yet touched) by [`Timeline::new`].
#[derive(Clone, Debug)]
pub struct Timeline {
    /// A column is 2^shift nanoseconds wide, so finding it takes no division.
    shift: u32,
    /// The columns that exist so far; all beyond are zero.
    len: usize,
    counts: Vec<u32>,
    tallies: Vec<Tally>,
}

impl Timeline {
    /// An empty timeline whose columns are 16 µs wide at first.
    pub fn new() -> Self {
        Self {
            shift: FIRST_SHIFT,
            len: 0,
            counts: vec![0; COLUMNS * BINS],
            tallies: vec![Tally::default(); COLUMNS],
        }
    }

    /// Counts a message whose echo was whole `at` this time after the start of the run: it `took` so long from
    /// sending, and whoever waited for it `felt` so long, from when it was due.
    pub fn record(&mut self, at: Duration, took: Duration, felt: Duration) {
        // The end comes first: for its sake columns may become wider.
        let last = self.column_at(at);
        let [at, took, felt] = [at, took, felt].map(nanoseconds);
        let [sent, due] = [took, felt].map(|ago| at.saturating_sub(ago));
        let [first, column] = [sent, due].map(|ns| (ns >> self.shift) as usize);
        let count = &mut self.counts[column * BINS + bin(felt)];
        *count = count.saturating_add(1);
        let tally = &mut self.tallies[column];
        tally.round_trips += 1;
        tally.total += u128::from(felt);
        tally.fastest = tally.fastest.min(felt);
        tally.slowest = tally.slowest.max(felt);
        if first == last {
            self.tallies[last].echoed += 1.0;
        } else {
            self.spread(first..=last, sent, at);
        }
    }

    /// Counts a round trip that failed, and was `due` this time after the start of the run.
    pub fn record_failure(&mut self, due: Duration) {
        let column = self.column_at(due);
        self.tallies[column].failures += 1;
    }

    /// Counts a look `at` this time after the start of the run, which found both ends so.
    pub fn look(&mut self, at: Duration, placement: Placement) {
        let column = self.column_at(at);
        self.tallies[column].placed[placement as usize] += 1;
    }

    /// Two columns, each the sum of those in a range, as far as they exist.
    pub(crate) fn cut(&self, parts: [Range<usize>; 2]) -> Self {
        let mut out = Self { shift: self.shift, ..Self::new() };
        for (target, part) in parts.into_iter().enumerate() {
            for (source, column) in self.columns().enumerate().filter(|(n, _)| part.contains(n)) {
                for (bin, count) in column.occupied() {
                    let sum = &mut out.counts[target * BINS + bin];
                    *sum = sum.saturating_add(*count);
                }
                out.tallies[target].add(&self.tallies[source]);
                out.len = target + 1;
            }
        }
        out
    }

    /// Doubles the width of the columns, merging neighbours.
    pub fn widen(&mut self) {
        for source in 0..self.len {
            self.fold(source, source / 2);
        }
        self.len = self.len.div_ceil(2);
        self.shift += 1;
    }

    /// Makes it exactly `len` columns long (1 to [`COLUMNS`]): what was recorded later counts in the last one.
    pub fn resize(&mut self, len: usize) {
        let len = len.clamp(1, COLUMNS);
        for source in len..self.len {
            self.fold(source, len - 1);
        }
        self.len = len;
    }

    /// The columns from the start of the run to the last one in which something ended.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = Column<'_>> {
        let bins = self.counts.chunks_exact(BINS);
        bins.zip(&self.tallies).take(self.len).map(|(counts, tally)| Column { counts, tally })
    }

    /// How much time a column covers.
    pub fn column_width(&self) -> Duration {
        Duration::from_nanos(1 << self.shift)
    }

    fn column_at(&mut self, at: Duration) -> usize {
        let ns = nanoseconds(at);
        while (ns >> self.shift) as usize >= COLUMNS {
            self.widen();
        }
        let column = (ns >> self.shift) as usize;
        self.len = self.len.max(column + 1);
        column
    }

    /// Gives each of these columns its share of a message that went on from `sent` until `at`. However long
    /// messages take, that is little work: a run of some length has few columns for each.
    fn spread(&mut self, columns: RangeInclusive<usize>, sent: u64, at: u64) {
        let width = (1_u64 << self.shift) as f64;
        let [sent, at] = [sent, at].map(|ns| ns as f64 / width);
        // A division takes longer than all the rest.
        let share = 1.0 / (at - sent);
        for column in columns {
            let inside = at.min((column + 1) as f64) - sent.max(column as f64);
            self.tallies[column].echoed += inside.max(0.0) * share;
        }
    }

    /// Moves what is in column `source` into column `target`, which is not behind it.
    fn fold(&mut self, source: usize, target: usize) {
        if source == target {
            return;
        }
        let tally = std::mem::take(&mut self.tallies[source]);
        let occupied = tally.occupied();
        let (before, from) = self.counts.split_at_mut(source * BINS);
        let sums = &mut before[bins_of(target)][occupied.clone()];
        for (sum, count) in sums.iter_mut().zip(&mut from[occupied]) {
            *sum = sum.saturating_add(std::mem::take(count));
        }
        self.tallies[target].add(&tally);
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

/// The times, in nanoseconds, that `bin` holds.
pub fn bin_edges(bin: usize) -> Range<u64> {
    let edge = |bin: usize| match bin / 16 {
        0 => bin as u64,
        octave => (16 + bin as u64 % 16) << (octave - 1),
    };
    edge(bin)..edge(bin + 1)
}

/// Sixteen bins an octave; below 16 ns one bin a nanosecond. Clamped, so it is never out of bounds.
fn bin(ns: u64) -> usize {
    let ns = ns.clamp(1, (1 << 40) - 1);
    let exponent = ns.ilog2();
    if exponent < 4 {
        return ns as usize;
    }
    (((exponent - 3) as usize) << 4) + ((ns >> (exponent - 4)) as usize & 15)
}

fn bins_of(column: usize) -> Range<usize> {
    column * BINS..(column + 1) * BINS
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// 16.4 µs: a run of 8 ms has all its columns.
const FIRST_SHIFT: u32 = 14;

#[derive(Clone, Debug)]
struct Tally {
    round_trips: u64,
    echoed: f64,
    failures: u64,
    /// Looks that found both ends together, and apart.
    placed: [u32; 2],
    /// Nanoseconds of all round trips.
    total: u128,
    /// Nanoseconds; above `slowest` as long as there is no round trip.
    fastest: u64,
    slowest: u64,
}

impl Tally {
    /// The bins from that of the fastest to that of the slowest: all others are empty.
    fn occupied(&self) -> Range<usize> {
        if self.round_trips == 0 { 0..0 } else { bin(self.fastest)..bin(self.slowest) + 1 }
    }

    fn add(&mut self, other: &Self) {
        self.round_trips += other.round_trips;
        self.echoed += other.echoed;
        self.failures += other.failures;
        for (sum, more) in self.placed.iter_mut().zip(other.placed) {
            *sum += more;
        }
        self.total += other.total;
        self.fastest = self.fastest.min(other.fastest);
        self.slowest = self.slowest.max(other.slowest);
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            round_trips: 0,
            echoed: 0.0,
            failures: 0,
            placed: [0; 2],
            total: 0,
            fastest: u64::MAX,
            slowest: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(timeline: &Timeline) -> (u64, u64, u64) {
        let echoed: f64 = timeline.columns().map(|column| column.echoed()).sum();
        let sum = timeline.columns().fold((0, 0, 0), |sum, column| {
            let binned: u64 = column.counts().iter().map(|n| u64::from(*n)).sum();
            (sum.0 + column.round_trips(), sum.1 + column.failures(), sum.2 + binned)
        });
        assert!((echoed - sum.0 as f64).abs() < 1e-6, "{echoed} of {sum:?}");
        sum
    }

    fn recorded(steps: u64, step: Duration) -> Timeline {
        let mut timeline = Timeline::new();
        for i in 0..steps {
            let took = Duration::from_nanos(100 + i * i);
            timeline.record(step * i as u32 + took, took, took);
            if i % 5 == 0 {
                timeline.record_failure(step * i as u32);
            }
        }
        timeline
    }

    #[test]
    fn bins_meet_without_gaps_and_hold_their_times() {
        for b in 1..BINS - 1 {
            assert_eq!(bin_edges(b).end, bin_edges(b + 1).start);
        }
        for ns in (0..40).flat_map(|e| [1_u64 << e, (1 << e) + 1, (1 << e) * 3 / 2]) {
            assert!(bin_edges(bin(ns)).contains(&ns), "{ns} ns");
        }
        assert_eq!(bin(0), 1);
        assert_eq!(bin(u64::MAX), BINS - 1);
    }

    #[test]
    fn growing_keeps_every_count() {
        for step in [1, 1_000, 50_000_000, 3_000_000_000] {
            let timeline = recorded(1_000, Duration::from_nanos(step));
            assert_eq!(total(&timeline), (1_000, 200, 1_000), "step {step} ns");
            assert!(timeline.columns().len() <= COLUMNS);
        }
    }

    #[test]
    fn an_event_is_in_the_column_of_its_time() {
        let step = Duration::from_millis(1);
        let timeline = recorded(1_000, step);
        let width = timeline.column_width();
        for (i, column) in timeline.columns().enumerate() {
            let span = width * i as u32..width * (i as u32 + 1);
            let expected = (0..1_000).filter(|n| span.contains(&(step * *n)));
            assert_eq!(column.round_trips(), expected.count() as u64, "{span:?}");
        }
    }

    #[test]
    fn a_message_is_echoed_while_it_lasts() {
        let mut timeline = Timeline::new();
        let second = Duration::from_secs(1);
        for end in 1..=3 {
            timeline.record(second * end, second, second);
        }
        let a_column = timeline.column_width().as_secs_f64();
        let echoed: Vec<_> = timeline.columns().map(|column| column.echoed()).collect();
        let (last, whole) = echoed.split_last().expect("columns");
        assert!(whole.len() > COLUMNS / 3 && *last > 0.0 && *last < a_column, "{echoed:?}");
        assert!(whole.iter().all(|echoed| (echoed / a_column - 1.0).abs() < 1e-9), "{echoed:?}");
        // In the instants of their ends, which is all that counts where columns are that wide, they are whole.
        while timeline.columns().len() > 1 {
            timeline.widen();
        }
        assert_eq!(total(&timeline), (3, 0, 3));
    }

    #[test]
    fn a_time_stands_where_its_message_was_due() {
        let mut timeline = Timeline::new();
        let [due, sent, at] = [1, 5, 9].map(Duration::from_millis);
        timeline.record(at, at - sent, at - due);
        let width = timeline.column_width().as_nanos() as u64;
        for (start, column) in (0..).step_by(width as usize).zip(timeline.columns()) {
            let holds = |time: Duration| (start..start + width).contains(&nanoseconds(time));
            assert_eq!(column.round_trips(), u64::from(holds(due)), "at {start} ns");
            assert_eq!(column.total(), if holds(due) { 8e6 } else { 0.0 });
            assert_eq!(column.echoed() > 0.0, start + width > 5_000_000, "at {start} ns");
        }
    }

    #[test]
    fn any_time_can_be_recorded() {
        let mut timeline = Timeline::new();
        for time in [Duration::ZERO, Duration::MAX, Duration::from_secs(3)] {
            timeline.record(time, time, time);
            timeline.record(time, Duration::MAX, Duration::ZERO);
            timeline.record_failure(time);
        }
        assert_eq!(total(&timeline), (6, 3, 6));
    }

    #[test]
    fn resizing_moves_the_rest_into_the_last_column() {
        let mut timeline = recorded(300, Duration::from_micros(20));
        timeline.resize(7);
        assert_eq!(timeline.columns().len(), 7);
        assert_eq!(total(&timeline), (300, 60, 300));
        timeline.resize(30);
        assert_eq!(timeline.columns().len(), 30);
        assert_eq!(total(&timeline), (300, 60, 300));
    }

    #[test]
    fn quantiles_are_ordered_and_within_the_recorded_times() {
        let mut timeline = recorded(1_000, Duration::from_micros(5));
        timeline.resize(1);
        let column = timeline.columns().next().expect("one column");
        let values = [0.0, 0.5, 0.99, 1.0].map(|q| column.quantile(q).expect("round trips"));
        assert!(values.is_sorted(), "{values:?}");
        assert_eq!(values[3], 100.0 + 999.0 * 999.0);
        let exact = 100.0 + 500.0 * 500.0;
        assert!((values[1] / exact - 1.0).abs() < 0.03, "{values:?}");
        assert_eq!(Timeline::new().columns().len(), 0);
    }
}
