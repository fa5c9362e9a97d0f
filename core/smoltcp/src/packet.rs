//! An IP packet inside a frame, and whether it is what it claims to be.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, Icmpv4Packet, Icmpv4Repr, IpAddress, IpProtocol, Ipv4Packet,
    Ipv4Repr, TcpPacket, TcpRepr,
};
#[cfg(feature = "ipv6")]
use smoltcp::wire::{Icmpv6Packet, Icmpv6Repr, Ipv6ExtHeader, Ipv6Packet, Ipv6Repr};
#[cfg(feature = "udp")]
use smoltcp::wire::{UdpPacket, UdpRepr};

use crate::addresses::Addresses;

/// An IP packet, without the hop-by-hop header that smoltcp accepts before TCP and
/// ICMP.
pub(crate) struct Packet<'f> {
    pub(crate) source: IpAddress,
    pub(crate) destination: IpAddress,
    #[cfg(any(feature = "ipv6", feature = "udp"))]
    pub(crate) hop_limit: u8,
    /// Whether it is a whole packet, not a fragment.
    pub(crate) whole: bool,
    pub(crate) protocol: IpProtocol,
    pub(crate) payload: &'f [u8],
}

impl<'f> Packet<'f> {
    pub(crate) fn of(frame: &EthernetFrame<&'f [u8]>) -> Option<Self> {
        match frame.ethertype() {
            EthernetProtocol::Ipv4 => {
                let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
                Some(Self {
                    source: packet.src_addr().into(),
                    destination: packet.dst_addr().into(),
                    #[cfg(any(feature = "ipv6", feature = "udp"))]
                    hop_limit: packet.hop_limit(),
                    whole: !packet.more_frags() && packet.frag_offset() == 0,
                    protocol: packet.next_header(),
                    payload: packet.payload(),
                })
            }
            #[cfg(feature = "ipv6")]
            EthernetProtocol::Ipv6 => {
                let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
                let (mut protocol, mut payload) = (packet.next_header(), packet.payload());
                if protocol == IpProtocol::HopByHop {
                    let header = Ipv6ExtHeader::new_checked(payload).ok()?;
                    protocol = header.next_header();
                    payload = payload.get(2 + header.payload().len()..)?;
                }
                Some(Self {
                    source: packet.src_addr().into(),
                    destination: packet.dst_addr().into(),
                    hop_limit: packet.hop_limit(),
                    whole: true,
                    protocol,
                    payload,
                })
            }
            _ => None,
        }
    }
}

/// Whether a segment, a datagram or a ping is what it claims to be, as far as can be known: it
/// comes from one other host, and smoltcp would not drop it as malformed or for a
/// checksum that the device leaves to software. Only then may it displace a
/// connection, and only then are its addresses believed.
pub(crate) fn is_genuine(
    frame: &[u8],
    addresses: &Addresses<'_>,
    checksums: &ChecksumCapabilities,
) -> bool {
    genuine(frame, addresses, checksums).is_some()
}

fn genuine(
    frame: &[u8],
    addresses: &Addresses<'_>,
    checksums: &ChecksumCapabilities,
) -> Option<()> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            Ipv4Repr::parse(&Ipv4Packet::new_checked(frame.payload()).ok()?, checksums).ok()?;
        }
        #[cfg(feature = "ipv6")]
        EthernetProtocol::Ipv6 => {
            Ipv6Repr::parse(&Ipv6Packet::new_checked(frame.payload()).ok()?).ok()?;
        }
        _ => return None,
    }
    let Packet { source, destination, protocol, payload, .. } = Packet::of(&frame)?;
    if !frame.src_addr().is_unicast() || !addresses.is_other_host(source) {
        return None;
    }
    match (protocol, source, destination) {
        (IpProtocol::Tcp, ..) => {
            let segment = TcpPacket::new_checked(payload).ok()?;
            TcpRepr::parse(&segment, &source, &destination, checksums).ok().map(drop)
        }
        #[cfg(feature = "udp")]
        (IpProtocol::Udp, ..) => {
            let datagram = UdpPacket::new_checked(payload).ok()?;
            UdpRepr::parse(&datagram, &source, &destination, checksums).ok().map(drop)
        }
        (IpProtocol::Icmp, IpAddress::Ipv4(_), _) => {
            let ping = Icmpv4Packet::new_checked(payload).ok()?;
            Icmpv4Repr::parse(&ping, checksums).ok().map(drop)
        }
        #[cfg(feature = "ipv6")]
        (IpProtocol::Icmpv6, IpAddress::Ipv6(source), IpAddress::Ipv6(destination)) => {
            let ping = Icmpv6Packet::new_checked(payload).ok()?;
            Icmpv6Repr::parse(&source, &destination, &ping, checksums).ok().map(drop)
        }
        _ => None,
    }
}
