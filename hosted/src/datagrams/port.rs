//! One local port: a socket that hears from everybody.
//!
//! It is not connected. A connected one would be some 90 ns a round trip faster, but
//! the system would throw away what comes from another address, which is what a server does whose
//! answers leave from the wrong one.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
use socket2::{Domain, Protocol, Socket, Type};

use super::icmp::{self, Report};

/// The buffer that is asked of the system; it gives as much as it allows (on Linux net.core.rmem_max).
const BUFFER: usize = 4 << 20;

pub(crate) struct Port {
    socket: Socket,
    /// Whether an echo is expected here: something was sent, and nothing has come since.
    pub(super) expects: bool,
    /// What came to light when something else was sent.
    reports: VecDeque<Report>,
}

impl Port {
    /// A local port from which datagrams go to `peer`; it receives for no longer than `slice` if it
    /// may wait for what comes.
    pub(crate) fn open(
        peer: SocketAddr,
        source: Option<IpAddr>,
        slice: Option<Duration>,
    ) -> io::Result<Self> {
        let unspecified = match peer {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        let local = SocketAddr::from((source.unwrap_or(unspecified), 0));
        let mut itself = None;
        let socket = loop {
            let socket = Socket::new(Domain::for_address(peer), Type::DGRAM, Some(Protocol::UDP))?;
            socket.bind(&local.into())?;
            // On this machine it may be the very port that is sent to, which would answer perfectly.
            let local = socket.local_addr()?.as_socket();
            if local.is_none_or(|local| local.port() != peer.port()) {
                break socket;
            }
            // As long as it is there, the next one is another.
            itself = Some(socket);
        };
        drop(itself);
        let _ = socket.set_recv_buffer_size(BUFFER);
        // A send may have to wait for room; it must not do so for ever.
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_read_timeout(slice)?;
        Self::of(socket, peer)
    }

    /// A socket that is bound, and hears what ICMP says of datagrams to `peer`.
    pub(super) fn of(socket: Socket, peer: SocketAddr) -> io::Result<Self> {
        icmp::report(&socket, peer)?;
        Ok(Self { socket, expects: false, reports: VecDeque::new() })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether there are reports to be received, of which the system does not know any more.
    pub(super) fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Sends a datagram.
    pub(crate) fn send(&mut self, peer: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let mut tries = TRIES;
        loop {
            let error = match sendto(&self.socket, datagram, SendFlags::empty(), &peer) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => continue,
                // The device was not ready for so long.
                Err(Errno::AGAIN) => return Err(Errno::NOBUFS.into()),
                Err(error) => error,
            };
            tries -= 1;
            if !self.is_told(error) || tries == 0 {
                return Err(error.into());
            }
        }
    }

    /// Takes all reports. Whether the error is that of one of them, or of one for which there was no room: the system
    /// reports what became of something that was sent before, instead of sending.
    fn is_told(&mut self, error: Errno) -> bool {
        let (mut any, mut told) = (false, false);
        while let Some(report) = icmp::take(&self.socket) {
            any = true;
            told |= report.errno == error && report.icmp.is_some();
            if !is_loss(report.errno) {
                self.reports.push_back(report);
            }
        }
        told || !any
    }

    /// Receives what has arrived, or waits for it. Returns its whole length, and who sent it.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        wait: bool,
    ) -> Result<Option<(usize, Option<SocketAddr>)>, Report> {
        if let Some(report) = self.reports.pop_front() {
            return Err(report);
        }
        let wait = if wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        match recvfrom(&self.socket, buffer, wait | RecvFlags::TRUNC) {
            Ok((_, length, from)) => {
                Ok(Some((length, from.and_then(|from| SocketAddr::try_from(from).ok()))))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => {
                let report = icmp::take(&self.socket).unwrap_or(Report::bare(error));
                if is_loss(report.errno) { Ok(None) } else { Err(report) }
            }
        }
    }
}

/// Whether it only says that a datagram was too long for its path. The system has learnt that, and sends in shorter
/// fragments from now on; the one before is lost, as by any other whim of the network.
fn is_loss(error: Errno) -> bool {
    error == Errno::MSGSIZE
}

/// How often a datagram is tried to be sent while each try only tells of others.
const TRIES: u32 = 3;

/// How long a send may wait for room in the buffer of the device.
const PATIENCE: Duration = Duration::from_millis(100);
