//! A point on the driver's clock.
//!
//! The core reads no clock: every event carries the instant at which it
//! happened. The driver chooses the zero, usually its own start.

use core::ops::Add;
use core::time::Duration;

/// A point in time, as nanoseconds since a start that the driver chose.
///
/// It need not be wall-clock time, but must never run backwards. Time ends after
/// 584 years.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The zero of the driver's clock.
    pub const START: Self = Self(0);

    /// The instant that lies `since_start` after the zero, or the end of time.
    #[must_use]
    pub const fn new(since_start: Duration) -> Self {
        match Self::START.checked_add(since_start) {
            Some(instant) => instant,
            None => Self(u64::MAX),
        }
    }

    /// How long after the zero this instant lies.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// This instant moved by `duration`, or `None` beyond the end of time.
    #[must_use]
    pub const fn checked_add(self, duration: Duration) -> Option<Self> {
        let nanos = self.0 as u128 + duration.as_nanos();
        if nanos <= u64::MAX as u128 { Some(Self(nanos as u64)) } else { None }
    }

    /// This instant moved back by `duration`, or the start where that lies before it.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self::new(self.since_start().saturating_sub(duration))
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Stops at the end of time instead of panicking.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn time_stops_at_its_end_and_never_runs_backwards() {
        let end = Instant::new(Duration::MAX);
        assert_eq!(end + SECOND, end);
        assert_eq!(end.checked_add(Duration::from_nanos(1)), None);
        assert_eq!(Instant::START.checked_add(end.since_start()), Some(end));
        let later = Instant::START + SECOND;
        assert_eq!((later + SECOND).saturating_sub(SECOND), later);
        assert_eq!(end.saturating_sub(Duration::from_nanos(1)) + SECOND, end);
        for beyond in [SECOND, SECOND + Duration::from_nanos(1), Duration::MAX] {
            assert_eq!(later.saturating_sub(beyond), Instant::START);
        }
        assert_eq!(later.saturating_duration_since(Instant::START), SECOND);
        assert_eq!(Instant::START.saturating_duration_since(later), Duration::ZERO);
    }
}
