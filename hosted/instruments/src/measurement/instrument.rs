//! The share of the times that is the instrument's own.

use std::time::Duration;

/// What is known of the instrument itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Instrument {
    /// How long reading the clock takes.
    pub clock: Duration,
    /// The smallest step of the clock that was seen.
    pub resolution: Duration,
    /// How long the loop needs for a message that comes back in no time: making
    /// it (if it must be made), comparing its echo, reading the clock and recording. None for
    /// messages that are moved in pieces.
    pub floor: Option<Duration>,
}
