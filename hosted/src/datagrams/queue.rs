//! The system's queue of sockets that have something to receive.
//!
//! It reports states and not changes: what is left in a socket is reported again, so that
//! nobody has to receive until there is nothing more.

use std::io;
use std::time::Duration;

use echo_instruments::timer::Timer;

use super::port::Port;

#[cfg(target_os = "linux")]
pub(super) use self::linux::Queue;
#[cfg(not(target_os = "linux"))]
pub(super) use self::portable::Queue;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;

    use rustix::buffer::spare_capacity;
    use rustix::event::Timespec;
    use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
    use rustix::io::Errno;

    use super::*;

    /// The most sockets that are reported at once.
    const AT_ONCE: usize = 1024;

    /// The number of the timer; no port has it.
    const TIMER: u64 = u64::MAX;

    pub(in super::super) struct Queue {
        epoll: OwnedFd,
        events: Vec<Event>,
        /// The timer that wakes exactly at the instant of a schedule.
        timer: Option<Timer>,
        /// Ports that are not in the queue: as long as only one is waited for, nobody needs it.
        /// None once somebody did; what comes first must also be told first from then on.
        unwatched: Option<Vec<usize>>,
    }

    impl Queue {
        /// A queue, whose waits are exact if they are `timed`.
        pub(in super::super) fn new(timed: bool) -> io::Result<Self> {
            let epoll = epoll::create(CreateFlags::CLOEXEC)?;
            let timer = timed.then(Timer::new).transpose()?;
            if let Some(timer) = &timer {
                epoll::add(&epoll, timer, EventData::new_u64(TIMER), EventFlags::IN)?;
            }
            let events = Vec::with_capacity(AT_ONCE);
            Ok(Self { epoll, events, timer, unwatched: Some(Vec::new()) })
        }

        /// Takes in a port that was opened. One that is closed leaves the queue by itself.
        pub(in super::super) fn add(&mut self, number: usize, port: &Port) -> io::Result<()> {
            match &mut self.unwatched {
                Some(unwatched) => unwatched.push(number),
                None => self.watch(number, port)?,
            }
            Ok(())
        }

        fn watch(&self, number: usize, port: &Port) -> io::Result<()> {
            let number = EventData::new_u64(number as u64);
            Ok(epoll::add(&self.epoll, port.socket(), number, EventFlags::IN)?)
        }

        /// Waits for ports that have something to receive, for this long at most.
        pub(in super::super) fn wait(
            &mut self,
            ports: &[Option<Port>],
            wait: Duration,
            ready: &mut Vec<usize>,
        ) -> io::Result<()> {
            let mut unwatched = self.unwatched.take().unwrap_or_default();
            // One may have been closed and opened again.
            unwatched.sort_unstable();
            unwatched.dedup();
            for number in unwatched {
                if let Some(port) = &ports[number] {
                    self.watch(number, port)?;
                }
            }
            if let Some(timer) = &self.timer
                && !wait.is_zero()
            {
                timer.set(wait)?;
            }
            let wait = Timespec::try_from(wait).ok();
            self.events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut self.events), wait.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let ports = self.events.iter().map(|event| event.data.u64());
            ready.extend(ports.filter(|port| *port != TIMER).map(|port| port as usize));
            Ok(())
        }
    }
}

/// Other systems are asked about each port.
#[cfg(not(target_os = "linux"))]
mod portable {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    use super::*;

    pub(in super::super) struct Queue;

    impl Queue {
        pub(in super::super) fn new(_timed: bool) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in super::super) fn add(&mut self, _number: usize, _port: &Port) -> io::Result<()> {
            Ok(())
        }

        pub(in super::super) fn wait(
            &mut self,
            ports: &[Option<Port>],
            wait: Duration,
            ready: &mut Vec<usize>,
        ) -> io::Result<()> {
            let open = ports.iter().enumerate();
            let open = open.filter_map(|(number, port)| Some((number, port.as_ref()?)));
            let watched =
                open.map(|(number, port)| (number, PollFd::new(port.socket(), PollFlags::IN)));
            let (numbers, mut watched): (Vec<_>, Vec<_>) = watched.unzip();
            let wait = Timespec::try_from(wait).ok();
            match poll(&mut watched, wait.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let reported = numbers.into_iter().zip(watched);
            ready.extend(reported.filter(|(_, port)| !port.revents().is_empty()).map(|(it, _)| it));
            Ok(())
        }
    }
}
