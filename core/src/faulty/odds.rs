//! The faults that can be planted, their probabilities, and the counts of those that were.

use core::fmt;
use core::time::Duration;

/// A fault that [`Faulty`](crate::Faulty) can plant in a message of a stream, as defined there, or
/// [`datagram::Spoiler`](crate::datagram::Spoiler) in a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// One bit of the echo is wrong.
    Flip,
    /// Nothing of the message comes back.
    Drop,
    /// The beginning of the message comes once more, after its end.
    Repeat,
    /// The beginning of the echo is that of an earlier message of the connection.
    Stale,
    /// The echo comes later.
    Hold,
    /// Nothing more comes back on this connection.
    Stall,
    /// The connection is ended by a FIN before the echo is whole.
    Cut,
    /// The connection is reset.
    Reset,
    /// The datagram does not come back.
    Lose,
    /// The datagram comes back twice.
    Duplicate,
    /// The datagram comes back after the next one.
    Reorder,
    /// The end of the datagram does not come back.
    Truncate,
}

impl Defect {
    /// All defects, in the order of their indices.
    pub const ALL: [Self; 12] = [
        Self::Flip,
        Self::Drop,
        Self::Repeat,
        Self::Stale,
        Self::Hold,
        Self::Stall,
        Self::Cut,
        Self::Reset,
        Self::Lose,
        Self::Duplicate,
        Self::Reorder,
        Self::Truncate,
    ];

    /// Those of a stream.
    pub const OF_STREAMS: [Self; 8] = [
        Self::Flip,
        Self::Drop,
        Self::Repeat,
        Self::Stale,
        Self::Hold,
        Self::Stall,
        Self::Cut,
        Self::Reset,
    ];

    /// Those of datagrams.
    pub const OF_DATAGRAMS: [Self; 5] =
        [Self::Flip, Self::Lose, Self::Duplicate, Self::Reorder, Self::Truncate];

    /// The name of the defect.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flip => "flip",
            Self::Drop => "drop",
            Self::Repeat => "repeat",
            Self::Stale => "stale",
            Self::Hold => "hold",
            Self::Stall => "stall",
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::Lose => "lose",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Truncate => "truncate",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The probability of each [`Defect`] in a message, which has at most one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Odds {
    /// In parts of [`CERTAIN`], in the order of [`Defect::ALL`].
    shares: [u64; Defect::ALL.len()],
    hold: Duration,
}

const CERTAIN: u64 = 1 << 63;

impl Odds {
    /// Sets the probability of this defect, from 0 to 1. Together they should not exceed 1:
    /// the excess is cut off, from the end of [`Defect::ALL`].
    #[must_use]
    pub fn with(mut self, defect: Defect, probability: f64) -> Self {
        if let Some(share) = self.shares.get_mut(defect as usize) {
            // Out of its range it becomes the nearest whole number.
            *share = (probability * CERTAIN as f64) as u64;
        }
        self
    }

    /// Sets the time by which [`Defect::Hold`] delays an echo.
    #[must_use]
    pub const fn holding(mut self, time: Duration) -> Self {
        self.hold = time;
        self
    }

    /// The probabilities of these defects alone.
    pub(crate) fn only(mut self, defects: &[Defect]) -> Self {
        for (defect, share) in Defect::ALL.into_iter().zip(&mut self.shares) {
            if !defects.contains(&defect) {
                *share = 0;
            }
        }
        self
    }

    /// The time by which a held echo is delayed.
    pub(super) const fn hold(&self) -> Duration {
        self.hold
    }

    /// Whether this defect can be planted.
    #[must_use]
    pub fn has(&self, defect: Defect) -> bool {
        self.shares.get(defect as usize).is_some_and(|share| *share > 0)
    }

    /// The defect that a random number stands for.
    pub(crate) fn draw(&self, random: u64) -> Option<Defect> {
        let mut number = random >> 1;
        Defect::ALL.into_iter().zip(self.shares).find_map(|(defect, share)| {
            let hit = number < share;
            number = number.saturating_sub(share);
            hit.then_some(defect)
        })
    }
}

/// The number of defects of each kind that were planted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Planted([u64; Defect::ALL.len()]);

impl Planted {
    /// The number of defects of this kind.
    #[must_use]
    pub fn of(&self, defect: Defect) -> u64 {
        self.0.get(defect as usize).copied().unwrap_or_default()
    }

    /// Adds what was planted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    pub(crate) fn count(&mut self, defect: Defect) {
        if let Some(count) = self.0.get_mut(defect as usize) {
            *count += 1;
        }
    }
}

/// `12 flip, 3 drop`, or `none`.
impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (defect, count) in Defect::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0) {
            write!(f, "{separator}{count} {defect}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each is drawn from this many numbers at equal distances.
    fn drawn(odds: &Odds, numbers: u64) -> Planted {
        let mut planted = Planted::default();
        let step = u64::MAX / numbers;
        (0..numbers).filter_map(|n| odds.draw(n * step)).for_each(|defect| planted.count(defect));
        planted
    }

    #[test]
    fn each_has_its_share_of_all_numbers() {
        let odds = Odds::default()
            .with(Defect::Drop, 0.25)
            .with(Defect::Cut, 0.01)
            .with(Defect::Flip, 0.0)
            .with(Defect::Reset, 0.5);
        let planted = drawn(&odds, 10_000);
        for defect in Defect::ALL {
            let due = [(Defect::Drop, 2500), (Defect::Cut, 100), (Defect::Reset, 5000)];
            let due = due.into_iter().find(|(it, _)| *it == defect).map_or(0, |(_, due)| due);
            assert!(planted.of(defect).abs_diff(due) <= 1, "{defect}: {planted}");
            assert_eq!(odds.has(defect), due > 0, "{defect}");
        }
    }

    #[test]
    fn what_is_certain_happens_and_what_is_impossible_does_not() {
        for random in [0, 1, 1 << 32, 1 << 63, u64::MAX] {
            assert_eq!(Odds::default().draw(random), None);
            for defect in Defect::ALL {
                let certain = Odds::default().with(defect, 1.0);
                assert_eq!(certain.draw(random), Some(defect));
                for never in [0.0, -1.0, f64::NAN] {
                    assert_eq!(certain.with(defect, never).draw(random), None);
                }
            }
        }
    }

    #[test]
    fn those_of_streams_and_of_datagrams_are_all_and_share_what_both_can_have() {
        for defect in Defect::ALL {
            let certain = Odds::default().with(defect, 1.0);
            let [streams, datagrams] = [&Defect::OF_STREAMS[..], &Defect::OF_DATAGRAMS]
                .map(|defects| certain.only(defects).draw(0) == Some(defect));
            assert!(streams || datagrams, "{defect}");
            assert_eq!(streams && datagrams, defect == Defect::Flip, "{defect}");
        }
    }

    #[test]
    fn counts_are_added_and_every_one_has_its_own_index() {
        let mut planted = Planted::default();
        for defect in [Defect::Hold, Defect::Flip, Defect::Hold] {
            planted.count(defect);
        }
        let mut all = planted;
        all.add(&planted);
        for (index, defect) in Defect::ALL.into_iter().enumerate() {
            assert_eq!(defect as usize, index);
            assert_eq!(all.of(defect), 2 * planted.of(defect));
        }
        assert_eq!((all.of(Defect::Flip), all.of(Defect::Hold), all.of(Defect::Cut)), (2, 4, 0));
    }
}
