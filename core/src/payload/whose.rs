//! Which message a datagram is, as its content tells: one may come at any time, and in any order.

use super::tag::{LOW, RUN, Tag};
use super::{Payload, WORD};
use crate::random::{GOLDEN, unmix};

/// Whose a datagram is, as its content tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The message with this number of the connection: the last of those that look so, which are 2^20 apart.
    Own(u64),
    OtherConnection,
    OtherRun,
}

impl Payload<&[u8]> {
    /// Whose a whole datagram is, if it [tells](Self::tells) that. Its first words are asked until one of them answers:
    /// a word that was damaged does not. `messages` is the number of those sent so far.
    pub(crate) fn whose(&self, messages: u64, datagram: &[u8]) -> Option<Whose> {
        let last = messages.checked_sub(1)?;
        let (words, _) = datagram.as_chunks::<WORD>();
        (0..).zip(words.iter().take(WORD)).find_map(|(index, word)| {
            let bits = unmix(u64::from_le_bytes(*word));
            match *self {
                Self::Seq { run, .. } => {
                    // Foreign bytes pass this by chance once in 2^20 cases, and as an own message once in 2^44.
                    let tag = Tag::unpack(bits);
                    if tag.word != index {
                        return None;
                    }
                    if tag.run != run & RUN {
                        return Some(Whose::OtherRun);
                    }
                    if !self.is_of(tag.connection) {
                        return Some(Whose::OtherConnection);
                    }
                    last.checked_sub(last.wrapping_sub(tag.message) & LOW).map(Whose::Own)
                }
                Self::Random { seed } => {
                    let start = bits.wrapping_sub(index.wrapping_mul(GOLDEN));
                    let message = unmix(unmix(start) ^ seed);
                    (message <= last).then_some(Whose::Own(message))
                }
                _ => None,
            }
        })
    }
}
