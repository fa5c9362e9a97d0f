//! The slow end of a run as plain numbers: "one in N round trips was slower", and the percentiles on it.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::percentiles::{MEDIAN, P99, PERCENTILES, exceeded_by_one_in, percentile, slowest};

/// The panel of percentiles.
#[derive(Debug)]
pub(super) struct Tail {
    /// N and the time in nanoseconds that one in N round trips exceeded.
    pub(super) curve: Vec<(f64, f64)>,
    /// Percentiles that the run supports and its maximum, from fast to slow.
    pub(super) marks: Vec<Mark>,
}

/// A named point of the curve.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) one_in: f64,
    pub(super) time: Duration,
}

/// What a mark has in common with a line of another panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Median,
    P99,
    Other,
}

impl Tail {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self { curve: Vec::new(), marks: Vec::new() };
        }
        Self { curve: curve(histogram), marks: marks(histogram) }
    }
}

/// Points of the curve: the panel is 300 pixels wide.
const POINTS: u32 = 300;

fn curve(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let decades = (histogram.len() as f64).log10();
    let ns = |one_in: f64| exceeded_by_one_in(histogram, one_in).as_nanos() as f64;
    (0..=POINTS)
        .map(|i| 10_f64.powf(decades * f64::from(i) / f64::from(POINTS)))
        .map(|one_in| (one_in, ns(one_in)))
        .chain([(histogram.len() as f64, slowest(histogram).as_nanos() as f64)])
        .collect()
}

fn marks(histogram: &Histogram<u64>) -> Vec<Mark> {
    let slowest = Mark {
        name: "max",
        kind: Kind::Other,
        one_in: histogram.len() as f64,
        time: slowest(histogram),
    };
    PERCENTILES
        .into_iter()
        .filter_map(|(name, one_in)| {
            let kind = match one_in {
                MEDIAN => Kind::Median,
                P99 => Kind::P99,
                _ => Kind::Other,
            };
            let time = percentile(histogram, one_in)?;
            Some(Mark { name, kind, one_in: one_in as f64, time })
        })
        .chain([slowest])
        .collect()
}
