//! The steps of a search as plain numbers.

use std::time::Duration;

use crate::measurement::arrival::Arrival;
use crate::search::{Answer, Hunt, Outcome, Step};

/// What the figure of a search draws.
#[derive(Debug)]
pub(super) struct Climb {
    /// From the lowest rate to the highest, 1 or more per second.
    pub(super) rates: [f64; 2],
    /// From the fastest time to the slowest, in nanoseconds; None if nothing came back.
    pub(super) times: Option<[f64; 2]>,
    /// Percentiles, the one with the name of the goal last if it is neither.
    pub(super) p50: Curve,
    /// The p99.
    pub(super) p99: Curve,
    /// What the goal bounds, if that is another percentile.
    pub(super) other: Option<Curve>,
    /// The share of messages that were due but never sent, in per cent.
    pub(super) unsent: Curve,
    /// Rates at which a message failed.
    pub(super) failed: Vec<f64>,
    /// The highest rate that is kept, and the lowest that is broken.
    pub(super) answer: [Option<f64>; 2],
}

/// One number of each step.
#[derive(Debug, Default)]
pub(super) struct Curve {
    /// In the order of the rates, what each of them came to in the end: lines that break where there is no number.
    pub(super) lines: Vec<Vec<(f64, f64)>>,
    /// Every step that was not broken off.
    pub(super) dots: Vec<Dot>,
}

/// A number of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dot {
    pub(super) at: (f64, f64),
    pub(super) kept: bool,
}

impl Climb {
    pub(super) fn of(hunt: &Hunt<'_>) -> Self {
        let steps: Vec<_> = hunt.steps().iter().filter(|step| step.outcome().is_some()).collect();
        let goal = hunt.goal();
        let curve = |value: fn(&Step) -> Option<f64>| Curve::of(&steps, value);
        let other = !matches!(goal.name(), "p50" | "p99");
        let mut climb = Self {
            rates: extent(steps.iter().map(|step| step.rate)).unwrap_or([1.0, 1.0]),
            times: None,
            p50: curve(|step| nanos(step.p50)),
            p99: curve(|step| nanos(step.p99)),
            other: other.then(|| curve(|step| nanos(step.bounded))),
            unsent: curve(|step| Some(step.unsent_rate * 1e2)),
            failed: steps.iter().filter(|step| step.failed > 0).map(|step| step.rate).collect(),
            answer: match hunt.answer() {
                Answer::Between(kept, broken) => [Some(kept), Some(broken)],
                Answer::AtLeast(kept) => [Some(kept), None],
                Answer::Below(broken) => [None, Some(broken)],
                Answer::Unknown => [None, None],
            },
        };
        climb.times = climb.extent(hunt);
        climb
    }

    /// The percentiles with their dots, from fast to slow as far as that is known.
    fn percentiles(&self) -> impl Iterator<Item = &Curve> {
        [&self.p50, &self.p99].into_iter().chain(&self.other)
    }

    fn extent(&self, hunt: &Hunt<'_>) -> Option<[f64; 2]> {
        let dots = self.percentiles().flat_map(|curve| &curve.dots).map(|dot| dot.at.1);
        let told = hunt.told().map(|(_, run)| run.felt());
        let ends = told.into_iter().flat_map(|times| [times.fastest(), times.slowest()]).flatten();
        let all: Vec<_> = dots.chain(ends.map(|time| time.as_nanos() as f64)).collect();
        let bound = (!all.is_empty()).then(|| hunt.goal().bound().as_nanos() as f64);
        extent(all.into_iter().chain(bound))
    }
}

impl Curve {
    fn of(steps: &[&Step], value: fn(&Step) -> Option<f64>) -> Self {
        let dots = steps.iter().filter_map(|step| {
            let kept = step.outcome() == Some(Outcome::Kept);
            Some(Dot { at: (step.rate, value(step)?), kept })
        });
        // The last step at a rate decides.
        let mut last: Vec<&Step> = Vec::new();
        for step in steps.iter().rev() {
            if !last.iter().any(|other| other.rate == step.rate) {
                last.push(step);
            }
        }
        last.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        let points: Vec<_> = last.iter().map(|step| (step.rate, value(step))).collect();
        let whole = points.split(|(_, value)| value.is_none());
        let line = |part: &[(f64, Option<f64>)]| {
            part.iter().filter_map(|(rate, value)| Some((*rate, (*value)?))).collect::<Vec<_>>()
        };
        let lines = whole.map(line).filter(|line| line.len() > 1).collect();
        Self { lines, dots: dots.collect() }
    }
}

fn nanos(arrival: Option<Arrival>) -> Option<f64> {
    match arrival? {
        Arrival::After(time) => Some(time.max(Duration::from_nanos(1)).as_nanos() as f64),
        Arrival::Never => None,
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    values.fold(None, |ends, value| {
        let [low, high] = ends.unwrap_or([value; 2]);
        Some([low.min(value), high.max(value)])
    })
}
