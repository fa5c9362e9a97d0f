//! The address from which an answer leaves, as the kernel is told.

use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr::{from_mut, null_mut};

use libc::{c_int, cmsghdr, in_pktinfo, in6_pktinfo, msghdr};

/// The address from which an answer leaves.
pub(super) enum Source {
    /// The one to which the socket is bound.
    Bound,
    V4(Part<in_pktinfo>),
    V6(Part<in6_pktinfo>),
}

/// A control message. At just its length the kernel needs no memory for it; rounded up, as
/// `CMSG_SPACE` does it, that of IPv6 would cost an allocation for each answer.
#[repr(C)]
pub(super) struct Part<T> {
    header: cmsghdr,
    info: T,
}

impl Source {
    /// The address that was asked. Its interface belongs to it if it has a meaning on that link
    /// only; any other answer takes the route that leads to the peer.
    ///
    /// What was sent to all hosts of a network would leave from the one that this host has there, as the
    /// system proposes, if it were not for the next line: one forged source would get the answers of many.
    pub(super) fn v4(mut info: in_pktinfo) -> Self {
        info.ipi_spec_dst = info.ipi_addr;
        if !v4(info.ipi_addr.s_addr).is_link_local() {
            info.ipi_ifindex = 0;
        }
        Self::V4(Part::new(libc::IPPROTO_IP, libc::IP_PKTINFO, info))
    }

    /// As of [`v4`](Self::v4).
    pub(super) fn v6(mut info: in6_pktinfo) -> Self {
        let asked = match Ipv6Addr::from(info.ipi6_addr.s6_addr).to_canonical() {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        if !asked {
            info.ipi6_ifindex = 0;
        }
        Self::V6(Part::new(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info))
    }

    /// Has the kernel told of it together with a message. It must stay where it is until that is sent.
    pub(super) const fn tell(&mut self, message: &mut msghdr) {
        let (control, length) = match self {
            Self::Bound => (null_mut(), 0),
            Self::V4(part) => (from_mut(part).cast(), part.header.cmsg_len),
            Self::V6(part) => (from_mut(part).cast(), part.header.cmsg_len),
        };
        (message.msg_control, message.msg_controllen) = (control, length);
    }
}

impl<T> Part<T> {
    fn new(level: c_int, kind: c_int, info: T) -> Self {
        // SAFETY: it consists of integers.
        let mut header: cmsghdr = unsafe { zeroed() };
        // SAFETY: it only calculates.
        header.cmsg_len = unsafe { libc::CMSG_LEN(size_of::<T>() as _) } as _;
        (header.cmsg_level, header.cmsg_type) = (level, kind);
        Self { header, info }
    }
}

/// An IPv4 address, whose bytes are in the order of the network.
pub(super) fn v4(address: u32) -> Ipv4Addr {
    address.to_ne_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over loopback the route is the same with an interface and without one.
    #[test]
    fn an_answer_is_bound_to_the_link_only_if_its_source_is() {
        for (asked, kept) in [("169.254.1.7", true), ("10.0.0.7", false), ("127.0.0.1", false)] {
            let asked: Ipv4Addr = asked.parse().expect("an address");
            let address = libc::in_addr { s_addr: u32::from_ne_bytes(asked.octets()) };
            let info = in_pktinfo { ipi_ifindex: 3, ipi_spec_dst: address, ipi_addr: address };
            let Source::V4(part) = Source::v4(info) else { panic!("of IPv4") };
            assert_eq!(part.info.ipi_ifindex == 3, kept, "{asked}");
        }
        for (asked, kept) in [
            ("fe80::7", true),
            ("::ffff:169.254.1.7", true),
            ("fd00::7", false),
            ("::1", false),
            ("::ffff:10.0.0.7", false),
        ] {
            let asked: Ipv6Addr = asked.parse().expect("an address");
            let address = libc::in6_addr { s6_addr: asked.octets() };
            let info = in6_pktinfo { ipi6_addr: address, ipi6_ifindex: 3 };
            let Source::V6(part) = Source::v6(info) else { panic!("of IPv6") };
            assert_eq!(part.info.ipi6_ifindex == 3, kept, "{asked}");
        }
    }
}
