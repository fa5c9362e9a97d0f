//! The slow end of a run as plain numbers: "one in N round trips was slower", and the percentiles on it.

use std::time::Duration;

use crate::measurement::percentiles::{MEDIAN, P99, exceeded_by_one_in, percentile, shown};
use crate::measurement::times::Times;

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

/// The line of another panel to which a mark corresponds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Median,
    P99,
    Other,
}

impl Tail {
    pub(super) fn of(times: &Times) -> Self {
        let Some(slowest) = times.slowest() else {
            return Self { curve: Vec::new(), marks: Vec::new() };
        };
        Self { curve: curve(times, slowest), marks: marks(times, slowest) }
    }
}

/// Points of the curve: the panel is 300 pixels wide.
const POINTS: u32 = 300;

fn curve(times: &Times, slowest: Duration) -> Vec<(f64, f64)> {
    let most = times.len() as f64;
    let ns = |time: Duration| time.as_nanos() as f64;
    let across: Vec<_> =
        (0..=POINTS).map(|i| most.powf(f64::from(i) / f64::from(POINTS))).collect();
    let exceeded = exceeded_by_one_in(times, across.iter().copied());
    let end = (most, ns(slowest));
    across.iter().copied().zip(exceeded.map(ns)).chain([end]).collect()
}

fn marks(times: &Times, slowest: Duration) -> Vec<Mark> {
    let slowest =
        Mark { name: "max", kind: Kind::Other, one_in: times.len() as f64, time: slowest };
    shown()
        .filter_map(|(name, one_in)| {
            let kind = match one_in {
                MEDIAN => Kind::Median,
                P99 => Kind::P99,
                _ => Kind::Other,
            };
            let time = percentile(times, one_in)?;
            Some(Mark { name, kind, one_in: one_in as f64, time })
        })
        .chain([slowest])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(times: impl IntoIterator<Item = u64>) -> Tail {
        let mut out = Times::new();
        for ns in times {
            out.record(Duration::from_nanos(ns));
        }
        Tail::of(&out)
    }

    #[test]
    fn marks_lie_on_the_curve_up_to_the_slowest() {
        for n in [1, 2, 3, 10, 1_000, 200_000] {
            let tail = tail((0..n).map(|i| 1_000 + i * i));
            assert!(tail.curve.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));
            assert!(tail.marks.is_sorted_by_key(|mark| mark.time));
            for mark in &tail.marks {
                let before = tail.curve.partition_point(|(n, _)| *n < mark.one_in);
                let after = tail.curve.partition_point(|(n, _)| *n <= mark.one_in);
                let ends = [before.max(1) - 1, after.min(tail.curve.len() - 1)];
                let around = tail.curve[ends[0]].1..=tail.curve[ends[1]].1;
                assert!(around.contains(&(mark.time.as_nanos() as f64)), "{mark:?} of {n}");
            }
            assert_eq!(tail.marks.last().map(|mark| mark.name), Some("max"));
        }
    }

    #[test]
    fn percentiles_beyond_the_run_have_no_mark() {
        let names = |n| -> Vec<_> { tail(0..n).marks.iter().map(|mark| mark.name).collect() };
        assert_eq!(names(0), [""; 0]);
        assert_eq!(names(1), ["max"]);
        assert_eq!(names(99), ["p50", "p90", "max"]);
        assert_eq!(names(100), ["p50", "p90", "p99", "max"]);
    }
}
