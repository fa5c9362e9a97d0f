//! The only place where the operating system's clock is read.

use std::time;

use echo_core::Instant;

/// A monotonic clock that starts at zero: the zero of every [`Instant`] that
/// this driver hands to the core.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: time::Instant,
}

impl Clock {
    /// Starts the clock.
    #[must_use]
    pub fn start() -> Self {
        Self { start: time::Instant::now() }
    }

    /// The time now, in the core's terms.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::new(self.start.elapsed())
    }
}
