//! An alarm at the very instant of a schedule, or of a frame.
//!
//! The wait of Linux's event queue is rounded up to whole milliseconds, and
//! may be late by the 50 µs of timer slack besides; a timer that the queue
//! watches has neither. Other systems' queues wait for nanoseconds.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// Ends a wait of an event queue at an instant.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct Timer(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Timer {
    /// A timer whose events have this token.
    ///
    /// # Errors
    ///
    /// If the system has none left.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd;

        use mio::Interest;
        use mio::unix::SourceFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self(timer))
    }

    /// Ends the next wait after this time; zero would mean never.
    ///
    /// # Errors
    ///
    /// If the time is longer than the system can tell.
    pub fn set(&self, after: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec::try_from(after).map_err(io::Error::other)?;
        let spec = Itimerspec { it_interval: once, it_value };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &spec)?;
        Ok(())
    }
}

/// Nothing: the queue's own wait is exact.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    /// A timer whose events have this token.
    ///
    /// # Errors
    ///
    /// If the system has none left.
    pub fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self)
    }

    /// Ends the next wait after this time; zero would mean never.
    ///
    /// # Errors
    ///
    /// If the time is longer than the system can tell.
    pub fn set(&self, _after: Duration) -> io::Result<()> {
        Ok(())
    }
}
