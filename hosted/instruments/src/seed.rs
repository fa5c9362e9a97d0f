//! The default seed of random numbers.

use std::time::SystemTime;

/// A number that differs in each run.
#[must_use]
pub fn of_now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64)
}
