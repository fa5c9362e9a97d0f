//! Where a peer left the script.

use core::fmt;

use crate::{Failure, Fault};

/// Where a peer left the script, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// The index of the act.
    pub act: usize,
    /// Bytes that were said in this act.
    pub said: u64,
    /// Bytes that were heard in this act, all of them right.
    pub heard: u64,
    /// Bytes that were to be heard in it.
    pub length: u64,
    /// What happened.
    pub what: What,
    /// The bytes that were to come next,
    pub due: Sample,
    /// and those that came instead.
    pub came: Sample,
}

/// How a peer left the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Other bytes came than were to.
    Differs(Fault),
    /// Bytes came when none were to.
    Unasked,
    /// The peer's FIN came too early.
    Ended,
    /// Nothing moved for as long as the script has patience.
    Stalled,
    /// There is no connection, or it broke.
    Broken(Failure),
    /// The driver has seen enough of it.
    Unfinished,
}

/// Some bytes, from the beginning of more.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl Sample {
    /// Of how many bytes a sample is at most.
    pub const MOST: usize = 16;

    /// The beginning of these.
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

/// In brief: the bytes are for whoever knows where it is shown.
impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { said, heard, length, .. } = self;
        match self.what {
            What::Differs(_) => write!(f, "byte {heard} of {length} is wrong"),
            What::Unasked => f.write_str("bytes came that nobody sent"),
            What::Ended => write!(f, "closed by the peer after {heard} of {length} bytes"),
            What::Stalled if *length == 0 && *said == 0 => f.write_str("the peer does not close"),
            What::Stalled => write!(f, "nothing more after {heard} of {length} bytes"),
            What::Broken(failure) => write!(f, "{failure} after {heard} of {length} bytes"),
            What::Unfinished => write!(f, "not over with {heard} of {length} bytes"),
        }
    }
}

impl core::error::Error for Deviation {}
