//! The instant at which the distribution of times changes most, and whether chance would make as much of it.

use super::slices::{Slices, inflation};
use crate::measurement::timeline::{Column, Timeline};
use crate::random::Random;

/// The fewest slices on a side: one that differs is an incident.
const SIDE: usize = 2;

/// Orders of the slices that are tried. If none of them has a change as large, one in a thousand runs would.
const ORDERS: usize = 999;

/// A run cut in two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// The number of slices before it.
    pub(super) slices: usize,
    /// The number of the bin at which both sides differ most, among those that are compared.
    bin: usize,
    /// By how much the shares of messages up to there differ (Kolmogorov and Smirnov).
    pub(super) difference: f64,
    /// That, by how much it scatters: near an end, few slices differ by themselves.
    strength: f64,
}

impl Cut {
    /// The cut by which a run differs most; None if its times do not differ at all.
    pub(super) fn of(slices: &Slices) -> Option<Self> {
        Self::among(&shares(slices))
    }

    fn among(shares: &[&[f64]]) -> Option<Self> {
        let n = shares.len();
        let sums: Vec<f64> =
            (0..shares.first()?.len()).map(|bin| shares.iter().map(|all| all[bin]).sum()).collect();
        let mut before = vec![0.0; sums.len()];
        let mut best: Option<Self> = None;
        for slices in 1..=n.saturating_sub(SIDE) {
            for (sum, share) in before.iter_mut().zip(shares[slices - 1]) {
                *sum += share;
            }
            if slices < SIDE {
                continue;
            }
            let [left, right] = [slices, n - slices].map(|n| n as f64);
            let weight = (left * right / n as f64).sqrt();
            for (bin, (before, all)) in before.iter().zip(&sums).enumerate() {
                let difference = (before / left - (all - before) / right).abs();
                let strength = weight * difference;
                if best.as_ref().is_none_or(|best| strength > best.strength) {
                    best = Some(Self { slices, bin, difference, strength });
                }
            }
        }
        best
    }

    /// Whether the same slices in another order have a change as large: then it has to do with none of them in
    /// particular, and they differ by themselves.
    pub(super) fn is_chance(&self, slices: &Slices) -> bool {
        let mut shares = shares(slices);
        let side = |slices: &[&[f64]]| {
            // From the first one: those that are all alike are their mean to the last digit.
            let shares = slices.iter().map(|all| all[self.bin] - slices[0][self.bin]);
            let mean = shares.clone().sum::<f64>() / slices.len() as f64;
            shares.map(|share| share - mean).collect::<Vec<_>>()
        };
        let (before, after) = shares.split_at(self.slices);
        // Slices in another order do not resemble their neighbours any more, as these do.
        let inflation = inflation(&[side(before), side(after)].concat()).sqrt();
        let mut random = Random(1);
        (0..ORDERS).any(|_| {
            for last in (1..shares.len()).rev() {
                shares.swap(last, random.below(last + 1));
            }
            Self::among(&shares).is_some_and(|cut| cut.strength * inflation >= self.strength)
        })
    }

    /// The number of columns of the whole `timeline` before the change, which are narrower than slices: around the
    /// cut, where both sides differ most.
    pub(super) fn place(&self, slices: &Slices, timeline: &Timeline) -> usize {
        let per_slice =
            slices.timeline.column_width().div_duration_f64(timeline.column_width()) as usize;
        let bin = slices.bins[self.bin];
        let below = |column: &Column<'_>| {
            let low = column.occupied().take_while(|(other, _)| *other <= bin);
            low.map(|(_, count)| f64::from(*count)).sum::<f64>()
        };
        let counts: Vec<_> = timeline
            .columns()
            .map(|column| (below(&column), column.round_trips() as f64))
            .collect();
        let sum = |counts: &[(f64, f64)]| {
            counts.iter().fold((0.0, 0.0), |sum, more| (sum.0 + more.0, sum.1 + more.1))
        };
        let strength = |place: usize| {
            let (before, after) = counts.split_at(place);
            let [(low, n), (later_low, later)] = [sum(before), sum(after)];
            let both = n * later;
            if both > 0.0 {
                (both / (n + later)).sqrt() * (low / n - later_low / later).abs()
            } else {
                0.0
            }
        };
        let middle = slices.slices[self.slices].number * per_slice;
        let around =
            middle.saturating_sub(per_slice).max(1)..(middle + per_slice).min(counts.len());
        let stronger = |a: &usize, b: &usize| strength(*a).total_cmp(&strength(*b));
        around.max_by(stronger).unwrap_or(middle)
    }
}

fn shares(slices: &Slices) -> Vec<&[f64]> {
    slices.slices.iter().map(|slice| slice.shares.as_slice()).collect()
}
