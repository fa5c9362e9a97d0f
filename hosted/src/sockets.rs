//! The operating system's TCP as a [`Stack`] to measure over.

mod failure;
mod link;
mod placement;
#[cfg(target_os = "linux")]
mod stamps;
mod wait;

use std::io;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use echo_core::script::Wish;
use echo_core::{Endpoint, Failure, Instant};
use echo_instruments::clock::Clock;
use echo_instruments::load::{self, Observer};
use echo_instruments::measurement::Measurement;
use echo_instruments::plan::Plan;
use echo_instruments::ports::Ports;
use echo_instruments::signals::Stop;
use echo_instruments::stack::{
    Busy, Driver, Kernel, Moved, Passage, Placement, Stack, Stops, Unasked,
};
use echo_instruments::stopwatch::Stopwatch;
use rustix::io::Errno;

pub(crate) use self::failure::failure;
use self::link::Link;
use self::wait::Wait;
use crate::address::Opened;
use crate::pump::Pumped;

/// The most bytes read at once.
const SCRATCH: usize = 64 << 10;

/// Connections to one address.
pub struct Sockets {
    address: SocketAddr,
    /// Local addresses of the same family, from which connections come in turn; the system
    /// chooses if there are none.
    sources: Vec<IpAddr>,
    /// A connection that is open already, for the first link.
    first: Option<Opened>,
    links: Vec<Link>,
    wait: Wait,
    clock: Stopwatch,
    scratch: Vec<u8>,
    /// The number of stops of the clock when the system last reported on links.
    heard: u64,
    errno: Option<Errno>,
    /// Keeps the kernel's time stamps on.
    #[cfg(target_os = "linux")]
    _keeper: Option<socket2::Socket>,
}

/// Carries out `plan` against the peer of `first`, which becomes the first connection, until the
/// plan says so or `stop` is requested. With a connection per message it is the first message's.
///
/// # Errors
///
/// If the connection is lost at once, or the system has no way to wait for sockets. What goes
/// wrong with messages is in the measurement.
pub fn measure(
    plan: &Plan,
    first: impl Into<Opened>,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> Result<Measurement> {
    let mut sockets = Sockets::new(plan, first.into())?;
    load::run(plan, &mut sockets, stop, observer).context(CANNOT_WAIT)
}

/// The context of an error of what `--where` needs.
#[cfg(target_os = "linux")]
const CANNOT_STAMP: &str = "cannot have the kernel take the time (--where)";

/// The context of an error of waiting.
pub(crate) const CANNOT_WAIT: &str = "cannot wait for sockets";

impl Sockets {
    /// As many connections as `plan` needs, to the peer of `first`. The clock starts when that began to open.
    ///
    /// # Errors
    ///
    /// If the connection is lost at once, or the system has no way to wait for sockets.
    pub fn new(plan: &Plan, first: Opened) -> Result<Self> {
        Ok(Self {
            address: first.stream.peer_addr().context("the connection was lost at once")?,
            sources: Vec::new(),
            links: (0..plan.connections.max(1)).map(|_| Link::closed(plan.reset)).collect(),
            wait: Wait::new(plan).context(CANNOT_WAIT)?,
            clock: Stopwatch::new(Clock::started(first.took)),
            first: Some(first),
            scratch: vec![0; SCRATCH],
            heard: 0,
            errno: None,
            #[cfg(target_os = "linux")]
            _keeper: plan.follows.then(stamps::keep).transpose().context(CANNOT_STAMP)?,
        })
    }

    /// The same connections, but the next ones come from these addresses in turn.
    #[must_use]
    pub(crate) fn from(self, sources: Vec<IpAddr>) -> Self {
        Self { sources, ..self }
    }

    /// The local address of the next connection of a link, if one is set.
    fn source(&self, link: usize) -> Option<IpAddr> {
        let turn = (link + self.links[link].opened()).checked_rem(self.sources.len())?;
        self.sources.get(turn).copied()
    }

    fn move_bytes<E: Endpoint>(
        &mut self,
        link: usize,
        endpoint: &mut E,
        now: Instant,
    ) -> io::Result<Moved> {
        let it = &mut self.links[link];
        let moved = it.look(&self.wait)?;
        if moved == Moved::Done
            && it.pump(endpoint, &mut self.scratch, now, &self.clock)? == Pumped::More
        {
            self.wait.again(link);
        }
        Ok(moved)
    }

    fn failure(&mut self, error: &io::Error) -> Failure {
        self.errno = Errno::from_io_error(error);
        failure(error)
    }
}

impl Driver for Sockets {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn stops(&self) -> Stops {
        self.clock.stops()
    }

    fn wait(
        &mut self,
        now: Instant,
        until: Instant,
        busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<Instant> {
        // A process is stopped when it comes back from a wait: with what was so before.
        self.heard = self.stops().times;
        let over = self.wait.ready(&mut self.links, now, until, busy, ready)?;
        Ok(if over { self.now() } else { now })
    }

    fn follow(&mut self, link: usize, bytes: u64) -> Result<(), String> {
        self.links[link].follow(bytes, &self.clock)
    }

    fn followed(&mut self, link: usize) -> Option<Passage> {
        self.links[link].followed()
    }

    fn kernel(&self, link: usize) -> Option<Kernel> {
        self.links[link].kernel()
    }

    fn placement(&self, link: usize) -> Option<Placement> {
        placement::placement(self.links[link].stream()?)
    }

    fn errno(&self) -> Option<Errno> {
        self.errno
    }

    fn ports(&self) -> Option<Ports> {
        Ports::read()
    }
}

impl Stack for Sockets {
    fn open(&mut self, link: usize) -> Result<Instant, Failure> {
        let now = self.now();
        let first = if link == 0 { self.first.take() } else { None };
        let since = first.as_ref().map_or(now, |first| now.saturating_sub(first.took));
        let source = self.source(link);
        let it = &mut self.links[link];
        let opening = match first {
            Some(Opened { stream, .. }) => it.adopt(stream),
            None => it.open(self.address, source),
        };
        let opening = opening.and_then(|()| self.wait.watch(it, link));
        opening.map_err(|error| self.failure(&error))?;
        Ok(since)
    }

    fn pump<E: Endpoint>(
        &mut self,
        link: usize,
        endpoint: &mut E,
        now: Instant,
    ) -> Result<Moved, Failure> {
        let moved = self.move_bytes(link, endpoint, now);
        let moved = moved.map_err(|error| self.failure(&error))?;
        if moved == Moved::Opening {
            endpoint.handle_timeout(now);
        }
        Ok(moved)
    }

    fn unasked(&mut self, link: usize) -> Option<Unasked> {
        // What the system reported before a stop says nothing about what came meanwhile.
        let told = self.wait.is_watching() && self.heard == self.stops().times;
        self.links[link].unasked(&mut self.scratch, told)
    }

    fn close(&mut self, link: usize) {
        self.links[link].close();
    }

    fn grant(&mut self, link: usize, wish: Wish) -> Result<bool, Failure> {
        let granted = self.links[link].grant(wish);
        granted.map_err(|error| self.failure(&error))
    }
}
