//! Adding timelines: of runs that went on at once, or one after another.

use std::time::Duration;

use super::{BINS, COLUMNS, Timeline, bins_of, nanoseconds};

impl Timeline {
    /// Adds another, which began so long `after` this one. Where their columns do not meet, a round trip is
    /// counted in the column that holds the middle of its own; what was echoed is divided exactly.
    pub(crate) fn add(&mut self, other: &Self, after: Duration) {
        if other.len == 0 {
            return;
        }
        let (after, width) = (nanoseconds(after), 1_u64 << other.shift);
        let start = |column: usize| after.saturating_add((column as u64).saturating_mul(width));
        let last = start(other.len) - 1;
        while self.shift < other.shift || (last >> self.shift) as usize >= COLUMNS {
            self.widen();
        }
        let column = |ns: u64| (ns >> self.shift) as usize;
        self.len = self.len.max(column(last) + 1);
        for (from, tally) in other.tallies[..other.len].iter().enumerate() {
            let (first, end) = (start(from), start(from).saturating_add(width));
            let middle = column(first.saturating_add(width / 2).min(last));
            let counts = self.counts[bins_of(middle)].iter_mut();
            for (sum, count) in counts.zip(&other.counts[from * BINS..]) {
                *sum = sum.saturating_add(*count);
            }
            // It is no wider than the columns here, and lies in two of them at most.
            let border = (column(end - 1) as u64) << self.shift;
            let before = border.saturating_sub(first) as f64 / width as f64;
            let echoed = tally.echoed;
            self.tallies[middle].add(&super::Tally { echoed: 0.0, ..tally.clone() });
            self.tallies[column(first)].echoed += echoed * before;
            self.tallies[column(end - 1)].echoed += echoed * (1.0 - before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// So many round trips of so many microseconds, evenly over a time.
    fn steady(n: u32, over: Duration, micros: u64) -> Timeline {
        let mut timeline = Timeline::new();
        let took = Duration::from_micros(micros);
        (1..=n).for_each(|end| timeline.record(over / n * end, took, took));
        timeline
    }

    fn sums(timeline: &Timeline) -> (u64, f64) {
        timeline.columns().fold((0, 0.0), |(n, echoed), column| {
            (n + column.round_trips(), echoed + column.echoed())
        })
    }

    #[test]
    fn one_after_another_keeps_every_count_and_the_rate() {
        for lengths in [[3_000, 3_000], [10_000, 300], [170, 9_000]] {
            let [first, second] = lengths.map(Duration::from_millis);
            let [a, b] = [first, second].map(|time| time.as_millis() as u32 * 10);
            let mut both = steady(a, first, 80);
            both.add(&steady(b, second, 40), first);
            let (n, echoed) = sums(&both);
            assert_eq!(n, u64::from(a + b));
            assert!((echoed - f64::from(a + b)).abs() < 1e-6, "{echoed}");
            let whole = (first + second).div_duration_f64(both.column_width()) as usize;
            let width = both.column_width().as_secs_f64();
            for (number, column) in both.columns().take(whole).enumerate() {
                let rate = column.echoed() / width;
                // A column of the timelines that are added holds a message more or less.
                assert!((rate - 1e4).abs() < 600.0, "{rate} in column {number} of {lengths:?}");
            }
        }
    }

    #[test]
    fn what_comes_after_stands_behind() {
        let mut both = steady(1_000, SECOND, 80);
        both.add(&steady(1_000, SECOND, 40), SECOND);
        let border = SECOND.div_duration_f64(both.column_width());
        for (number, column) in (0..).map(f64::from).zip(both.columns()) {
            let median = column.quantile(0.5).expect("round trips in each");
            let slow = (76e3..=84e3).contains(&median);
            assert!(slow || number + 1.0 >= border, "{median} in {number} of {border}");
            assert!(!slow || number <= border, "{median} in {number} of {border}");
        }
    }

    #[test]
    fn nothing_adds_nothing_and_far_away_is_no_trouble() {
        let mut timeline = steady(100, SECOND, 80);
        let before = (sums(&timeline), timeline.columns().len());
        timeline.add(&Timeline::new(), 9 * SECOND);
        assert_eq!((sums(&timeline), timeline.columns().len()), before);
        timeline.add(&steady(100, SECOND, 80), Duration::MAX);
        assert_eq!(sums(&timeline).0, 200);
    }
}
