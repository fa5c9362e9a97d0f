//! A run in slices of equal length, and the distribution of the times of each.

use std::ops::{Range, RangeInclusive};

use super::change::Cut;
use crate::measurement::Measurement;
use crate::measurement::timeline::{Column, Timeline};

/// The number of slices: by doubling their length one always gets from above into this range.
const SLICES: RangeInclusive<usize> = 32..=64;

/// Messages in a slice, on average.
const MESSAGES: u64 = 20;

/// Messages in a slice that make it one: those that have fewer are passed over, as in a stall.
const FEWEST: u64 = 5;

/// Distributions are compared at up to this many times, which have about as many messages between them.
const TIMES: u64 = 32;

pub(super) struct Slices {
    pub(super) timeline: Timeline,
    pub(super) slices: Vec<Slice>,
    /// The bins of the timeline at whose ends distributions are compared.
    pub(super) bins: Vec<usize>,
}

pub(super) struct Slice {
    /// The number of its column.
    pub(super) number: usize,
    /// The shares of its messages up to the end of each of the bins.
    pub(super) shares: Vec<f64>,
    /// The logarithm of its median.
    pub(super) level: f64,
}

impl Slices {
    pub(super) fn of(measurement: &Measurement) -> Option<Self> {
        let mut timeline = measurement.timeline.clone();
        let whole = |timeline: &Timeline| {
            (measurement.elapsed.as_nanos() / timeline.column_width().as_nanos()) as usize
        };
        while whole(&timeline) > *SLICES.end() {
            timeline.widen();
        }
        // The remainder after them is left out.
        let count = whole(&timeline);
        let messages = measurement.felt().len();
        if count < *SLICES.start() || messages < MESSAGES * count as u64 {
            return None;
        }
        let bins = bins(&timeline, messages);
        let enough = |(_, column): &(usize, Column<'_>)| column.round_trips() >= FEWEST;
        let columns = timeline.columns().take(count).enumerate().filter(enough);
        let slices: Vec<_> =
            columns.filter_map(|(number, column)| Slice::of(number, &column, &bins)).collect();
        (4 * slices.len() >= 3 * count).then_some(Self { timeline, slices, bins })
    }

    pub(super) const fn len(&self) -> usize {
        self.slices.len()
    }

    /// The columns from the first of these slices to the last.
    pub(super) fn span(&self, slices: Range<usize>) -> Range<usize> {
        self.slices[slices.start].number..self.slices[slices.end - 1].number + 1
    }

    /// How far the levels are from those of both sides of a cut: a sum of squares.
    pub(super) fn scatter_around(&self, cut: &Cut) -> f64 {
        let [before, after] = [&self.slices[..cut.slices], &self.slices[cut.slices..]];
        let scatter = |side: &[Slice]| {
            let mean = side.iter().map(|slice| slice.level).sum::<f64>() / side.len() as f64;
            side.iter().map(|slice| (slice.level - mean).powi(2)).sum::<f64>()
        };
        scatter(before) + scatter(after)
    }
}

impl Slice {
    fn of(number: usize, column: &Column<'_>, bins: &[usize]) -> Option<Self> {
        let all = column.round_trips() as f64;
        let mut below = 0.0;
        let mut next = 0;
        let mut up_to = |bin: usize| {
            below += column.counts()[next..=bin].iter().map(|n| f64::from(*n)).sum::<f64>();
            next = bin + 1;
            below / all
        };
        let shares = bins.iter().map(|bin| up_to(*bin)).collect();
        Some(Self { number, shares, level: column.quantile(0.5)?.max(1.0).ln() })
    }
}

/// The bins of all messages after which about a part of them is passed, each time.
fn bins(timeline: &Timeline, messages: u64) -> Vec<usize> {
    let mut counts = vec![0; timeline.columns().next().map_or(0, |column| column.counts().len())];
    for column in timeline.columns() {
        for (bin, count) in column.occupied() {
            counts[bin] += u64::from(*count);
        }
    }
    let (mut bins, mut part, mut passed) = (Vec::new(), 0, 0);
    for (bin, count) in counts.into_iter().enumerate() {
        part += count;
        passed += count;
        // All messages are below the last one, in each slice.
        if part * TIMES >= messages && passed < messages {
            bins.push(bin);
            part = 0;
        }
    }
    bins
}

/// By how much a sum of values that resemble their neighbours scatters more than it seems (an autoregressive process
/// of order one), as a factor of its variance. What chance makes is no resemblance.
pub(super) fn inflation(values: &[f64]) -> f64 {
    let squares: f64 = values.iter().map(|value| value * value).sum();
    let neighbours: f64 = values.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let alike = if squares > 0.0 { neighbours / squares } else { 0.0 };
    if alike > 1.0 / (values.len() as f64).sqrt() { (1.0 + alike) / (1.0 - alike) } else { 1.0 }
}
