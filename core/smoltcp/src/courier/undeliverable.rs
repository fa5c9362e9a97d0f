//! What ICMP says of a datagram that could not be delivered.

use echo_core::Failure;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetFrame, Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, IpAddress, IpEndpoint,
    IpProtocol, UDP_HEADER_LEN, UdpPacket,
};
#[cfg(feature = "ipv6")]
use smoltcp::wire::{Icmpv6DstUnreachable, Icmpv6Packet, Icmpv6Repr};

use crate::packet::Packet;

/// The port here that a datagram to this server came from, and why it did not arrive.
pub(super) fn undeliverable(
    frame: &[u8],
    server: IpEndpoint,
    checksums: &ChecksumCapabilities,
) -> Option<(u16, Failure)> {
    let packet = Packet::of(&EthernetFrame::new_checked(frame).ok()?)?;
    let (refused, protocol, to, data) = match (packet.protocol, packet.source, packet.destination) {
        (IpProtocol::Icmp, ..) => {
            let message = Icmpv4Packet::new_checked(packet.payload).ok()?;
            match Icmpv4Repr::parse(&message, checksums).ok()? {
                Icmpv4Repr::DstUnreachable { reason, header, data } => {
                    let refused = reason == Icmpv4DstUnreachable::PortUnreachable;
                    (refused, header.next_header, IpAddress::Ipv4(header.dst_addr), data)
                }
                _ => return None,
            }
        }
        #[cfg(feature = "ipv6")]
        (IpProtocol::Icmpv6, IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
            let message = Icmpv6Packet::new_checked(packet.payload).ok()?;
            match Icmpv6Repr::parse(&from, &to, &message, checksums).ok()? {
                Icmpv6Repr::DstUnreachable { reason, header, data } => {
                    let refused = reason == Icmpv6DstUnreachable::PortUnreachable;
                    (refused, header.next_header, IpAddress::Ipv6(header.dst_addr), data)
                }
                _ => return None,
            }
        }
        _ => return None,
    };
    let header = UdpPacket::new_unchecked(data.get(..UDP_HEADER_LEN)?);
    let ours = protocol == IpProtocol::Udp && to == server.addr && header.dst_port() == server.port;
    let failure = if refused { Failure::Refused } else { Failure::Unreachable };
    ours.then(|| (header.src_port(), failure))
}
