//! The operating system's UDP: as [`Datagrams`] to measure over, and as [`Unconnected`] sockets for `check -u`.

mod icmp;
mod port;
mod queue;
mod unconnected;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::{io, mem};

use anyhow::{Context, Result};
use echo_core::{Failure, Instant};
use echo_instruments::clock::Clock;
use echo_instruments::datagrams::{self, Datagrams, Received};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::stack::{Busy, Driver, Stops};
use echo_instruments::stopwatch::Stopwatch;
use rustix::io::Errno;

pub(crate) use self::icmp::Report;
pub(crate) use self::port::Port;
use self::queue::Queue;
pub use self::unconnected::Unconnected;
use crate::drops;
use crate::patience::{Patience, Way, is_readable};
use crate::sockets::{CANNOT_WAIT, failure};

/// How often to look at all ports while only one is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// Local ports from which datagrams go to one address.
pub struct UdpSockets {
    peer: SocketAddr,
    /// Local addresses of the same family, from which ports send in turn; the system chooses if
    /// there are none.
    sources: Vec<IpAddr>,
    ports: Vec<Option<Port>>,
    /// The number of ports that are open, and of those at which an echo is expected.
    open: usize,
    expecting: usize,
    /// The port that sent last.
    last: usize,
    /// What was dropped at ports that are closed.
    dropped: u64,
    /// Ports that have a report to be received.
    again: Vec<usize>,
    /// Whether the next receive waits for what comes.
    waits: bool,
    /// When to look at all ports again, and how many datagrams were sent since that was done last.
    look: Instant,
    unlooked: usize,
    patience: Patience,
    queue: Queue,
    clock: Stopwatch,
    errno: Option<Errno>,
}

impl UdpSockets {
    /// Ports from which datagrams of `plan` go to `peer`, each from the next of these local addresses.
    ///
    /// # Errors
    ///
    /// If the system has no way to wait for sockets.
    pub fn new(plan: &Plan, peer: SocketAddr, sources: Vec<IpAddr>) -> Result<Self> {
        // A schedule that waits for no echo must not wait inside the receiving of one.
        let one = plan.connections == 1 && !matches!(plan.pace, Pace::Rate(_));
        Ok(Self {
            peer,
            sources,
            ports: Vec::new(),
            open: 0,
            expecting: 0,
            last: 0,
            dropped: 0,
            again: Vec::new(),
            waits: false,
            look: Instant::START,
            unlooked: 0,
            patience: Patience::new(plan, one),
            queue: Queue::new(plan.pace != Pace::Closed).context(CANNOT_WAIT)?,
            clock: Stopwatch::new(Clock::start()),
            errno: None,
        })
    }

    /// The port, which is opened if it is not open.
    fn port(&mut self, number: usize) -> io::Result<&mut Port> {
        if self.ports.len() <= number {
            self.ports.resize_with(number + 1, || None);
        }
        if self.ports[number].is_none() {
            let source = number.checked_rem(self.sources.len()).map(|turn| self.sources[turn]);
            let port = Port::open(self.peer, source, self.patience.inside())?;
            self.queue.add(number, &port)?;
            self.ports[number] = Some(port);
            self.open += 1;
        }
        self.ports[number].as_mut().ok_or_else(|| Errno::BADF.into())
    }

    /// The only port at which an echo is expected, if it is the one that sent last.
    fn only(&self, busy: Busy) -> Option<&Port> {
        let last = self.ports.get(self.last)?.as_ref()?;
        (busy.messages > 0 && self.expecting == 1 && last.expects).then_some(last)
    }

    fn failure(&mut self, error: &io::Error) -> Failure {
        self.errno = Errno::from_io_error(error);
        failure(error)
    }
}

impl Driver for UdpSockets {
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
        if !self.again.is_empty() {
            ready.append(&mut self.again);
            return Ok(now);
        }
        let only = self.only(busy);
        let wait = match (self.patience.way(only.is_some(), now, until, busy), only) {
            (Way::All(wait), _) => wait,
            // Whatever has come to others is only counted, but not left where there is no more room, nor until their
            // turn comes again: there it would pass for the echo of what they send next.
            _ if self.open > 1 && (now >= self.look || 2 * self.unlooked >= self.open) => {
                Duration::ZERO
            }
            (Way::Exactly(wait), Some(port)) => {
                if is_readable(port.socket(), wait)? {
                    ready.push(self.last);
                }
                return Ok(self.now());
            }
            // The loop reads the clock after it anyway.
            (way, _) => {
                self.waits = way == Way::Inside;
                ready.push(self.last);
                return Ok(now);
            }
        };
        self.queue.wait(&self.ports, wait, ready)?;
        (self.look, self.unlooked) = (now + LOOK, 0);
        if !ready.is_empty() {
            self.patience.note(now);
        }
        Ok(self.now())
    }

    fn errno(&self) -> Option<Errno> {
        self.errno
    }

    fn dropped(&self) -> Option<u64> {
        let open = self.ports.iter().flatten().map(|port| drops::read(port.socket()));
        open.sum::<Option<u64>>().map(|open| open + self.dropped)
    }
}

impl Datagrams for UdpSockets {
    fn send(&mut self, port: usize, datagram: &[u8]) -> Result<(), Failure> {
        let peer = self.peer;
        let it = match self.port(port) {
            Ok(it) => it,
            Err(error) => return Err(self.failure(&error)),
        };
        let had_reports = it.has_reports();
        let sent = it.send(peer, datagram);
        let reports = it.has_reports() && !had_reports;
        let expected = sent.is_err() || mem::replace(&mut it.expects, true);
        if reports {
            self.again.push(port);
        }
        sent.map_err(|error| match (self.failure(&error), self.errno) {
            (_, Some(Errno::MSGSIZE)) => Failure::TooLong,
            (_, Some(Errno::NOBUFS)) => Failure::Full,
            (failure, _) => failure,
        })?;
        self.expecting += usize::from(!expected);
        self.last = port;
        self.unlooked += 1;
        Ok(())
    }

    fn receive(
        &mut self,
        port: usize,
        buffer: &mut [u8],
    ) -> Result<Option<Received>, datagrams::Report> {
        let waits = mem::take(&mut self.waits);
        let Some(it) = self.ports.get_mut(port).and_then(Option::as_mut) else { return Ok(None) };
        let received = it.receive(buffer, waits).map(|received| {
            let (length, from) = received?;
            Some(Received { length, from_peer: from == Some(self.peer) })
        });
        if !matches!(received, Ok(None | Some(Received { from_peer: false, .. }))) {
            self.expecting -= usize::from(mem::take(&mut it.expects));
        }
        if it.has_reports() {
            self.again.push(port);
        }
        received.map_err(|report| {
            let quote = report.quote();
            let quoted = quote.len().min(buffer.len());
            buffer[..quoted].copy_from_slice(&quote[..quoted]);
            datagrams::Report {
                failure: self.failure(&report.errno.into()),
                icmp: report.icmp,
                quoted,
            }
        })
    }

    fn close(&mut self, port: usize) {
        if let Some(it) = self.ports.get_mut(port).and_then(Option::take) {
            self.expecting -= usize::from(it.expects);
            self.dropped += drops::read(it.socket()).unwrap_or_default();
            self.open -= 1;
        }
    }
}
