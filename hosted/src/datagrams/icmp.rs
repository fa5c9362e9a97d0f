//! What ICMP says of datagrams that were sent. Linux keeps it from a socket that is not connected, unless
//! that asks for it; other systems keep it in any case, and what was sent counts as lost there.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use echo_instruments::icmp::Icmp;
use rustix::io::Errno;

/// The most bytes of a datagram that are kept: enough to know it by.
const QUOTE: usize = 64;

/// A report on one datagram.
#[derive(Debug)]
pub(crate) struct Report {
    /// The system's error of it.
    pub(crate) errno: Errno,
    /// The ICMP message; none if the system itself has found a fault, or had no room for more than the error.
    pub(crate) icmp: Option<Icmp>,
    quote: [u8; QUOTE],
    quoted: usize,
}

impl Report {
    /// An error of which nothing else is known.
    pub(super) const fn bare(errno: Errno) -> Self {
        Self { errno, icmp: None, quote: [0; QUOTE], quoted: 0 }
    }

    /// The first bytes of the datagram: what the network quotes of it.
    pub(crate) fn quote(&self) -> &[u8] {
        &self.quote[..self.quoted]
    }
}

#[cfg(target_os = "linux")]
pub(super) use self::linux::{report, take};
#[cfg(not(target_os = "linux"))]
pub(super) use self::silent::{report, take};

#[cfg(target_os = "linux")]
mod linux {
    use std::io::IoSliceMut;
    use std::net::IpAddr;
    use std::os::fd::AsRawFd;

    use echo_instruments::target::canonical;
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, recvmsg, setsockopt, sockopt,
    };

    use super::*;

    /// Room for a report on an IPv6 datagram.
    const CONTROL: usize = 128;

    /// The origins of reports of ICMP (`SO_EE_ORIGIN_ICMP`, `SO_EE_ORIGIN_ICMP6`).
    const ORIGINS: [u8; 2] = [2, 3];

    /// Makes ICMP errors those of the socket, of whatever kind: that nobody listens there, or that there is no route.
    pub(in super::super) fn report(socket: &impl AsFd, peer: SocketAddr) -> io::Result<()> {
        if peer.is_ipv6() {
            setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
        }
        // What is sent to an IPv4-mapped address goes over IPv4.
        if canonical(peer).is_ipv4() {
            setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
        }
        Ok(())
    }

    /// Takes one report from the queue, where it counts as memory and keeps the socket from resting; the next one becomes
    /// the error of the socket.
    pub(in super::super) fn take(socket: impl AsFd) -> Option<Report> {
        let (mut quote, mut control) = ([0; QUOTE], [0; CONTROL]);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let descriptor = socket.as_fd().as_raw_fd();
        let into = &mut [IoSliceMut::new(&mut quote)];
        let message = recvmsg::<()>(descriptor, into, Some(&mut control), flags).ok()?;
        let quoted = message.bytes;
        let (what, by) = message.cmsgs().ok()?.find_map(|part| match part {
            ControlMessageOwned::Ipv4RecvErr(what, by) => {
                Some((what, by.map(|by| IpAddr::from(SockaddrIn::from(by).ip()))))
            }
            ControlMessageOwned::Ipv6RecvErr(what, by) => {
                Some((what, by.map(|by| IpAddr::from(SockaddrIn6::from(by).ip()).to_canonical())))
            }
            _ => None,
        })?;
        let by = by.filter(|_| ORIGINS.contains(&what.ee_origin));
        let icmp = by.map(|by| Icmp { by, kind: what.ee_type, code: what.ee_code });
        let errno = Errno::from_raw_os_error(what.ee_errno as i32);
        Some(Report { errno, icmp, quote, quoted })
    }
}

#[cfg(not(target_os = "linux"))]
mod silent {
    use super::*;

    pub(in super::super) fn report(_socket: &impl AsFd, _peer: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) fn take(_socket: impl AsFd) -> Option<Report> {
        None
    }
}
