//! The time, and the wait for it.

use echo_core::Instant;

/// What the pumps of all connections ask for the time, and wait for it with.
///
/// On embassy-time, for instance:
///
/// ```ignore
/// struct Uptime;
///
/// impl Clock for Uptime {
///     fn now(&self) -> Instant {
///         Instant::new(Duration::from_nanos(embassy_time::Instant::now().as_nanos()))
///     }
///
///     fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
///         // This rounds up to whole ticks.
///         let at = embassy_time::Duration::from_nanos(at.since_start().as_nanos() as u64);
///         embassy_time::Timer::at(embassy_time::Instant::MIN + at)
///     }
/// }
/// ```
pub trait Clock {
    /// The time since a zero of your choice, usually the start of the program. It must never run
    /// backwards: a counter of 32 bits has to be extended.
    fn now(&self) -> Instant;

    /// Waits until [`now`](Self::now) is `at` or later. Round up: a wait that ends early is begun
    /// again at once, so a timer with coarse ticks would spin. A late one costs its delay.
    ///
    /// The future is dropped whenever something else happens first, which must have no effect.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()>;
}
