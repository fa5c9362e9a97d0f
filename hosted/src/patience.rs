//! How the next wait is carried out: the rule for connections and for datagrams.
//!
//! Where one echo is waited for, that is done inside the read itself: one system call to send, one
//! to receive, and no third. Such a wait may end some ticks of the kernel late, so the last part
//! before a limit is waited for exactly, with one more call. Several are waited for by a queue of
//! the operating system. Whoever busy-waits does neither until that has been in vain for long enough.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use echo_core::Instant;
use echo_instruments::plan::Plan;
use echo_instruments::stack::Busy;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The longest wait inside a read, which is also the delay until a request to stop is seen.
const SLICE: Duration = Duration::from_millis(100);

/// The shortest time-out of a read: with none it would wait for ever.
const SHORTEST: Duration = Duration::from_millis(1);

/// How late a wait inside a read may end: two ticks of the slowest kernel clock (100 Hz).
const COARSE: Duration = Duration::from_millis(20);

/// How to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Inside the read of the only one that is waited for.
    Inside,
    /// For the only one, for exactly this long at most.
    Exactly(Duration),
    /// Not at all: the only one is read again at once.
    Again,
    /// For all, for this long at most.
    All(Duration),
}

#[derive(Debug)]
pub(crate) struct Patience {
    /// Whether to wait inside the read, where only one is waited for.
    inside: bool,
    /// The longest wait inside a read; before a short limit there is time for one.
    slice: Duration,
    /// How long to busy-wait before sleeping.
    spin: Duration,
    /// The instant at which something last happened.
    moved: Instant,
}

impl Patience {
    /// That of `plan`; it never waits inside a read unless it `may`.
    pub(crate) fn new(plan: &Plan, may: bool) -> Self {
        Self {
            inside: may && plan.spin.is_zero(),
            slice: plan.limit.map_or(SLICE, |limit| SLICE.min(limit / 2)).max(SHORTEST),
            spin: plan.spin,
            moved: Instant::START,
        }
    }

    /// The time-out of reads, if they are waited in.
    pub(crate) fn inside(&self) -> Option<Duration> {
        self.inside.then_some(self.slice)
    }

    /// Whether it never sleeps.
    pub(crate) fn is_endless(&self) -> bool {
        self.spin == Duration::MAX
    }

    /// Notes that something happened.
    pub(crate) fn note(&mut self, now: Instant) {
        self.moved = now;
    }

    /// How to wait; `only` if a single one is waited for.
    pub(crate) fn way(&self, only: bool, now: Instant, until: Instant, busy: Busy) -> Way {
        let left = until.saturating_duration_since(now);
        if self.inside && only {
            let far = now + self.slice + COARSE;
            let is_far = busy.deadline.is_none_or(|deadline| deadline >= far);
            return if is_far { Way::Inside } else { Way::Exactly(left) };
        }
        let quiet = now.saturating_duration_since(self.moved.max(busy.since));
        match left.checked_sub(self.spin) {
            _ if self.spin.is_zero() => Way::All(left),
            Some(sleep) if quiet >= self.spin && !sleep.is_zero() => Way::All(sleep),
            _ if only => Way::Again,
            _ => Way::All(Duration::ZERO),
        }
    }
}

/// Waits for a socket to have something to read, for exactly this long at most.
pub(crate) fn is_readable(socket: impl AsFd, wait: Duration) -> io::Result<bool> {
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&wait)) {
        Err(Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn at(millis: u32) -> Instant {
        Instant::START + millis * MILLI
    }

    /// The way to wait at 1 s until 1.1 s, for messages of which the last began `since` then.
    fn way(spin: Duration, only: bool, since: u32, deadline: u32) -> Way {
        let plan = Plan { spin, limit: Some(Duration::from_secs(1)), ..Plan::new() };
        let busy = Busy { messages: 1, since: at(since), deadline: Some(at(deadline)) };
        Patience::new(&plan, true).way(only, at(1_000), at(1_100), busy)
    }

    #[test]
    fn one_is_waited_for_inside_its_read_until_its_limit_is_near() {
        assert_eq!(way(Duration::ZERO, true, 1_000, 1_120), Way::Inside);
        assert_eq!(way(Duration::ZERO, true, 1_000, 1_119), Way::Exactly(100 * MILLI));
        assert_eq!(way(Duration::ZERO, false, 1_000, 2_000), Way::All(100 * MILLI));
    }

    #[test]
    fn whoever_busy_waits_sleeps_when_that_was_in_vain() {
        assert_eq!(way(Duration::MAX, true, 0, 2_000), Way::Again);
        assert_eq!(way(Duration::MAX, false, 0, 2_000), Way::All(Duration::ZERO));
        assert_eq!(way(10 * MILLI, true, 991, 2_000), Way::Again);
        assert_eq!(way(10 * MILLI, true, 990, 2_000), Way::All(90 * MILLI));
        assert_eq!(way(100 * MILLI, true, 900, 2_000), Way::Again, "the rest is no longer");
    }
}
