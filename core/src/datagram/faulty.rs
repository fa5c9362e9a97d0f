//! Answers that are spoilt on purpose, with faults that an instrument has to find.

use core::time::Duration;

use crate::Instant;
use crate::faulty::{Defect, Odds, Planted};
use crate::random::{self, mix};

/// How long an answer is kept for another one to overtake it.
const KEPT: Duration = Duration::from_millis(100);

/// Decides what becomes of the answers of a service, one after the other, and counts the faults
/// ([`Defect::OF_DATAGRAMS`]) that it plants; no more than one in each answer.
///
/// The same seed spoils the same answers, counted in the order in which they are given. `P` is
/// what tells one peer from another: an answer is only overtaken by one to the same peer, and
/// counted as reordered only if it is.
#[derive(Debug)]
pub struct Spoiler<P> {
    odds: Odds,
    /// The state of the pseudo-random sequence.
    random: u64,
    planted: Planted,
    /// To whom the answer goes that is kept, and until when.
    kept: Option<(P, Instant)>,
}

/// What is to be done with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is sent: so many of its bytes.
    Sent(usize),
    /// It is sent twice.
    Twice,
    /// It is not sent.
    Lost,
    /// It is kept until [`Spoiler::spoil`] or [`Spoiler::handle_timeout`] releases it. There is
    /// never more than one.
    Kept,
}

impl<P: PartialEq> Spoiler<P> {
    /// A spoiler of as many answers as its `odds` say; those of other faults mean nothing here.
    #[must_use]
    pub fn new(odds: Odds, seed: u64) -> Self {
        let odds = odds.only(&Defect::OF_DATAGRAMS);
        Self { odds, random: mix(seed), planted: Planted::default(), kept: None }
    }

    /// The faults that were planted so far.
    #[must_use]
    pub const fn planted(&self) -> Planted {
        self.planted
    }

    /// The instant at which [`handle_timeout`](Self::handle_timeout) has something to release.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.kept.as_ref().map(|(_, until)| *until)
    }

    /// Decides on the next answer, in which it may change a bit. The second is whether the one
    /// that is kept is to be sent after it.
    pub fn spoil(&mut self, now: Instant, peer: P, answer: &mut [u8]) -> (Fate, bool) {
        let random = random::next(&mut self.random);
        let defect = self.odds.draw(random);
        // Drawn in any case: what the next answer gets does not depend on this one.
        let place = random::next(&mut self.random);
        let fate = self.plant(defect, place, answer);
        if fate == Fate::Kept {
            self.kept = Some((peer, now + KEPT));
            return (fate, false);
        }
        let overtakes =
            fate != Fate::Lost && self.kept.as_ref().is_some_and(|(other, _)| *other == peer);
        if overtakes {
            self.kept = None;
            self.planted.count(Defect::Reorder);
        }
        (fate, overtakes)
    }

    fn plant(&mut self, defect: Option<Defect>, place: u64, answer: &mut [u8]) -> Fate {
        let length = answer.len();
        let whole = Fate::Sent(length);
        let Some(defect) = defect else { return whole };
        let fate = match defect {
            Defect::Lose => Fate::Lost,
            Defect::Duplicate => Fate::Twice,
            // Counted when it is overtaken.
            Defect::Reorder => return if self.kept.is_none() { Fate::Kept } else { whole },
            // At least a half remains, so that one can see whose it is.
            Defect::Truncate if length > 0 => {
                let half = length as u64 / 2;
                Fate::Sent((half + place.checked_rem(length as u64 - half).unwrap_or(0)) as usize)
            }
            Defect::Flip => {
                let bit = (place >> 3).checked_rem(length as u64);
                let Some(byte) = bit.and_then(|byte| answer.get_mut(byte as usize)) else {
                    return whole;
                };
                *byte ^= 1 << (place & 7);
                whole
            }
            _ => return whole,
        };
        self.planted.count(defect);
        fate
    }

    /// The clock has gone on: whether the answer that is kept is to be sent now. Nothing has
    /// overtaken it.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.kept.take_if(|(_, until)| *until <= now).is_some()
    }
}
