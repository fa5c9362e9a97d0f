//! Whether times rise or fall all the way: the test of Mann and Kendall over the medians of slices.

use super::slices::{Slices, inflation};

/// One in a thousand runs without a drift is above it.
const CHANCE: f64 = 3.29;

/// A line through the levels of all slices.
pub(super) struct Drift {
    /// By how many of their deviations more pairs of slices rise than fall, or fall than rise.
    score: f64,
    /// How far the levels are from the line: a sum of squares.
    pub(super) scatter: f64,
}

impl Drift {
    pub(super) fn of(slices: &Slices) -> Option<Self> {
        let levels: Vec<_> = slices.slices.iter().map(|slice| slice.level).collect();
        let n = levels.len() as f64;
        let mean = levels.iter().sum::<f64>() / n;
        let places: Vec<_> = (0..levels.len()).map(|at| at as f64 - (n - 1.0) / 2.0).collect();
        let along = |of: &dyn Fn(f64, f64) -> f64| {
            places.iter().zip(&levels).map(|(at, level)| of(*at, *level)).sum::<f64>()
        };
        let slope = along(&|at, level| at * (level - mean)) / along(&|at, _| at * at);
        let off: Vec<_> =
            places.iter().zip(&levels).map(|(at, level)| level - mean - slope * at).collect();
        let rises = |at: usize| {
            let later = levels[at + 1..].iter();
            later.map(|later| f64::from(later.total_cmp(&levels[at]) as i8)).sum::<f64>()
        };
        let rising: f64 = (0..levels.len()).map(rises).sum();
        let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0 * inflation(&off);
        let scatter = off.iter().map(|off| off * off).sum();
        (n > 1.0).then(|| Self { score: (rising.abs() - 1.0) / variance.sqrt(), scatter })
    }

    pub(super) fn is_chance(&self) -> bool {
        self.score <= CHANCE
    }
}
