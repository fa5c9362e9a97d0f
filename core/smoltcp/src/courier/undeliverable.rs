//! What ICMP says of a datagram that could not be delivered.

use echo_core::Failure;
use heapless::Vec;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetFrame, IPV4_HEADER_LEN, Icmpv4DstUnreachable, Icmpv4Message, Icmpv4Packet, IpAddress,
    IpEndpoint, IpProtocol, Ipv4Packet, UDP_HEADER_LEN, UdpPacket,
};
#[cfg(feature = "ipv6")]
use smoltcp::wire::{
    IPV6_HEADER_LEN, Icmpv6DstUnreachable, Icmpv6Message, Icmpv6Packet, Ipv6Packet,
};

use crate::packet::Packet;

/// The most bytes of a datagram that are kept: enough to know it by.
const QUOTE: usize = 32;

/// What ICMP says of a datagram that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// [`Failure::Refused`] or [`Failure::Unreachable`].
    pub failure: Failure,
    /// Who says so.
    pub by: IpAddress,
    /// The type of the ICMP message.
    pub kind: u8,
    /// Its code, which each type has its own of.
    pub code: u8,
    quote: Vec<u8, QUOTE>,
}

impl Undelivered {
    /// The first bytes of the datagram, as far as they are quoted.
    #[must_use]
    pub fn quote(&self) -> &[u8] {
        &self.quote
    }
}

/// The port here that a datagram came from, where it was to go, and why it did not arrive.
pub(super) fn undeliverable(
    frame: &[u8],
    checksums: &ChecksumCapabilities,
) -> Option<(u16, IpEndpoint, Undelivered)> {
    let packet = Packet::of(&EthernetFrame::new_checked(frame).ok()?)?;
    // The packet that is quoted may be cut off, for which smoltcp's own parser would reject it.
    let (kind, code, refused, protocol, to, data) =
        match (packet.protocol, packet.source, packet.destination) {
            (IpProtocol::Icmp, ..) => {
                use Icmpv4Message::{DstUnreachable, TimeExceeded};
                let message = Icmpv4Packet::new_checked(packet.payload).ok()?;
                let (kind, code) = (message.msg_type(), message.msg_code());
                let genuine = !checksums.icmpv4.rx() || message.verify_checksum();
                if !genuine || !matches!(kind, DstUnreachable | TimeExceeded) {
                    return None;
                }
                let port = code == Icmpv4DstUnreachable::PortUnreachable.into();
                let refused = kind == DstUnreachable && port;
                let quoted = message.data();
                let header = Ipv4Packet::new_unchecked(quoted.get(..IPV4_HEADER_LEN)?);
                let data = quoted.get(header.header_len().into()..)?;
                let to = IpAddress::Ipv4(header.dst_addr());
                (kind.into(), code, refused, header.next_header(), to, data)
            }
            #[cfg(feature = "ipv6")]
            (IpProtocol::Icmpv6, IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
                use Icmpv6Message::{DstUnreachable, TimeExceeded};
                let message = Icmpv6Packet::new_checked(packet.payload).ok()?;
                let (kind, code) = (message.msg_type(), message.msg_code());
                let genuine = !checksums.icmpv6.rx() || message.verify_checksum(&from, &to);
                if !genuine || !matches!(kind, DstUnreachable | TimeExceeded) {
                    return None;
                }
                let port = code == Icmpv6DstUnreachable::PortUnreachable.into();
                let refused = kind == DstUnreachable && port;
                let (header, data) = message.payload().split_at_checked(IPV6_HEADER_LEN)?;
                let header = Ipv6Packet::new_unchecked(header);
                let to = IpAddress::Ipv6(header.dst_addr());
                (kind.into(), code, refused, header.next_header(), to, data)
            }
            _ => return None,
        };
    let (header, data) = data.split_at_checked(UDP_HEADER_LEN)?;
    let header = UdpPacket::new_unchecked(header);
    let failure = if refused { Failure::Refused } else { Failure::Unreachable };
    let quote = data.iter().copied().take(QUOTE).collect();
    let undelivered = Undelivered { failure, by: packet.source, kind, code, quote };
    let told = (header.src_port(), IpEndpoint::new(to, header.dst_port()), undelivered);
    (protocol == IpProtocol::Udp).then_some(told)
}
