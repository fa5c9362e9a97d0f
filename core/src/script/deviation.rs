//! Where a peer deviated from the script.

use core::fmt;

use crate::{Failure, Fault};

/// Where a peer deviated from the script, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// The index of the act.
    pub act: usize,
    /// The number of bytes that were said in this act.
    pub said: u64,
    /// The number of bytes that were heard in this act, all of them right.
    pub heard: u64,
    /// The number of bytes that were to be heard in this act; where its time decides how much it
    /// says ([`Manner::For`](super::Manner::For)), the number that was said.
    pub length: u64,
    /// What happened.
    pub what: What,
    /// The bytes that were to come next.
    pub due: Sample,
    /// The bytes that came instead.
    pub came: Sample,
}

/// How a peer deviated from the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Bytes came that differ from those that were to come.
    Differs(Fault),
    /// Bytes came when none were to.
    Unasked,
    /// The peer's FIN came too early.
    Ended,
    /// Nothing moved for as long as the script waits for its peer.
    Stalled,
    /// There is no connection, or it broke.
    Broken(Failure),
    /// The driver stopped the script before it was over.
    Unfinished,
}

/// The first few of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl Sample {
    /// The most bytes in a sample.
    pub const MOST: usize = 16;

    /// A sample of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut sample = Self::default();
        for (to, from) in sample.bytes.iter_mut().zip(bytes) {
            *to = *from;
            sample.length += 1;
        }
        sample
    }
}

impl AsRef<[u8]> for Sample {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_ref().escape_ascii())
    }
}

/// A short text, without the bytes: how they are shown depends on the place.
impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { said, heard, length, .. } = self;
        match self.what {
            What::Differs(_) => write!(f, "byte {heard} of {length} is wrong"),
            What::Unasked => f.write_str("bytes came that were never sent"),
            What::Ended => write!(f, "closed by the peer after {heard} of {length} bytes"),
            What::Stalled if *length == 0 && *said == 0 => f.write_str("the peer does not close"),
            What::Stalled => write!(f, "nothing more after {heard} of {length} bytes"),
            What::Broken(failure) => write!(f, "{failure} after {heard} of {length} bytes"),
            What::Unfinished => write!(f, "not over with {heard} of {length} bytes"),
        }
    }
}

impl core::error::Error for Deviation {}
