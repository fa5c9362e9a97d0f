//! The clock of embassy-time.

use std::time::Duration;

use echo_async::Clock;
use echo_core::Instant;
use embassy_time::Timer;

/// The time since the start.
pub struct Uptime;

impl Clock for Uptime {
    fn now(&self) -> Instant {
        Instant::new(Duration::from_nanos(embassy_time::Instant::now().as_nanos()))
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        // This rounds up to whole ticks.
        let at = embassy_time::Duration::from_nanos(at.since_start().as_nanos() as u64);
        Timer::at(embassy_time::Instant::MIN + at)
    }
}
