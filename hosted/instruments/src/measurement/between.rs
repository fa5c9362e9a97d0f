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
    /// The 95 % confidence interval of the mean: where that of very many runs would be.
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
        // None of these numbers is negative.
        Some(Self { mean, deviation, interval: [(mean - half).max(0.0), mean + half] })
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
        let half = 2.776_45 * 3.5_f64.sqrt() / 5.0_f64.sqrt();
        let off = [interval[0] - (mean - half), interval[1] - (mean + half)];
        assert!(off.iter().all(|off| off.abs() < 1e-3), "{interval:?}");
        assert_eq!(Between::of(&[7.0]), None);
        assert_eq!(Between::of(&[7.0; 3]).map(|all| all.interval), Some([7.0; 2]));
        assert_eq!(Between::of(&[0.0; 2]).map(|all| all.variation()), Some(0.0));
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        // Means of uniform values; the truth is 0.5.
        let mut random = Random(1);
        for runs in [3, 5, 10] {
            let held = (0..2_000).filter(|_| {
                let values: Vec<_> = (0..runs)
                    .map(|_| 10.0 + (0..4).map(|_| random.uniform()).sum::<f64>())
                    .collect();
                let [low, high] = Between::of(&values).expect("several").interval;
                (low..=high).contains(&12.0)
            });
            let share = held.count() as f64 / 2_000.0;
            assert!((share - 0.95).abs() < 0.02, "{share} of {runs} runs");
        }
    }
}
