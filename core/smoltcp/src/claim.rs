//! A host asks whether an address is free before it takes it. For this host's own
//! addresses the answer is no, which smoltcp does not give: two hosts with the same
//! address would be unreachable by turns.

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr};
#[cfg(feature = "ipv6")]
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        EthernetAddress, IPV6_LINK_LOCAL_ALL_NODES, Icmpv6Packet, Icmpv6Repr, IpAddress, NdiscRepr,
    },
};

use crate::addresses::Addresses;
use crate::notice::Notice;
#[cfg(feature = "ipv6")]
use crate::packet::Packet;

/// An ARP probe of one of these addresses (RFC 5227): a question by a host that has
/// no address yet.
pub(crate) fn probe(payload: &[u8], addresses: &Addresses<'_>) -> Option<Notice> {
    let ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr,
        source_protocol_addr,
        target_protocol_addr,
        ..
    } = ArpRepr::parse(&ArpPacket::new_checked(payload).ok()?).ok()?
    else {
        return None;
    };
    let notice = Notice {
        address: target_protocol_addr.into(),
        mac: addresses.mac,
        to: source_protocol_addr.into(),
        to_mac: source_hardware_addr,
    };
    let asks = source_protocol_addr.is_unspecified() && source_hardware_addr.is_unicast();
    (asks && addresses.has(notice.address)).then_some(notice)
}

/// Duplicate address detection (RFC 4862): a solicitation by a host that has no
/// address yet. The answer goes to all nodes, since that host has no address to receive it.
#[cfg(feature = "ipv6")]
pub(crate) fn detection(packet: &Packet<'_>, addresses: &Addresses<'_>) -> Option<Notice> {
    let (IpAddress::Ipv6(source), IpAddress::Ipv6(destination)) =
        (packet.source, packet.destination)
    else {
        return None;
    };
    if !source.is_unspecified() || packet.hop_limit != 255 {
        return None;
    }
    let message = Icmpv6Packet::new_checked(packet.payload).ok()?;
    let checksums = ChecksumCapabilities::default();
    let Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr: None }) =
        Icmpv6Repr::parse(&source, &destination, &message, &checksums).ok()?
    else {
        return None;
    };
    addresses.has(target_addr.into()).then_some(Notice {
        address: target_addr.into(),
        mac: addresses.mac,
        to: IPV6_LINK_LOCAL_ALL_NODES.into(),
        to_mac: EthernetAddress([0x33, 0x33, 0, 0, 0, 1]),
    })
}
