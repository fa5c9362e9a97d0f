//! smoltcp behind the interface as [`Datagrams`] to measure over.

use std::io;
use std::net::SocketAddr;

use echo_core::{Failure, Instant};
use echo_instruments::clock::Clock;
use echo_instruments::datagrams::{Datagrams, Received, Report};
use echo_instruments::icmp::Icmp;
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::stack::{Busy, Driver, Stops};
use echo_instruments::stopwatch::Stopwatch;
use echo_smoltcp::smoltcp::phy::Device;
use echo_smoltcp::smoltcp::wire::IpEndpoint;
use echo_smoltcp::{Courier, Undelivered};

use super::{PATIENCE, PIECE};
use crate::wait::{Due, Waiter};

/// Datagrams from this stack to one echo server.
pub(crate) struct Post<'c, 'a, D> {
    courier: Courier<'c, 'a>,
    server: IpEndpoint,
    device: D,
    waiter: Waiter,
    clock: Stopwatch,
    /// Ports at which something may be left.
    unread: Vec<usize>,
    /// Whether messages follow a schedule, which a wait must not overrun.
    exact: bool,
}

impl<'c, 'a, D: Device> Post<'c, 'a, D> {
    /// The mailboxes of `courier` are the ports that `plan` needs.
    pub(crate) fn new(
        plan: &Plan,
        courier: Courier<'c, 'a>,
        server: SocketAddr,
        device: D,
        waiter: Waiter,
    ) -> Self {
        let unread = Vec::with_capacity(plan.links());
        let (clock, exact) = (Stopwatch::new(Clock::start()), plan.pace != Pace::Closed);
        let server = server.into();
        Self { courier, server, device, waiter, clock, unread, exact }
    }

    /// What became of frames.
    pub(crate) const fn waiter(&self) -> &Waiter {
        &self.waiter
    }

    fn exchange(&mut self, now: Instant, due: Due) -> io::Result<()> {
        exchange(&mut self.courier, &mut self.device, &mut self.waiter, now, due)
    }
}

/// Waits for frames, takes them in, and sends what had to wait.
pub(super) fn exchange(
    courier: &mut Courier<'_, '_>,
    device: &mut impl Device,
    waiter: &mut Waiter,
    now: Instant,
    due: Due,
) -> io::Result<()> {
    // An answer to ARP may have been lost.
    let again = courier.waits().then(|| now + PIECE);
    let coarse = [due.coarse, again].into_iter().flatten().min();
    waiter.wait(now, Due { coarse, ..due })?;
    courier.receive(waiter.now(), device);
    waiter.check()
}

impl<D: Device> Driver for Post<'_, '_, D> {
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
        let wire = self.waiter.now();
        if self.unread.is_empty() {
            self.waiter.stir(wire, now.saturating_duration_since(busy.since));
            let until = Some(wire + until.saturating_duration_since(now));
            let (coarse, exact) = if self.exact { (None, until) } else { (until, None) };
            self.exchange(wire, Due { coarse, exact })?;
            self.unread.extend_from_slice(self.courier.touched());
        }
        ready.extend_from_slice(&self.unread);
        Ok(self.now())
    }
}

impl<D: Device> Datagrams for Post<'_, '_, D> {
    fn send(&mut self, port: usize, datagram: &[u8]) -> Result<(), Failure> {
        self.courier.send(port, self.server, datagram, self.waiter.now(), &mut self.device)
    }

    fn receive(&mut self, port: usize, buffer: &mut [u8]) -> Result<Option<Received>, Report> {
        let (bytes, from) = match self.courier.take(port) {
            Ok(Some(taken)) => taken,
            Ok(None) => {
                self.unread.retain(|unread| *unread != port);
                return Ok(None);
            }
            Err(undelivered) => {
                let Undelivered { failure, by, kind, code, .. } = undelivered;
                let quote = undelivered.quote();
                let quoted = quote.len().min(buffer.len());
                buffer[..quoted].copy_from_slice(&quote[..quoted]);
                let icmp = Some(Icmp { by: by.into(), kind, code });
                return Err(Report { failure, icmp, quoted });
            }
        };
        let fits = bytes.len().min(buffer.len());
        buffer[..fits].copy_from_slice(&bytes[..fits]);
        Ok(Some(Received { length: bytes.len(), from_peer: from == self.server }))
    }

    fn close(&mut self, port: usize) {
        self.courier.close(port);
        self.unread.retain(|unread| *unread != port);
    }

    /// Waits until somebody has said where the server's frames go. Nobody may: then the messages are
    /// lost, which is measured.
    fn settle(&mut self) -> io::Result<()> {
        let until = self.waiter.now() + PATIENCE;
        loop {
            let now = self.waiter.now();
            if self.courier.reaches(self.server.addr, now, &mut self.device) || now >= until {
                return Ok(());
            }
            self.exchange(now, Due { coarse: Some(until.min(now + PIECE)), exact: None })?;
        }
    }
}
