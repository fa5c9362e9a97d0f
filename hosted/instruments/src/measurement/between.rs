//! How far several runs of one plan differ.
//!
//! Messages of one run have much in common that another run has not: where the scheduler placed both ends, which memory
//! and which ports they got. However many messages a run has, it says nothing about that; only other runs do.

use std::time::Duration;

use super::percentiles::{MEDIAN, P99, percentile};
use super::{Ended, Measurement, student};

/// One number of all runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Between {
    pub(crate) mean: f64,
    /// The standard deviation from run to run.
    pub(crate) deviation: f64,
    /// The 95 % confidence interval of the mean: where that of very many runs would be. Both ends are the
    /// same factor away.
    pub(crate) interval: [f64; 2],
}

impl Between {
    /// None of fewer than two runs, of which nothing is known.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        if values.len() < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (n - 1.0)).sqrt();
        let half = student::quantile(n - 1.0) * deviation / n.sqrt();
        // None of these numbers is negative, and few are as far above the mean as the rest are below it:
        // the interval is even on a logarithmic scale.
        let factor = if mean > 0.0 { (half / mean).exp() } else { 1.0 };
        Some(Self { mean, deviation, interval: [mean / factor, mean * factor] })
    }

    /// The interval, unless it goes beyond ten times the mean: that tells nobody anything.
    pub(crate) fn told(&self) -> Option<[f64; 2]> {
        Some(self.interval).filter(|[_, to]| *to <= 10.0 * self.mean)
    }

    /// Whether the mean may be half of what was found, or twice that.
    pub(crate) fn is_vague(&self) -> bool {
        self.interval[1] > 2.0 * self.mean
    }

    /// The deviation as a share of the mean.
    pub(crate) fn variation(&self) -> f64 {
        if self.mean > 0.0 { self.deviation / self.mean } else { 0.0 }
    }
}

/// What is told of each run. None of the three if no run has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Differences {
    /// In nanoseconds.
    pub(crate) p50: Option<Between>,
    /// In nanoseconds.
    pub(crate) p99: Option<Between>,
    /// In messages per second.
    pub(crate) rate: Option<Between>,
    /// The number of runs that ended as planned: of one that was cut short, the end of the others is missing.
    pub(crate) runs: usize,
}

impl Differences {
    /// Of the runs that `sum` is the sum of; None if it is one run.
    pub(crate) fn of(sum: &Measurement) -> Option<Self> {
        if sum.runs.is_empty() {
            return None;
        }
        let whole: Vec<_> = sum.runs.iter().filter(|run| run.ended == Ended::AsPlanned).collect();
        let all = |number: &dyn Fn(&Measurement) -> Option<f64>| {
            let values: Option<Vec<_>> = whole.iter().map(|run| number(run)).collect();
            Between::of(&values?)
        };
        let nanos = |one_in| {
            move |run: &Measurement| {
                percentile(run.felt(), one_in).map(|time: Duration| time.as_nanos() as f64)
            }
        };
        Some(Self {
            p50: all(&nanos(MEDIAN)),
            p99: all(&nanos(P99)),
            rate: all(&Measurement::messages_per_second),
            runs: whole.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_mean_of_a_few_is_known_as_students_distribution_says() {
        let Between { mean, deviation, interval } =
            Between::of(&[70.0, 72.0, 71.0, 75.0, 72.0]).expect("five");
        assert_eq!(mean, 72.0);
        assert!((deviation - 3.5_f64.sqrt()).abs() < 1e-12);
        let factor = (2.776_45 * 3.5_f64.sqrt() / 5.0_f64.sqrt() / mean).exp();
        let off = [interval[0] - mean / factor, interval[1] - mean * factor];
        assert!(off.iter().all(|off| off.abs() < 1e-3), "{interval:?}");
        assert_eq!(Between::of(&[7.0]), None);
        assert_eq!(Between::of(&[7.0; 3]).map(|all| all.interval), Some([7.0; 2]));
        let none = Between::of(&[0.0; 2]).expect("two");
        assert_eq!((none.variation(), none.interval), (0.0, [0.0; 2]));
    }

    #[test]
    fn whatever_the_runs_are_the_mean_is_no_less_than_nothing_and_not_without_end() {
        for few in [[71.0, 400.0], [1.0, 1e9], [1e9, 1e9 + 1.0], [0.0, 1.0]] {
            let Between { mean, interval: [low, high], .. } = Between::of(&few).expect("two");
            assert!(0.0 < low && low <= mean && mean <= high && high.is_finite(), "{few:?}");
        }
        let vague = |values: &[f64]| Between::of(values).map(|all| all.is_vague());
        let told = |values: &[f64]| Between::of(values).and_then(|all| all.told());
        assert_eq!((told(&[71.0, 400.0]), told(&[7.0; 2])), (None, Some([7.0; 2])));
        assert_eq!((vague(&[71.0, 400.0]), vague(&[71.0, 72.0])), (Some(true), Some(false)));
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        type Draw = fn(&mut Random) -> f64;
        let alike = |random: &mut Random| 10.0 + (0..4).map(|_| random.uniform()).sum::<f64>();
        // As percentiles of a tail are: most below the mean, and few far above it.
        let skewed = |random: &mut Random| -(1.0 - random.uniform()).ln();
        let mut random = Random(1);
        for (truth, draw) in [(12.0, alike as Draw), (1.0, skewed)] {
            for runs in [2, 3, 5, 10] {
                let held = (0..4_000).filter(|_| {
                    let values: Vec<_> = (0..runs).map(|_| draw(&mut random)).collect();
                    let [low, high] = Between::of(&values).expect("several").interval;
                    (low..=high).contains(&truth)
                });
                let share = held.count() as f64 / 4_000.0;
                assert!((share - 0.95).abs() < 0.03, "{share} of {runs} runs, truth {truth}");
            }
        }
    }
}
