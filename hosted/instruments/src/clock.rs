//! The operating system's clock, by which everything is measured and every deadline computed. The
//! wall clock (`SystemTime`) is read elsewhere: it dates a report or a record, and makes a seed.

use std::time::Duration;

use echo_core::Instant;
use rustix::time::{ClockId, clock_gettime};

/// A monotonic clock that starts at zero: the zero of every [`Instant`] that
/// this driver hands to the core. It goes on while the machine is suspended, as it does for
/// the peer.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// In nanoseconds on the system's clock.
    start: u64,
}

/// The clock that goes on while the machine is suspended.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

impl Clock {
    /// Starts the clock.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Self::system() }
    }

    /// Starts the clock as if it had been running for this long: its instants reach that far back.
    #[must_use]
    pub fn started(ago: Duration) -> Self {
        Self { start: Self::system().saturating_sub(nanoseconds(ago)) }
    }

    /// The time now, in the core's terms.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.at(Self::system())
    }

    /// The reading of the system's clock: the nanoseconds since a start that it chose. Two of them are read for each message, and a
    /// `Duration` of each would be divided and multiplied again.
    pub(crate) fn system() -> u64 {
        let time = clock_gettime(CLOCK);
        time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
    }

    /// The instant at this reading of the system's clock.
    pub(crate) fn at(&self, system: u64) -> Instant {
        Instant::new(Duration::from_nanos(system.saturating_sub(self.start)))
    }

    /// Puts the clock back.
    pub(crate) fn put_back(&mut self, time: Duration) {
        self.start += nanoseconds(time);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}
