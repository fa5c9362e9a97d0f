//! The clock, and waiting for a frame, a signal or a deadline.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use echo_core::Instant;
use echo_instruments::clock::Clock;
use echo_instruments::signals::Stop;
use echo_instruments::timer::Timer;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::tap::Watch;

/// The timer's events; what else is waited for counts from 0.
const TIMER: Token = Token(usize::MAX);

/// Waits for whatever comes first.
pub struct Waiter {
    poll: Poll,
    events: Events,
    /// Wakes at the very instant at which a frame is due.
    timer: Timer,
    watch: Rc<Watch>,
    clock: UnixClock,
    spin: Duration,
    received: u64,
    last_frame: Instant,
}

/// A clock whose zero is 1970, which is what records of frames count from.
#[derive(Debug, Clone, Copy)]
pub struct UnixClock {
    clock: Clock,
    at_start: Duration,
}

impl UnixClock {
    fn start() -> Self {
        let at_start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { clock: Clock::start(), at_start }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::new(self.at_start + self.clock.now().since_start())
    }
}

impl Waiter {
    /// Waits for frames from `tap` and for `stop`; does not sleep until there
    /// has been no frame for `spin`.
    ///
    /// # Errors
    ///
    /// If the system has no way to wait.
    pub fn new(tap: RawFd, watch: Rc<Watch>, stop: &Stop, spin: Duration) -> Result<Self> {
        let poll = Poll::new().context("cannot wait for frames")?;
        let registry = poll.registry();
        for (token, fd) in [tap, stop.receiver().as_raw_fd()].into_iter().enumerate() {
            registry
                .register(&mut SourceFd(&fd), Token(token), Interest::READABLE)
                .context("cannot wait for frames and signals")?;
        }
        let timer = Timer::new().context("cannot wait for frames that are late")?;
        if let Some(descriptor) = timer.descriptor() {
            registry
                .register(&mut SourceFd(&descriptor), TIMER, Interest::READABLE)
                .context("cannot wait for frames that are late")?;
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(3),
            timer,
            watch,
            clock: UnixClock::start(),
            spin,
            received: 0,
            last_frame: Instant::START,
        })
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// What [`now`](Self::now) reads.
    #[must_use]
    pub fn clock(&self) -> UnixClock {
        self.clock
    }

    /// Waits until a frame or a signal comes, or until `next`; not at all if
    /// there may be more frames already.
    ///
    /// # Errors
    ///
    /// If the system has no way to wait.
    pub fn wait(&mut self, now: Instant, next: Option<Instant>) -> Result<()> {
        if self.watch.received.get() != self.received {
            self.received = self.watch.received.get();
            self.last_frame = now;
        }
        if !self.watch.drained.get() || now < self.last_frame + self.spin {
            return Ok(());
        }
        let late = self.watch.due.get();
        let next = [next, late].into_iter().flatten().min();
        let mut timeout = next.map(|next| next.saturating_duration_since(now));
        if let Some(late) = late.filter(|late| Some(*late) == next) {
            let wait = late.saturating_duration_since(self.now());
            if wait.is_zero() {
                return Ok(());
            }
            // mio sleeps in whole milliseconds, rounded up: a wire of 100 us would become one of 1 ms.
            self.timer.set(wait).context("cannot wait for a frame that is late")?;
            timeout = None;
        }
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(error).context("cannot wait for frames")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_a_late_frame_ends_once_it_is_due_and_not_before() {
        let (quiet, _writer) = io::pipe().expect("a pipe");
        let stop = Stop::new().expect("a descriptor");
        let watch = Rc::new(Watch::default());
        watch.drained.set(true);
        let mut waiter = Waiter::new(quiet.as_raw_fd(), Rc::clone(&watch), &stop, Duration::ZERO)
            .expect("the system can wait");
        for micros in [1, 100, 700, 1_500] {
            let now = waiter.now();
            let due = now + Duration::from_micros(micros);
            watch.due.set(Some(due));
            waiter.wait(now, Some(now + Duration::from_secs(60))).expect("it waits");
            assert!(waiter.now() >= due, "{micros} us");
        }
    }
}
