//! A socket at which datagrams arrive, as it is prepared for that, and what it has dropped.

use std::io;
use std::mem::replace;
use std::net::{SocketAddr, UdpSocket};

use echo_core::datagram::HOPS;
use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use socket2::SockRef;

use crate::drops;

/// The size that is asked for each buffer of a socket. The system cuts it to what it allows.
const BUFFER: usize = 8 << 20;

pub(super) struct Socket {
    pub(super) socket: UdpSocket,
    /// Where it is bound.
    pub(super) address: SocketAddr,
    /// Whether something may have arrived: the system reports only changes.
    pub(super) readable: bool,
    /// How many had found no room in its buffer when that was last asked.
    dropped: u64,
}

impl Socket {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let address = socket.local_addr()?;
        prepare(&socket, address)?;
        // Whoever had it before has counted what was dropped until now.
        let dropped = drops::read(&socket).unwrap_or_default();
        Ok(Self { socket, address, readable: false, dropped })
    }

    /// Whether the system knows messages of several datagrams (Linux from 4.18 on).
    pub(super) fn sends_together(&self) -> bool {
        getsockopt(&self.socket, sockopt::UdpGsoSegment).is_ok()
    }

    /// Is passed over from now on: connected to itself, it hears nobody else. What comes goes to
    /// another socket if the port is shared, and is refused otherwise; what has arrived is still there.
    pub(super) fn retire(&self) {
        // Some of what comes last is lost if it cannot.
        let _ = self.socket.connect(self.address);
    }

    /// How many have found no room in its buffer since that was last asked.
    pub(super) fn dropped_since(&mut self) -> u64 {
        let now = drops::read(&self.socket).unwrap_or_default();
        now.saturating_sub(replace(&mut self.dropped, now))
    }
}

/// Has the system tell the hop limit of what arrives, and which address was asked unless there is
/// one only; and marks what leaves as an answer.
fn prepare(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
    let options = SockRef::from(socket);
    // As much as is allowed is enough.
    let _ = options.set_recv_buffer_size(BUFFER);
    let _ = options.set_send_buffer_size(BUFFER);
    let any = address.ip().is_unspecified();
    if address.is_ipv6() {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &any)?;
        setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)?;
        options.set_unicast_hops_v6(HOPS.into())?;
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &any)?;
    }
    if address.is_ipv4() || any {
        setsockopt(socket, sockopt::Ipv4RecvTtl, &true)?;
        options.set_ttl_v4(HOPS.into())?;
    }
    Ok(())
}
