//! What happened during one column of a timeline, and the distribution of its times.

use super::{Tally, bin_edges};

/// One column of a timeline.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    pub(super) counts: &'a [u32],
    pub(super) tally: &'a Tally,
}

impl<'a> Column<'a> {
    /// Round trips that were due in this column, whenever they ended.
    pub fn round_trips(&self) -> u64 {
        self.tally.round_trips
    }

    /// Messages that were echoed in this column: of one that also went on in others, its share of the time.
    pub fn echoed(&self) -> f64 {
        self.tally.echoed
    }

    /// Round trips that failed in this column.
    pub fn failures(&self) -> u64 {
        self.tally.failures
    }

    /// How many looks found both ends together, and apart.
    pub(crate) fn placed(&self) -> [u32; 2] {
        self.tally.placed
    }

    /// The number of round trips in each bin; [`bin_edges`] says which times a bin holds.
    pub fn counts(&self) -> &'a [u32] {
        self.counts
    }

    /// All round trips together, in nanoseconds.
    pub fn total(&self) -> f64 {
        self.tally.total as f64
    }

    /// How many round trips took longer than this many nanoseconds. Within a bin it is interpolated.
    pub fn slower_than(&self, ns: f64) -> f64 {
        self.split_at(ns, |slower| slower)
    }

    /// The variance of that number, if those in one bin with `ns` are on either side of it by chance.
    pub(crate) fn blur(&self, ns: f64) -> f64 {
        self.split_at(ns, |slower| slower * (1.0 - slower))
    }

    /// A sum over all round trips, by the share of their bin that is slower than `ns`.
    fn split_at(&self, ns: f64, of: impl Fn(f64) -> f64) -> f64 {
        let split = |(bin, count): (usize, &u32)| {
            let edges = bin_edges(bin);
            let (low, high) = (edges.start as f64, edges.end as f64);
            f64::from(*count) * of(((high - ns) / (high - low)).clamp(0.0, 1.0))
        };
        self.occupied().map(split).sum()
    }

    /// The bins that hold any round trip, and how many each of them holds.
    pub(crate) fn occupied(&self) -> impl Iterator<Item = (usize, &'a u32)> + use<'a> {
        let bins = self.tally.occupied();
        let counts = &self.counts[bins.clone()];
        bins.zip(counts).filter(|(_, count)| **count > 0)
    }

    /// The time in nanoseconds below which the share `q` (0 to 1) of the round trips stayed, if there were any.
    ///
    /// Within a bin it is interpolated, so a curve through columns has no steps.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = q * self.tally.round_trips as f64;
        let mut below = 0.0;
        for (bin, &count) in self.occupied() {
            let count = f64::from(count);
            if below + count >= rank {
                let edges = bin_edges(bin);
                let (low, high) = (edges.start as f64, edges.end as f64);
                let value = low + (high - low) * (rank - below) / count;
                return Some(value.clamp(self.tally.fastest as f64, self.tally.slowest as f64));
            }
            below += count;
        }
        None
    }
}
