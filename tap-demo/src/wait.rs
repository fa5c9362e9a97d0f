//! The clock, and waiting for a frame, a signal or a deadline.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use echo_core::Instant;
use echo_instruments::clock::Clock;
use echo_instruments::quantity;
use echo_instruments::reason::reason;
use echo_instruments::signals::Stop;
use echo_instruments::timer::Timer;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::tap::Watch;
use crate::wire::{FRAMES, Met};

/// Waits for whatever comes first.
pub struct Waiter {
    /// A frame ends a wait as long as it is there, a signal and the timer once: nobody reads them.
    epoll: OwnedFd,
    /// Wakes up at the exact time at which a frame is due.
    timer: Timer,
    watch: Rc<Watch>,
    /// The name of the interface, for messages.
    iface: String,
    clock: UnixClock,
    spin: Duration,
    received: u64,
    /// When a frame last came or a message was begun.
    stirred: Instant,
}

/// When a wait ends at the latest, if at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Due {
    /// A deadline that may be missed by a millisecond.
    pub coarse: Option<Instant>,
    /// A deadline that must not be missed.
    pub exact: Option<Instant>,
}

/// A clock that counts from 1970, as pcap files do.
#[derive(Debug, Clone, Copy)]
pub struct UnixClock {
    clock: Clock,
    at_start: Duration,
}

impl UnixClock {
    /// Starts the clock at the present wall-clock time.
    #[must_use]
    pub fn start() -> Self {
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
    /// Waits for frames from `tap`, whose interface has this name, and for `stop`. It busy-waits
    /// until nothing has happened for `spin`.
    ///
    /// # Errors
    ///
    /// If the system has no way to wait.
    pub fn new(
        tap: impl AsFd,
        iface: &str,
        watch: Rc<Watch>,
        clock: UnixClock,
        stop: &Stop,
        spin: Duration,
    ) -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).context("cannot wait for frames")?;
        let timer = Timer::new().context("cannot wait for delayed frames")?;
        let (readable, once) = (EventFlags::IN, EventFlags::IN | EventFlags::ET);
        for (source, flags) in
            [(tap.as_fd(), readable), (stop.receiver().as_fd(), once), (timer.as_fd(), once)]
        {
            epoll::add(&epoll, source, EventData::new_u64(0), flags)
                .context("cannot wait for frames and signals")?;
        }
        Ok(Self {
            epoll,
            timer,
            watch,
            iface: iface.into(),
            clock,
            spin,
            received: 0,
            stirred: Instant::START,
        })
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Notes that a message was begun this long `ago`: its echo is busy-waited for, too.
    pub fn stir(&mut self, now: Instant, ago: Duration) {
        self.stirred = self.stirred.max(now.saturating_sub(ago));
    }

    /// Waits until a frame or a signal comes, or until what is `due`; not at all if
    /// there may be more frames already.
    ///
    /// # Errors
    ///
    /// If the system has no way to wait.
    pub fn wait(&mut self, now: Instant, due: Due) -> io::Result<()> {
        if self.watch.received.get() != self.received {
            self.received = self.watch.received.get();
            self.stirred = now;
        }
        if !self.watch.drained.get() || now.saturating_duration_since(self.stirred) < self.spin {
            return Ok(());
        }
        let exact = [due.exact, self.watch.due.get()].into_iter().flatten().min();
        let next = [due.coarse, exact].into_iter().flatten().min();
        // The last part of the time is busy-waited.
        let left = |from: Instant, next: Instant| {
            next.saturating_duration_since(from).saturating_sub(self.spin)
        };
        let mut timeout = next.map(|next| left(now, next));
        if let Some(exact) = exact.filter(|exact| Some(*exact) == next) {
            let wait = left(self.now(), exact);
            if wait.is_zero() {
                return Ok(());
            }
            // The wait sleeps in whole milliseconds, rounded up: a wire of 100 us would become one of 1 ms.
            self.timer.set(wait)?;
            timeout = None;
        }
        let timeout = timeout.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        match epoll::wait(&self.epoll, &mut [MaybeUninit::uninit()], timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How many frames came so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.watch.received.get()
    }

    /// Whether the interface is still there.
    ///
    /// # Errors
    ///
    /// If it is gone, with the kernel's error.
    pub fn check(&self) -> io::Result<()> {
        self.watch.broken.take().map_or(Ok(()), |error| {
            let why = reason(&error);
            Err(io::Error::other(format!("the interface {} is gone: {why}", self.iface)))
        })
    }

    /// The random faults that frames have met so far.
    #[must_use]
    pub fn met(&self) -> Met {
        self.watch.met.get()
    }

    /// How many frames were lost on our side, and why, if any were.
    pub fn losses(&self) -> impl Iterator<Item = String> {
        let refused = "refused by the interface (it was down, or its queue full)";
        let overrun = format!("lost because {FRAMES} were in flight");
        [(self.watch.unsent.get(), refused.into()), (self.watch.overrun.get(), overrun)]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{} {why}", quantity::counted(count, "frame")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(quiet: &impl AsFd, watch: &Rc<Watch>, stop: &Stop) -> Waiter {
        watch.drained.set(true);
        let (watch, clock) = (Rc::clone(watch), UnixClock::start());
        Waiter::new(quiet, "tap0", watch, clock, stop, Duration::ZERO).expect("the system can wait")
    }

    #[test]
    fn a_wait_for_a_late_frame_or_a_schedule_ends_once_it_is_due_and_not_before() {
        let (quiet, _writer) = io::pipe().expect("a pipe");
        let stop = Stop::new().expect("a descriptor");
        let watch = Rc::default();
        let mut waiter = waiter(&quiet, &watch, &stop);
        for micros in [1, 100, 700, 1_500] {
            for frame in [true, false] {
                let now = waiter.now();
                let at = now + Duration::from_micros(micros);
                watch.due.set(frame.then_some(at));
                let exact = (!frame).then_some(at);
                let coarse = Some(now + Duration::from_secs(60));
                waiter.wait(now, Due { coarse, exact }).expect("it waits");
                assert!(waiter.now() >= at, "{micros} us");
            }
        }
    }

    /// [`Tap`](crate::tap::Tap) may leave some unread.
    #[test]
    fn a_frame_that_was_left_ends_every_wait_and_a_request_to_stop_only_one() {
        let (quiet, mut writer) = io::pipe().expect("a pipe");
        let stop = Stop::new().expect("a descriptor");
        let mut waiter = waiter(&quiet, &Rc::default(), &stop);
        let mut wait = |limit| {
            let now = waiter.now();
            let coarse = Some(now + limit);
            waiter.wait(now, Due { coarse, exact: None }).expect("it waits");
            waiter.now() < now + limit
        };
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(20));
        stop.request();
        assert!(wait(long));
        assert!(!wait(short), "or a drain would not sleep");
        io::Write::write_all(&mut writer, b"frame").expect("there is room");
        assert!(wait(long) && wait(long) && wait(long));
    }

    #[test]
    fn a_wait_for_a_schedule_is_not_rounded_up_to_milliseconds() {
        let (quiet, _writer) = io::pipe().expect("a pipe");
        let stop = Stop::new().expect("a descriptor");
        let mut waiter = waiter(&quiet, &Rc::default(), &stop);
        // A busy machine may be late again and again, but not each time.
        let best = (0..500).map(|_| {
            let now = waiter.now();
            let exact = Some(now + Duration::from_micros(100));
            waiter.wait(now, Due { coarse: None, exact }).expect("it waits");
            waiter.now().saturating_duration_since(now)
        });
        assert!(best.min() < Some(Duration::from_millis(1)));
    }
}
