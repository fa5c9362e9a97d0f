//! Where a time-out is decided.
//!
//! [`Session`](crate::Session) owns three of these (idle, silence, linger) and
//! [`Probe`](crate::Probe) one. A driver compares deadlines with its clock, too,
//! but only to know when to call: whether a limit was reached is said here.

use core::time::Duration;

use crate::Instant;

/// A limit on how long something may last, and the instant at which it is reached.
///
/// The deadline that [`deadline`](Self::deadline) shows is the field that
/// [`expired`](Self::expired) compares, so a driver that sleeps until it never
/// wakes for nothing.
#[derive(Debug, Clone)]
pub struct IdleTimer {
    limit: Option<Duration>,
    deadline: Option<Instant>,
}

impl IdleTimer {
    /// A stopped timer; without a `limit` it never expires.
    #[must_use]
    pub const fn new(limit: Option<Duration>) -> Self {
        Self { limit, deadline: None }
    }

    /// Starts the limit again from `now`.
    pub fn restart(&mut self, now: Instant) {
        self.deadline = self.limit.and_then(|limit| now.checked_add(limit));
    }

    /// Starts the limit again from `at`, unless the timer is stopped or counts from
    /// a later instant already.
    pub fn extend(&mut self, at: Instant) {
        let deadline = self.limit.and_then(|limit| at.checked_add(limit));
        // A stopped timer has no deadline, and `None` is less than any deadline.
        self.deadline = self.deadline.and(self.deadline.max(deadline));
    }

    /// Stops the timer until the next [`restart`](Self::restart).
    pub fn stop(&mut self) {
        self.deadline = None;
    }

    /// When the limit will be reached; `None` for never.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the limit has been reached at `now`.
    #[must_use]
    pub fn expired(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn expires_at_its_deadline_and_not_a_nanosecond_before() {
        let mut timer = IdleTimer::new(Some(LIMIT));
        timer.restart(Instant::START);
        let deadline = Instant::START + LIMIT;
        assert_eq!(timer.deadline(), Some(deadline));
        assert!(!timer.expired(Instant::new(LIMIT - Duration::from_nanos(1))));
        assert!(timer.expired(deadline));
    }

    #[test]
    fn restart_moves_the_deadline_and_stop_removes_it() {
        let mut timer = IdleTimer::new(Some(LIMIT));
        timer.restart(Instant::START);
        timer.restart(Instant::START + LIMIT);
        assert!(!timer.expired(Instant::START + LIMIT));
        timer.stop();
        assert_eq!(timer.deadline(), None);
        assert!(!timer.expired(Instant::new(Duration::MAX)));
    }

    #[test]
    fn what_happened_earlier_extends_it_and_neither_shortens_nor_starts_it() {
        let mut timer = IdleTimer::new(Some(LIMIT));
        timer.extend(Instant::START);
        assert_eq!(timer.deadline(), None, "it was not started");
        let start = Instant::START + LIMIT;
        timer.restart(start);
        timer.extend(Instant::START);
        assert_eq!(timer.deadline(), Some(start + LIMIT));
        timer.extend(start + LIMIT * 3);
        assert_eq!(timer.deadline(), Some(start + LIMIT * 4));
    }

    #[test]
    fn no_limit_or_one_beyond_the_end_of_time_means_never() {
        for limit in [None, Some(Duration::MAX)] {
            let mut timer = IdleTimer::new(limit);
            timer.restart(Instant::new(Duration::from_nanos(1)));
            assert_eq!(timer.deadline(), None);
        }
    }
}
