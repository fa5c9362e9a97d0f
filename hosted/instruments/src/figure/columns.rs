//! The course of a run as plain numbers: what the two panels over time show, before anything is drawn.
//!
//! One grid of columns serves both panels. It covers the run to its end, and a sparse run gets wider columns,
//! so a handful of round trips and a hundred million are drawn by the same rules.

use std::time::Duration;

use crate::measurement::percentiles::{MEDIAN, P99};
use crate::measurement::timeline::{COLUMNS, Column, Timeline, bin_edges};
use crate::measurement::{Measurement, bits};

/// Both panels over time. Times of the run are in seconds, rates in bit/s, round-trip times in nanoseconds.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) end: f64,
    pub(super) column_width: Duration,
    pub(super) rates: Vec<Rate>,
    pub(super) cells: Vec<Cell>,
    pub(super) p50: Curve,
    pub(super) p99: Curve,
    /// The times at which round trips failed.
    pub(super) failed: Vec<Span>,
}

/// A start and an end.
pub(super) type Span = [f64; 2];

/// Points of seconds and nanoseconds.
pub(super) type Line = Vec<(f64, f64)>;

/// A percentile over the run: lines through neighbouring columns with many round trips, and a point for each
/// column that has just enough of them, or that has no neighbour with many.
#[derive(Debug, Default)]
pub(super) struct Curve {
    pub(super) lines: Vec<Line>,
    pub(super) points: Line,
}

impl Curve {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.points.is_empty()
    }
}

/// The echo rate of one column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rate {
    pub(super) time: Span,
    pub(super) bits_per_second: f64,
}

/// Round trips of about the same length at about the same time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) time: Span,
    pub(super) rtt: Span,
    /// The density, from 0 (few round trips) to 8 (many).
    pub(super) level: usize,
}

impl Course {
    pub(super) fn of(run: &Measurement, message_bytes: u64) -> Self {
        if let Some(together) = &run.together {
            return Self::of_hosts(together, message_bytes);
        }
        let grid = grid(run);
        let end = run.elapsed.max(SHORTEST).as_secs_f64();
        let columns = columns(&grid, end);
        Self {
            end,
            column_width: if columns.len() == 1 { run.elapsed } else { grid.column_width() },
            rates: columns
                .iter()
                .map(|(time, column)| rate(*time, column, message_bytes))
                .collect(),
            cells: cells(&columns),
            p50: curve(run, &grid, end, MEDIAN),
            p99: curve(run, &grid, end, P99),
            failed: failed(&columns),
        }
    }

    /// The rate that the axis must reach.
    pub(super) fn highest_rate(&self) -> f64 {
        self.rates.iter().map(|rate| rate.bits_per_second).fold(0.0, f64::max)
    }
}

/// The least length of a run, because numbers are divided by it.
const SHORTEST: Duration = Duration::from_nanos(1);

/// Below this many round trips a column on average, columns are merged ...
const DENSE: u64 = 48;

/// ... but not to fewer than this.
const FEWEST: u64 = 60;

/// The run's timeline in as many columns as the figure shows. What is left of the last column, if it is less than
/// half of one, belongs to the column before: a rate over an instant would be noise, too.
fn grid(run: &Measurement) -> Timeline {
    let mut grid = run.timeline.clone();
    let round_trips = run.felt().len();
    loop {
        let columns = run.elapsed.div_duration_f64(grid.column_width()).round().max(1.0) as u64;
        let sparse = round_trips < DENSE.saturating_mul(columns);
        if columns <= COLUMNS as u64 && !(sparse && columns >= 2 * FEWEST) {
            grid.resize(columns as usize);
            return grid;
        }
        grid.widen();
    }
}

/// The columns and the times that they cover; the last one goes to the end of the run.
fn columns(grid: &Timeline, end: f64) -> Vec<(Span, Column<'_>)> {
    let width = grid.column_width().as_secs_f64();
    let count = grid.columns().len();
    let edge = |i: usize| if i == count { end } else { width * i as f64 };
    (0..count).map(|i| [edge(i), edge(i + 1)]).zip(grid.columns()).collect()
}

/// Fewer columns than these make no curve.
const SHORTEST_CURVE: usize = 12;

/// The percentile of "one in `one_in`" over the run, in columns as narrow as hold four times as many round trips on
/// average.
fn curve(run: &Measurement, grid: &Timeline, end: f64, one_in: u64) -> Curve {
    let mut grid = grid.clone();
    loop {
        // What is left of the last column would be a point of its own where there are few.
        let whole = run.elapsed.div_duration_f64(grid.column_width()) as usize;
        if whole < SHORTEST_CURVE {
            return Curve::default();
        }
        grid.resize(whole);
        if run.felt().len() >= 4 * one_in * grid.columns().len() as u64 {
            return through(&columns(&grid, end), one_in);
        }
        grid.widen();
    }
}

fn rate(time: Span, column: &Column<'_>, message_bytes: u64) -> Rate {
    let bits = bits(column.echoed(), message_bytes);
    Rate { time, bits_per_second: bits / (time[1] - time[0]) }
}

/// Neighbours of one level in a column are one cell.
fn cells(columns: &[(Span, Column<'_>)]) -> Vec<Cell> {
    let counts = columns.iter().flat_map(|(_, column)| column.counts());
    let most = counts.max().copied().unwrap_or_default();
    let mut cells: Vec<Cell> = Vec::new();
    for (time, column) in columns {
        for (bin, &count) in column.counts().iter().enumerate().filter(|(_, n)| **n > 0) {
            let edges = bin_edges(bin);
            let (low, high) = (edges.start as f64, edges.end as f64);
            let level = level(count, most);
            match cells.last_mut() {
                Some(below)
                    if below.time == *time && below.rtt[1] == low && below.level == level =>
                {
                    below.rtt[1] = high;
                }
                _ => cells.push(Cell { time: *time, rtt: [low, high], level }),
            }
        }
    }
    cells
}

/// One outlier is seen, and where one round trip a cell is much, it is dark.
fn level(count: u32, most: u32) -> usize {
    let share = f64::from(count).ln_1p() / f64::from(most).ln_1p();
    ((9.0 * share.powf(1.5)) as usize).min(8)
}

/// A percentile through the middle of each column that supports it. On a line are columns with twice as many round
/// trips as that takes: through fewer it would jump about by chance, as if the service did.
fn through(columns: &[(Span, Column<'_>)], one_in: u64) -> Curve {
    let q = 1.0 - 1.0 / one_in as f64;
    let many = |column: &Column<'_>| column.round_trips() >= 2 * one_in;
    let mut curve = Curve::default();
    for chunk in columns.chunk_by(|(_, a), (_, b)| many(a) == many(b)) {
        let points = chunk
            .iter()
            .filter(|(_, column)| column.round_trips() >= one_in)
            .filter_map(|(time, column)| Some(((time[0] + time[1]) / 2.0, column.quantile(q)?)));
        if chunk.len() > 1 && many(&chunk[0].1) {
            curve.lines.push(points.collect());
        } else {
            curve.points.extend(points);
        }
    }
    curve
}

/// The times of columns with failures; neighbours are one span.
fn failed(columns: &[(Span, Column<'_>)]) -> Vec<Span> {
    columns
        .chunk_by(|(_, a), (_, b)| (a.failures() > 0) == (b.failures() > 0))
        .filter(|chunk| chunk[0].1.failures() > 0)
        .map(|chunk| [chunk[0].0[0], chunk[chunk.len() - 1].0[1]])
        .collect()
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;

    use super::*;
    use crate::measurement::Sample;
    use crate::measurement::times::Times;

    /// A run of round trips (sent at, took) in microseconds, and of failures.
    fn course(elapsed: u64, round_trips: &[(u64, u64)], failures: &[u64]) -> Course {
        let mut run = Measurement::new();
        for &(at, took) in round_trips {
            let [at, took] = [at, took].map(Duration::from_micros);
            run.record(&Sample::new(at + took, 0, Ok(took)));
        }
        for &at in failures {
            run.record(&Sample::new(Duration::from_micros(at), 0, Err(Failure::Reset)));
        }
        run.elapsed = Duration::from_micros(elapsed);
        Course::of(&run, 1_000)
    }

    /// One round trip every millisecond for `ms` milliseconds, `n` times each.
    fn steady(ms: u64, n: usize) -> Vec<(u64, u64)> {
        (0..ms).flat_map(|i| vec![(i * 1_000, 50 + i % 7); n]).collect()
    }

    #[test]
    fn rates_add_up_to_what_was_echoed() {
        for (elapsed, round_trips) in
            [(10_017, steady(10, 3)), (999_321, steady(997, 60)), (5, vec![(6, 1)])]
        {
            let course = course(elapsed, &round_trips, &[]);
            let bits = |rate: &Rate| rate.bits_per_second * (rate.time[1] - rate.time[0]);
            let sum: f64 = course.rates.iter().map(bits).sum();
            let expected = 8_000.0 * round_trips.len() as f64;
            assert!((sum / expected - 1.0).abs() < 1e-9, "{sum} of {expected}");
            assert_eq!(course.rates[0].time[0], 0.0);
            assert_eq!(course.rates.last().map(|rate| rate.time[1]), Some(course.end));
            assert!(course.rates.windows(2).all(|pair| pair[0].time[1] == pair[1].time[0]));
        }
    }

    #[test]
    fn a_last_column_that_is_shorter_has_its_own_rate() {
        // 100 000 round trips a second; the run ends 0.6 columns after a border.
        let width = 4_194.304;
        let course =
            course((width * 240.6) as u64, &steady((width * 240.6 / 1e3) as u64, 100), &[]);
        let last = course.rates.last().expect("columns");
        assert!(last.time[1] - last.time[0] < 0.7 * course.column_width.as_secs_f64());
        assert!((last.bits_per_second / 800e6 - 1.0).abs() < 0.25, "{last:?}");
    }

    #[test]
    fn sparse_runs_keep_sixty_columns_and_dense_ones_stay_fine() {
        let columns = |round_trips: &[(u64, u64)]| course(1_000_000, round_trips, &[]).rates.len();
        assert!((60..120).contains(&columns(&steady(3, 1))));
        assert!((60..120).contains(&columns(&steady(1_000, 1))));
        assert!((200..=480).contains(&columns(&steady(1_000, 60))));
        assert_eq!(course(95, &[(10, 80)], &[]).rates.len(), 6, "no column is narrower than 16 µs");
    }

    #[test]
    fn cells_are_dark_where_there_is_much() {
        let lone = course(1_000_000, &[(500_000, 80)], &[]);
        assert_eq!(lone.cells.len(), 1);
        assert_eq!(lone.cells[0].level, 8);
        assert!(lone.cells[0].rtt[0] <= 80e3 && 80e3 < lone.cells[0].rtt[1]);

        let mut dense = vec![(0, 80); 1_000];
        dense.push((0, 4_000));
        let levels: Vec<_> =
            course(1_000, &dense, &[]).cells.iter().map(|cell| cell.level).collect();
        assert_eq!(levels, [8, 0]);
    }

    #[test]
    fn neighbours_of_one_level_are_one_cell() {
        let course = course(1_000, &[(0, 80), (0, 84), (0, 88), (0, 900)], &[]);
        assert_eq!(course.cells.len(), 2, "{:?}", course.cells);
    }

    #[test]
    fn a_gap_breaks_the_lines_and_a_few_round_trips_have_none() {
        let mut round_trips = steady(1_000, 500);
        round_trips.retain(|(at, _)| !(400_000..600_000).contains(at));
        let gap = course(1_000_000, &round_trips, &[]);
        assert_eq!((gap.p50.lines.len(), gap.p99.lines.len()), (2, 2));
        for (p50, p99) in gap.p50.lines.concat().iter().zip(gap.p99.lines.concat()) {
            assert!(p50.1 <= p99.1 && p99.1 <= 56e3);
        }
        assert!(gap.p50.lines.concat().iter().all(|(time, _)| !(0.41..0.59).contains(time)));

        let few = course(1_000_000, &steady(1_000, 1), &[]);
        assert_eq!((few.p50.lines.len(), few.p99.is_empty()), (1, true));
        // It goes through as many columns as have enough of them.
        let some = course(1_000_000, &steady(1_000, 10), &[]);
        assert_eq!((some.p50.lines.len(), some.p99.lines.len()), (1, 1));
        assert!(some.p50.lines[0].len() > 2 * some.p99.lines[0].len());
        assert!(course(1_000_000, &steady(5, 1), &[]).p50.is_empty());
        // A fifth of a column is left: it makes no point of its own.
        let rest = course(979_800, &steady(979, 20), &[]).p99;
        assert_eq!((rest.lines.len(), rest.points.len()), (1, 0));
    }

    #[test]
    fn a_column_with_few_round_trips_has_a_point_and_one_with_too_few_has_none() {
        let mut round_trips = steady(1_000, 20);
        round_trips.retain(|(at, _)| !(400_000..600_000).contains(at));
        // In columns side by side: no more than three in each, and then one.
        let pause = 4_195;
        round_trips.extend((420_000..500_000).step_by(pause).flat_map(|at| [(at, 80); 3]));
        round_trips.extend((500_000..580_000).step_by(pause).map(|at| (at, 80)));
        let course = course(1_000_000, &round_trips, &[]);
        assert_eq!(course.column_width.as_micros(), pause as u128 - 1);
        assert_eq!(course.p50.lines.len(), 2);
        assert!(course.p50.lines.concat().iter().all(|(time, _)| !(0.41..0.59).contains(time)));
        assert_eq!(course.p50.points.len(), 20);
        assert!(course.p50.points.iter().all(|(time, _)| (0.41..0.505).contains(time)));
    }

    #[test]
    fn long_messages_have_a_rate_while_they_last() {
        // Three that follow each other; each is as fast as the others.
        let second = 1_000_000;
        let sent = [0, 1, 2].map(|n| (n * second, second));
        let course = course(3 * second, &sent, &[]);
        assert!(course.rates.len() >= FEWEST as usize);
        for rate in &course.rates {
            assert!((rate.bits_per_second / 8_000.0 - 1.0).abs() < 1e-6, "{rate:?}");
        }
        let times: Vec<_> = course.cells.iter().map(|cell| cell.time).collect();
        assert!(
            times
                .iter()
                .zip(0..)
                .all(|(time, n)| time[0] <= f64::from(n) && f64::from(n) < time[1])
        );
        assert_eq!(times.len(), 3);
    }

    #[test]
    fn a_stall_stands_where_its_messages_were_due() {
        // One a millisecond is due; from 400 to 600 ms nothing comes back, and then all at once.
        let mut run = Measurement { response: Some(Times::new()), ..Measurement::new() };
        for due in (0..1_000).map(Duration::from_millis) {
            let stall = Duration::from_millis(400)..Duration::from_millis(600);
            let late = if stall.contains(&due) { stall.end - due } else { Duration::ZERO };
            let took = Duration::from_micros(50);
            run.record(&Sample { late, ..Sample::new(due + late + took, 0, Ok(took)) });
        }
        run.elapsed = Duration::from_secs(1);
        let course = Course::of(&run, 1_000);
        let slow: Vec<_> = course.cells.iter().filter(|cell| cell.rtt[1] > 1e6).collect();
        assert!(slow.iter().all(|cell| 0.38 < cell.time[0] && cell.time[1] < 0.62), "{slow:?}");
        assert!(slow.len() > 8 && slow[0].time[0] < 0.41 && slow[0].rtt[1] > 190e6, "{slow:?}");
        let during = course.rates.iter().filter(|rate| 0.4 < rate.time[0] && rate.time[1] < 0.6);
        let during: Vec<_> = during.collect();
        assert!(during.len() > 8 && during.iter().all(|rate| rate.bits_per_second == 0.0));
    }

    #[test]
    fn neighbouring_failures_are_one_span() {
        let failures: Vec<_> = (300_000..400_000).step_by(500).chain([900_000]).collect();
        let spans = course(1_000_000, &[], &failures).failed;
        assert_eq!(spans.len(), 2);
        assert!(spans[0][0] <= 0.3 && 0.399 < spans[0][1] && spans[0][1] < 0.5, "{spans:?}");
        assert!(spans[1][0] <= 0.9 && 0.9 < spans[1][1]);
    }
}
