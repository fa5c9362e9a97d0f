//! A timer that is exact enough for a schedule, or for a delayed frame.
//!
//! The wait of Linux's event queue is rounded up to whole milliseconds, and
//! may be late by the 50 µs of timer slack besides; a timer that the queue
//! watches has neither. Other systems' queues wait for nanoseconds.

use std::io;
use std::os::fd::RawFd;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// Ends a wait of an event queue that watches it at an instant.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct Timer(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    ///
    /// If the system has none left.
    pub fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// The descriptor that the queue has to watch for being readable.
    #[must_use]
    pub fn descriptor(&self) -> Option<RawFd> {
        Some(self.0.as_raw_fd())
    }

    /// Ends the next wait after this time; zero would mean never.
    ///
    /// # Errors
    ///
    /// If the time is longer than the system can represent.
    pub fn set(&self, after: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec::try_from(after).map_err(io::Error::other)?;
        let spec = Itimerspec { it_interval: once, it_value };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &spec)?;
        Ok(())
    }
}

#[cfg(target_os = "linux")]
impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Nothing: the queue's own wait is exact.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    ///
    /// None.
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// The descriptor that the queue has to watch for being readable.
    #[must_use]
    pub fn descriptor(&self) -> Option<RawFd> {
        None
    }

    /// Ends the next wait after this time; zero would mean never.
    ///
    /// # Errors
    ///
    /// If the time is longer than the system can represent.
    pub fn set(&self, _after: Duration) -> io::Result<()> {
        Ok(())
    }
}
