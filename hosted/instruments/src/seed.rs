//! The seeds of random numbers that nobody chose.

use std::time::SystemTime;

/// A number that differs in each run.
#[must_use]
pub fn of_now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64)
}

/// A seed that differs in most runs, and is short enough to be typed in order to repeat one.
#[must_use]
pub fn chosen() -> u64 {
    of_now() % 1_000_000
}
