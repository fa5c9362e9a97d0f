//! The clock, and waiting for a frame, a signal or a deadline.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use echo_core::Instant;
use hosted::clock::Clock;
use hosted::signals::Stop;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::tap::Watch;

/// Waits for whatever comes first.
pub struct Waiter {
    poll: Poll,
    events: Events,
    watch: Rc<Watch>,
    clock: Clock,
    /// The clock's zero is 1970, which is what records of frames count from.
    since_1970: Duration,
    spin: Duration,
    received: u64,
    last_frame: Instant,
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
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            poll,
            events: Events::with_capacity(2),
            watch,
            clock: Clock::start(),
            since_1970,
            spin,
            received: 0,
            last_frame: Instant::START,
        })
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        Instant::new(self.since_1970 + self.clock.now().since_start())
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
        if late.is_some() && late == next {
            // mio sleeps in whole milliseconds, rounded up; a wire of 100 us must not become
            // one of 1 ms, so the rest is spun.
            timeout = timeout.map(|timeout| Duration::from_millis(timeout.as_millis() as u64));
        }
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(error).context("cannot wait for frames")
            }
            _ => Ok(()),
        }
    }
}
