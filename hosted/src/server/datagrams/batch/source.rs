//! What the kernel is told of an answer beside its bytes: the address from which it leaves, and how
//! long each is if it is several.

use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr::{from_mut, null_mut};

use libc::{c_int, cmsghdr, in_pktinfo, in6_pktinfo, msghdr};

/// The address from which an answer leaves, after the length for which there is room if several
/// answers are one message.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Source {
    length: Part<u16>,
    /// The address that was asked, in as many words as that of IPv6 and its interface take; without a
    /// length if it is the one to which the socket is bound.
    asked: Part<[u32; 5]>,
}

/// A control message. At just its length the kernel needs no memory for one alone; rounded up, as
/// `CMSG_SPACE` does it, that of IPv6 would cost an allocation for each answer.
#[derive(Clone, Copy)]
#[repr(C)]
struct Part<T> {
    header: cmsghdr,
    info: T,
}

impl Source {
    /// The address to which the socket is bound.
    pub(super) fn bound() -> Self {
        let length = Part::new(libc::SOL_UDP, libc::UDP_SEGMENT, size_of::<u16>(), 0);
        Self { length, asked: Part::new(0, 0, 0, [0; 5]) }
    }

    /// The address that was asked. Its interface belongs to it if it has a meaning on that link
    /// only; any other answer takes the route that leads to the peer.
    ///
    /// What was sent to all hosts of a network would leave from the one that this host has there, as the
    /// system proposes, if it were not for the second mention of the address: one forged source would
    /// get the answers of many.
    pub(super) fn v4(info: in_pktinfo) -> Self {
        let address = info.ipi_addr.s_addr;
        let interface = if v4(address).is_link_local() { info.ipi_ifindex } else { 0 };
        let told = [interface.cast_unsigned(), address, address, 0, 0];
        let size = size_of::<in_pktinfo>();
        let asked = Part::new(libc::IPPROTO_IP, libc::IP_PKTINFO, size, told);
        Self { asked, ..Self::bound() }
    }

    /// As of [`v4`](Self::v4).
    pub(super) fn v6(info: in6_pktinfo) -> Self {
        let octets = info.ipi6_addr.s6_addr;
        let is_of_link = match Ipv6Addr::from(octets).to_canonical() {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        let mut told = [0; 5];
        for (word, bytes) in told.iter_mut().zip(octets.as_chunks().0) {
            *word = u32::from_ne_bytes(*bytes);
        }
        told[4] = if is_of_link { info.ipi6_ifindex } else { 0 };
        let size = size_of::<in6_pktinfo>();
        let asked = Part::new(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, size, told);
        Self { asked, ..Self::bound() }
    }

    /// Whether an answer leaves from the same address.
    pub(super) fn is(&self, other: &Self) -> bool {
        let told = |it: &Self| (it.asked.header.cmsg_len, it.asked.info);
        told(self) == told(other)
    }

    /// Has the kernel told of it together with a message. It must stay where it is until that is sent.
    pub(super) const fn tell(&mut self, message: &mut msghdr) {
        let length = self.asked.header.cmsg_len;
        let asked = if length == 0 { null_mut() } else { from_mut(&mut self.asked).cast() };
        (message.msg_control, message.msg_controllen) = (asked, length);
    }

    /// The same, and that the message is several datagrams of this length.
    pub(super) const fn tell_length(&mut self, length: u16, message: &mut msghdr) {
        self.length.info = length;
        message.msg_controllen = self.length.header.cmsg_len;
        if self.asked.header.cmsg_len > 0 {
            message.msg_controllen = size_of::<Part<u16>>() as _;
            message.msg_controllen += self.asked.header.cmsg_len;
        }
        message.msg_control = from_mut(self).cast();
    }
}

impl<T> Part<T> {
    /// A message that tells so many bytes of `info`; it is no message if they are none.
    fn new(level: c_int, kind: c_int, size: usize, info: T) -> Self {
        // SAFETY: it consists of integers.
        let mut header: cmsghdr = unsafe { zeroed() };
        if size > 0 {
            // SAFETY: it only calculates.
            header.cmsg_len = unsafe { libc::CMSG_LEN(size as _) } as _;
        }
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
            assert_eq!(Source::v4(info).asked.info[0] == 3, kept, "{asked}");
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
            assert_eq!(Source::v6(info).asked.info[4] == 3, kept, "{asked}");
        }
    }
}
