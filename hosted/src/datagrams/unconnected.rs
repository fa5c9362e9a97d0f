//! The operating system's UDP sockets, bound and not connected, for the cases of `check -u`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use echo_core::{Failure, Instant};
use echo_instruments::check::datagrams::{self, Unsent};
use echo_instruments::clock::Clock;
use echo_instruments::reason::reason;
use echo_instruments::stopwatch::Stopwatch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::Port;
use crate::sockets::failure;

/// Sockets by their numbers, and the clock.
pub struct Unconnected {
    sockets: Vec<Option<Port>>,
    /// Local addresses to send from: one of the family of the peer is used, if there is one.
    sources: Vec<IpAddr>,
    clock: Stopwatch,
}

impl Unconnected {
    /// No socket so far; all of them will send from one of these addresses.
    #[must_use]
    pub fn new(sources: Vec<IpAddr>) -> Self {
        Self { sockets: Vec::new(), sources, clock: Stopwatch::new(Clock::start()) }
    }

    fn bound(&self, peer: SocketAddr, port: u16) -> io::Result<Port> {
        let any: IpAddr = match peer {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let source = self.sources.iter().find(|source| source.is_ipv4() == peer.is_ipv4());
        let socket = Socket::new(Domain::for_address(peer), Type::DGRAM, Some(Protocol::UDP))?;
        if peer.is_ipv6() {
            // It may be asked for an IPv4-mapped address.
            socket.set_only_v6(false)?;
        }
        socket.bind(&SocketAddr::new(*source.unwrap_or(&any), port).into())?;
        socket.set_nonblocking(true)?;
        Port::of(socket, peer)
    }

    /// An open socket.
    ///
    /// # Panics
    ///
    /// If it is not open.
    fn port(&mut self, socket: usize) -> &mut Port {
        self.sockets.get_mut(socket).and_then(Option::as_mut).expect("it was opened before")
    }
}

impl datagrams::Unconnected for Unconnected {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn open(&mut self, socket: usize, peer: SocketAddr, port: Option<u16>) -> Result<(), String> {
        let bound = self.bound(peer, port.unwrap_or(0));
        let bound = bound.map_err(|error| reason(&error).to_string())?;
        if self.sockets.len() <= socket {
            self.sockets.resize_with(socket + 1, || None);
        }
        self.sockets[socket] = Some(bound);
        Ok(())
    }

    fn send(&mut self, socket: usize, to: SocketAddr, datagram: &[u8]) -> Result<(), Unsent> {
        self.port(socket).send(to, datagram).map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NOBUFS) => Unsent::Full,
            Some(Errno::MSGSIZE) => {
                let length = datagram.len();
                Unsent::Never(format!("this system sends no datagram of {length} bytes"))
            }
            _ => Unsent::Failed(failure(&error)),
        })
    }

    fn receive(
        &mut self,
        socket: usize,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, SocketAddr)>, Failure> {
        let received = self.port(socket).receive(buffer, false);
        let received = received.map_err(|report| failure(&report.errno.into()))?;
        Ok(received.and_then(|(length, from)| Some((length, from?))))
    }

    fn close(&mut self, socket: usize) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            *socket = None;
        }
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        if self.sockets.iter().flatten().any(Port::has_reports) {
            return Ok(());
        }
        let left = until.saturating_duration_since(self.clock.now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        let open = self.sockets.iter().flatten();
        let mut all: Vec<_> = open.map(|port| PollFd::new(port.socket(), PollFlags::IN)).collect();
        match poll(&mut all, Some(&left)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
