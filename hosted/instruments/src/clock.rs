//! The operating system's clock, by which all is measured and every deadline reckoned. The
//! calendar (`SystemTime`) is asked elsewhere: it dates a report or a record, and starts a seed.

use std::time::Duration;

use echo_core::Instant;
use rustix::time::{ClockId, clock_gettime};

/// A monotonic clock that starts at zero: the zero of every [`Instant`] that
/// this driver hands to the core. It goes on while the machine is suspended, as it does for
/// the peer.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Duration,
}

/// The one that counts the time in which the machine is suspended.
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

    /// Starts the clock as if it had been running for some time: its instants reach so far back.
    #[must_use]
    pub fn started(ago: Duration) -> Self {
        Self { start: Self::system().saturating_sub(ago) }
    }

    /// The time now, in the core's terms.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.at(Self::system())
    }

    /// What the system's clock says: the time since a start that it chose.
    pub(crate) fn system() -> Duration {
        let time = clock_gettime(CLOCK);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
    }

    /// The time when the system's clock says this.
    pub(crate) fn at(&self, system: Duration) -> Instant {
        Instant::new(system.saturating_sub(self.start))
    }

    /// Puts the clock back.
    pub(crate) fn put_back(&mut self, time: Duration) {
        self.start += time;
    }
}
