//! The course of a run as plain numbers: what the two panels over time show, before anything is drawn.
//!
//! One grid of columns serves both panels. It covers the run to its end, and a sparse run gets wider columns,
//! so a handful of round trips and a hundred million are drawn by the same rules.

use std::time::Duration;

use super::Run;
use crate::percentiles::{MEDIAN, P99, exceeded_by_one_in};
use crate::timeline::{COLUMNS, Column, Timeline, bin_edges};

/// Both panels over time. Times of the run are in seconds, rates in bit/s, round-trip times in nanoseconds.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) end: f64,
    pub(super) column_width: Duration,
    pub(super) rates: Vec<Rate>,
    pub(super) cells: Vec<Cell>,
    /// Lines through the columns; nothing came back between one line and the next.
    pub(super) p50: Vec<Line>,
    pub(super) p99: Vec<Line>,
    /// When round trips failed.
    pub(super) failed: Vec<Span>,
}

/// From and to.
pub(super) type Span = [f64; 2];

/// Seconds and nanoseconds.
pub(super) type Line = Vec<(f64, f64)>;

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
    /// From 0, few round trips, to 8, many.
    pub(super) level: usize,
}

impl Course {
    pub(super) fn of(run: &Run<'_>) -> Self {
        let grid = grid(run);
        let end = run.elapsed.max(SHORTEST).as_secs_f64();
        let spans = spans(&grid, end);
        let columns: Vec<_> = spans.iter().copied().zip(grid.columns()).collect();
        let share = run.histogram.len() / columns.len() as u64;
        let curve = |one_in: u64, needed: u64| {
            let supported = columns.len() >= 12 && share >= needed;
            let columns = if supported { &columns[..] } else { &[] };
            lines(columns, 1.0 - 1.0 / one_in as f64)
        };
        Self {
            end,
            column_width: grid.column_width().min(run.elapsed),
            rates: columns
                .iter()
                .map(|(time, column)| rate(*time, column, run.message_bytes))
                .collect(),
            cells: cells(&columns),
            p50: curve(MEDIAN, 8),
            p99: curve(P99, 400),
            failed: failed(&columns),
        }
    }

    /// The rate that the axis must reach.
    pub(super) fn highest_rate(&self) -> f64 {
        self.rates.iter().map(|rate| rate.bits_per_second).fold(0.0, f64::max)
    }
}

/// A run has some length, or nothing could be divided by it.
pub(super) const SHORTEST: Duration = Duration::from_nanos(1);

/// Below this many round trips a column on average, columns are merged ...
const DENSE: u64 = 48;

/// ... but not to fewer than this, unless they are shorter than a round trip: their rate would be noise.
const FEWEST: u64 = 60;

/// The run's timeline in as many columns as the figure shows. What is left of the last column, if it is less than
/// half of one, belongs to the column before: a rate over an instant would be noise, too.
fn grid(run: &Run<'_>) -> Timeline {
    let mut grid = run.timeline.clone();
    let round_trips = run.histogram.len();
    let round_trip = exceeded_by_one_in(run.histogram, MEDIAN as f64);
    loop {
        let width = grid.column_width();
        let columns = run.elapsed.div_duration_f64(width).round().max(1.0) as u64;
        let sparse = round_trips < DENSE.saturating_mul(columns);
        let narrow = columns >= 2 * FEWEST || (columns > 1 && width < round_trip);
        if columns <= COLUMNS as u64 && !(sparse && narrow) {
            grid.resize(columns as usize);
            return grid;
        }
        grid.widen();
    }
}

/// The times that the columns cover; the last one goes to the end of the run.
fn spans(grid: &Timeline, end: f64) -> Vec<Span> {
    let width = grid.column_width().as_secs_f64();
    let count = grid.columns().len();
    let edge = |i: usize| if i == count { end } else { width * i as f64 };
    (0..count).map(|i| [edge(i), edge(i + 1)]).collect()
}

fn rate(time: Span, column: &Column<'_>, message_bytes: u64) -> Rate {
    let bits = column.round_trips() as f64 * message_bytes as f64 * 8.0;
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

/// A quantile through the middle of each column, broken where nothing came back.
fn lines(columns: &[(Span, Column<'_>)], q: f64) -> Vec<Line> {
    let points: Vec<_> = columns
        .iter()
        .map(|(time, column)| Some(((time[0] + time[1]) / 2.0, column.quantile(q)?)))
        .collect();
    points
        .split(Option::is_none)
        .filter(|line| line.len() > 1)
        .map(|line| line.iter().flatten().copied().collect())
        .collect()
}

/// The times of columns with failures; neighbours are one span.
fn failed(columns: &[(Span, Column<'_>)]) -> Vec<Span> {
    columns
        .chunk_by(|(_, a), (_, b)| (a.failures() > 0) == (b.failures() > 0))
        .filter(|chunk| chunk[0].1.failures() > 0)
        .map(|chunk| [chunk[0].0[0], chunk[chunk.len() - 1].0[1]])
        .collect()
}
