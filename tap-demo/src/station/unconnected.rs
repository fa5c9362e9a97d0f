//! smoltcp behind the interface as [sockets](datagrams::Unconnected) for the cases of `check -u`.

use std::io;
use std::net::SocketAddr;

use echo_core::{Failure, Instant};
use echo_instruments::check::datagrams::{self, Unsent};
use echo_instruments::clock::Clock;
use echo_instruments::stopwatch::Stopwatch;
use echo_smoltcp::Courier;
use echo_smoltcp::smoltcp::phy::Device;

use super::FAREWELL;
use super::post::exchange;
use crate::addressing;
use crate::plan::Line;
use crate::wait::{Due, Waiter};

/// Ports of this stack, and the clock.
pub(crate) struct Unconnected<'c, 'a, D> {
    courier: Courier<'c, 'a>,
    line: &'c Line,
    device: D,
    waiter: Waiter,
    clock: Stopwatch,
}

impl<'c, 'a, D: Device> Unconnected<'c, 'a, D> {
    /// The mailboxes of `courier` are the sockets.
    pub(crate) fn new(courier: Courier<'c, 'a>, line: &'c Line, device: D, waiter: Waiter) -> Self {
        Self { courier, line, device, waiter, clock: Stopwatch::new(Clock::start()) }
    }

    /// What became of frames.
    pub(crate) const fn waiter(&self) -> &Waiter {
        &self.waiter
    }

    fn exchange(&mut self, until: Instant) -> io::Result<()> {
        let now = self.waiter.now();
        let end = now + until.saturating_duration_since(self.clock.now());
        let due = Due { coarse: Some(end), exact: None };
        exchange(&mut self.courier, &mut self.device, &mut self.waiter, now, due)
    }
}

impl<D: Device> datagrams::Unconnected for Unconnected<'_, '_, D> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn open(&mut self, socket: usize, peer: SocketAddr, port: Option<u16>) -> Result<(), String> {
        let unreachable = match peer {
            SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
                Some("smoltcp has no IPv4-mapped addresses".into())
            }
            _ => addressing::unreachable(self.line, peer.ip().into()).map(|why| why.to_string()),
        };
        unreachable.map_or(Ok(()), Err)?;
        self.courier.open(socket, port).map_err(|_| "another socket has it".into())
    }

    fn send(&mut self, socket: usize, to: SocketAddr, datagram: &[u8]) -> Result<(), Unsent> {
        let now = self.waiter.now();
        match self.courier.send(socket, to.into(), datagram, now, &mut self.device) {
            Ok(()) => Ok(()),
            Err(Failure::Full) => Err(Unsent::Full),
            Err(Failure::TooLong) => {
                let length = datagram.len();
                Err(Unsent::Never(format!("this stack sends no datagram of {length} bytes there")))
            }
            Err(failure) => Err(Unsent::Failed(failure)),
        }
    }

    fn receive(
        &mut self,
        socket: usize,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, SocketAddr)>, Failure> {
        let taken = self.courier.take(socket).map_err(|undelivered| undelivered.failure)?;
        let Some((bytes, from)) = taken else { return Ok(None) };
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(Some((bytes.len(), SocketAddr::new(from.addr.into(), from.port))))
    }

    fn close(&mut self, socket: usize) {
        let until = self.clock.now() + FAREWELL;
        // What waits for its next hop would be lost. Where nobody answers, it is all the same.
        while self.courier.holds(socket) && self.clock.now() < until {
            if self.exchange(until).is_err() {
                break;
            }
        }
        self.courier.close(socket);
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        self.exchange(until)
    }
}
