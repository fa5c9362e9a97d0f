//! What ICMP says of a datagram that could not be delivered.

use echo_core::Failure;
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

/// The port here that a datagram came from, where it was to go, and why it did not arrive.
pub(super) fn undeliverable(
    frame: &[u8],
    checksums: &ChecksumCapabilities,
) -> Option<(u16, IpEndpoint, Failure)> {
    let packet = Packet::of(&EthernetFrame::new_checked(frame).ok()?)?;
    // The packet that is quoted may be cut off, for which smoltcp's own parser would reject it.
    let (refused, protocol, to, data) = match (packet.protocol, packet.source, packet.destination) {
        (IpProtocol::Icmp, ..) => {
            let message = Icmpv4Packet::new_checked(packet.payload).ok()?;
            let genuine = !checksums.icmpv4.rx() || message.verify_checksum();
            if !genuine || message.msg_type() != Icmpv4Message::DstUnreachable {
                return None;
            }
            let refused = message.msg_code() == Icmpv4DstUnreachable::PortUnreachable.into();
            let quoted = message.data();
            let header = Ipv4Packet::new_unchecked(quoted.get(..IPV4_HEADER_LEN)?);
            let data = quoted.get(header.header_len().into()..)?;
            (refused, header.next_header(), IpAddress::Ipv4(header.dst_addr()), data)
        }
        #[cfg(feature = "ipv6")]
        (IpProtocol::Icmpv6, IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
            let message = Icmpv6Packet::new_checked(packet.payload).ok()?;
            let genuine = !checksums.icmpv6.rx() || message.verify_checksum(&from, &to);
            if !genuine || message.msg_type() != Icmpv6Message::DstUnreachable {
                return None;
            }
            let refused = message.msg_code() == Icmpv6DstUnreachable::PortUnreachable.into();
            let (header, data) = message.payload().split_at_checked(IPV6_HEADER_LEN)?;
            let header = Ipv6Packet::new_unchecked(header);
            (refused, header.next_header(), IpAddress::Ipv6(header.dst_addr()), data)
        }
        _ => return None,
    };
    let header = UdpPacket::new_unchecked(data.get(..UDP_HEADER_LEN)?);
    let failure = if refused { Failure::Refused } else { Failure::Unreachable };
    let told = (header.src_port(), IpEndpoint::new(to, header.dst_port()), failure);
    (protocol == IpProtocol::Udp).then_some(told)
}
