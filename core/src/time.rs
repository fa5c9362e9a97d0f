//! A point on the driver's clock.
//!
//! The core reads no clock: every event carries the instant at which it
//! happened. The driver chooses the zero, usually its own start.

use core::ops::Add;
use core::time::Duration;

/// A point in time, as a [`Duration`] since a start that the driver chose.
///
/// It need not be wall-clock time, only never run backwards.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The zero of the driver's clock.
    pub const START: Self = Self(Duration::ZERO);

    /// The instant that lies `since_start` after the zero.
    #[must_use]
    pub const fn new(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// How long after the zero this instant lies.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// This instant moved by `duration`, or `None` beyond the end of time.
    #[must_use]
    pub const fn checked_add(self, duration: Duration) -> Option<Self> {
        match self.0.checked_add(duration) {
            Some(since_start) => Some(Self(since_start)),
            None => None,
        }
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Stops at the end of time instead of panicking.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}
