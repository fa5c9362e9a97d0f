//! The place of eight bytes of a payload, as they encode it themselves.

/// What eight bytes of [`Payload::Seq`](super::Payload::Seq) encode: 10 bits of the run, 14 of the
/// connection, 20 of the message and 20 of the word's index.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) run: u16,
    pub(super) connection: u16,
    pub(super) message: u64,
    pub(super) word: u64,
}

impl Tag {
    pub(super) const fn pack(self) -> u64 {
        ((self.run & RUN) as u64) << 54
            | ((self.connection & CONNECTION) as u64) << 40
            | (self.message & LOW) << 20
            | (self.word & LOW)
    }

    pub(super) const fn unpack(bits: u64) -> Self {
        Self {
            run: (bits >> 54) as u16,
            connection: (bits >> 40) as u16 & CONNECTION,
            message: (bits >> 20) & LOW,
            word: bits & LOW,
        }
    }
}

/// The number nearest to `here` of those that have these low 20 bits.
pub(super) const fn nearest(low: u64, here: u64) -> u64 {
    let ahead = low.wrapping_sub(here) & LOW;
    let number = here.saturating_add(ahead);
    if ahead > LOW / 2 && number > LOW { number - (LOW + 1) } else { number }
}

pub(super) const RUN: u16 = (1 << 10) - 1;
pub(super) const CONNECTION: u16 = (1 << 14) - 1;
/// The mask of the bits that are kept of the message and of the word's index.
pub(super) const LOW: u64 = (1 << 20) - 1;
