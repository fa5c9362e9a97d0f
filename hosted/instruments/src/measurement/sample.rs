//! One message of a run, as the loop tells of it.

use std::time::Duration;

use echo_core::Failure;
use rustix::io::Errno;

use crate::icmp::Icmp;

/// One failed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident {
    /// The time since the start of the measurement.
    pub at: Duration,
    /// The number of the connection, from 0.
    pub connection: usize,
    /// Its number on the connection, from 0.
    pub message: u64,
    /// What happened.
    pub failure: Failure,
    /// The system's error, if that was why.
    pub errno: Option<Errno>,
    /// What ICMP said, if that was why.
    pub icmp: Option<Icmp>,
    /// Whether its connection was not open yet.
    pub unopened: bool,
}

impl Incident {
    /// Of a message that ended in this failure.
    pub(crate) const fn of(sample: &Sample, failure: Failure) -> Self {
        let &Sample { at, connection, message, errno, icmp, unopened, .. } = sample;
        Self { at, connection, message, failure, errno, icmp, unopened }
    }
}

/// One message that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When it ended: the time since the start of the measurement.
    pub at: Duration,
    /// When it was due, in the same way; without a schedule, when it was sent.
    pub due: Duration,
    /// The number of the connection, from 0.
    pub connection: usize,
    /// Its number on the connection, from 0.
    pub message: u64,
    /// How long after the instant at which it was due it was sent.
    pub late: Duration,
    /// How long opening its connection took, if it had one of its own.
    pub connecting: Option<Duration>,
    /// Whether the instrument did not run meanwhile: then its end says nothing.
    pub interrupted: bool,
    /// The system's error, if that was why it failed.
    pub errno: Option<Errno>,
    /// What ICMP said, if that was why.
    pub icmp: Option<Icmp>,
    /// Whether it ended before its connection was open.
    pub unopened: bool,
    /// How long it took from sending, or why it failed.
    pub end: Result<Duration, Failure>,
}

impl Sample {
    /// A message of a closed loop, which is never late; one that fails does so at once.
    #[must_use]
    pub const fn new(at: Duration, connection: usize, end: Result<Duration, Failure>) -> Self {
        let due = match end {
            Ok(took) => at.saturating_sub(took),
            Err(_) => at,
        };
        Self {
            at,
            due,
            connection,
            message: 0,
            late: Duration::ZERO,
            connecting: None,
            interrupted: false,
            errno: None,
            icmp: None,
            unopened: false,
            end,
        }
    }
}
