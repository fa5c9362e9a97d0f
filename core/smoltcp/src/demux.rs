//! What a frame is for, read from its headers without touching its payload.
//!
//! A server or client asks before smoltcp sees the frame, so that each connection's
//! frames go straight to its own socket, and so that nothing is answered that
//! must not be.

#[cfg(test)]
mod tests;

#[cfg(feature = "udp")]
use smoltcp::wire::UdpPacket;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet, IpAddress,
    IpEndpoint, IpProtocol, TcpOption, TcpPacket, TcpSeqNumber,
};
#[cfg(feature = "ipv6")]
use smoltcp::wire::{Icmpv6Message, Icmpv6Packet};

use crate::addresses::Addresses;
#[cfg(feature = "ipv6")]
use crate::claim::detection;
use crate::claim::probe;
use crate::notice::Notice;
use crate::packet::Packet;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A TCP segment for this host alone.
    Segment {
        /// The connection that it belongs to.
        flow: Flow,
        /// The Ethernet address that it comes from.
        from: EthernetAddress,
        /// A SYN and nothing else, which asks for a new connection.
        opens: Option<Syn>,
        /// The number of a reset.
        resets: Option<TcpSeqNumber>,
        /// The number of an ACK and nothing else.
        acks: Option<TcpSeqNumber>,
        /// The window that it offers, in units of the peer's.
        offers: u16,
    },
    /// A UDP datagram for this host alone.
    #[cfg(feature = "udp")]
    Datagram(Arrival),
    /// A fragment of a packet for this host alone, which is no segment.
    #[cfg(feature = "fragments")]
    Fragment,
    /// An echo request to this host alone.
    Ping {
        /// The host that asks.
        peer: IpAddress,
        /// The Ethernet address that it comes from.
        from: EthernetAddress,
    },
    /// ARP or IPv6 neighbour discovery: an address may be resolved now.
    Neighbour,
    /// Another host is about to take one of this host's addresses: this notice says
    /// that it is in use.
    Claim(Notice),
    /// It must not be answered: it is for another host; or for many hosts, and not
    /// ICMP (RFC 1122, 3.2.2, 3.3.6 and 4.2.3.10); or it is a fragment that is not served, or a
    /// datagram without the checksum that it needs.
    Unanswered,
    /// Anything else, malformed frames included: smoltcp answers or drops it.
    Other,
}

/// A SYN that asks for a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syn {
    pub(crate) number: TcpSeqNumber,
    /// The unit of the peer's later windows, as a power of 2.
    pub(crate) scale: u8,
}

/// The two ends of a TCP connection, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) peer: IpEndpoint,
    pub(crate) local: IpEndpoint,
}

/// A datagram in a frame.
#[cfg(feature = "udp")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The host that sent it.
    pub(crate) peer: IpAddress,
    /// The Ethernet address that it comes from.
    pub(crate) from: EthernetAddress,
    /// The hops that it has left.
    pub(crate) hops: u8,
    /// The port that it is for.
    pub(crate) port: u16,
    /// How many bytes it carries.
    pub(crate) length: usize,
}

/// Reads the headers. Lengths and addresses are checked here; checksums later,
/// by smoltcp, but see [`is_genuine`](crate::packet::is_genuine).
pub(crate) fn classify(frame: &[u8], addresses: &Addresses<'_>) -> Subject {
    subject(frame, addresses).unwrap_or(Subject::Other)
}

fn subject(frame: &[u8], addresses: &Addresses<'_>) -> Option<Subject> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let to_own_mac = frame.dst_addr() == addresses.mac;
    if !to_own_mac && frame.dst_addr().is_unicast() {
        return Some(Subject::Unanswered);
    }
    if frame.ethertype() == EthernetProtocol::Arp {
        return Some(probe(frame.payload(), addresses).map_or(Subject::Neighbour, Subject::Claim));
    }
    let packet = Packet::of(&frame)?;
    let from = frame.src_addr();
    let to_own_ip = addresses.has(packet.destination);
    let alone = to_own_mac && to_own_ip;
    if !packet.whole {
        return Some(fragment(&packet, alone));
    }
    match packet.protocol {
        IpProtocol::Tcp if alone => segment(&packet, from),
        #[cfg(feature = "udp")]
        IpProtocol::Udp if alone => datagram(&packet, from),
        IpProtocol::Icmp if alone || !to_own_ip => icmp(&packet, from, alone),
        #[cfg(feature = "ipv6")]
        IpProtocol::Icmpv6 if alone || !to_own_ip => icmpv6(&packet, from, alone, addresses),
        IpProtocol::Tcp => Some(Subject::Unanswered),
        _ if alone => None,
        _ => Some(Subject::Unanswered),
    }
}

#[cfg(feature = "fragments")]
fn fragment(packet: &Packet<'_>, alone: bool) -> Subject {
    if alone && packet.protocol != IpProtocol::Tcp {
        Subject::Fragment
    } else {
        Subject::Unanswered
    }
}

#[cfg(not(feature = "fragments"))]
const fn fragment(_: &Packet<'_>, _: bool) -> Subject {
    Subject::Unanswered
}

fn segment(packet: &Packet<'_>, from: EthernetAddress) -> Option<Subject> {
    let segment = TcpPacket::new_checked(packet.payload).ok()?;
    let flow = Flow {
        peer: IpEndpoint::new(packet.source, segment.src_port()),
        local: IpEndpoint::new(packet.destination, segment.dst_port()),
    };
    let opens = segment.syn() && !segment.ack() && !segment.rst() && !segment.fin();
    let opens = opens.then(|| Syn { number: segment.seq_number(), scale: scale(&segment) });
    let resets = segment.rst().then(|| segment.seq_number());
    let acks = segment.segment_len() == 0 && segment.ack() && !segment.rst();
    let acks = acks.then(|| segment.seq_number());
    let offers = segment.window_len();
    Some(Subject::Segment { flow, from, opens, resets, acks, offers })
}

#[cold]
#[inline(never)]
fn scale(syn: &TcpPacket<&[u8]>) -> u8 {
    let mut options = syn.options();
    while let Ok((rest, option)) = TcpOption::parse(options) {
        match option {
            TcpOption::EndOfList => break,
            // RFC 7323, 2.3.
            TcpOption::WindowScale(scale) => return scale.min(14),
            _ => options = rest,
        }
    }
    0
}

#[cfg(feature = "udp")]
fn datagram(packet: &Packet<'_>, from: EthernetAddress) -> Option<Subject> {
    let (peer, hops) = (packet.source, packet.hop_limit);
    let datagram = UdpPacket::new_checked(packet.payload).ok()?;
    // Only IPv4 may do without a checksum (RFC 8200, 8.1), but smoltcp takes this one, too.
    #[cfg(feature = "ipv6")]
    if datagram.checksum() == 0 && matches!(peer, IpAddress::Ipv6(_)) {
        return Some(Subject::Unanswered);
    }
    let (port, length) = (datagram.dst_port(), datagram.payload().len());
    Some(Subject::Datagram(Arrival { peer, from, hops, port, length }))
}

fn icmp(packet: &Packet<'_>, from: EthernetAddress, alone: bool) -> Option<Subject> {
    let message = Icmpv4Packet::new_checked(packet.payload).ok()?.msg_type();
    (alone && message == Icmpv4Message::EchoRequest)
        .then_some(Subject::Ping { peer: packet.source, from })
}

#[cfg(feature = "ipv6")]
fn icmpv6(
    packet: &Packet<'_>,
    from: EthernetAddress,
    alone: bool,
    addresses: &Addresses<'_>,
) -> Option<Subject> {
    match Icmpv6Packet::new_checked(packet.payload).ok()?.msg_type() {
        Icmpv6Message::EchoRequest => alone.then_some(Subject::Ping { peer: packet.source, from }),
        Icmpv6Message::NeighborSolicit | Icmpv6Message::NeighborAdvert => {
            Some(detection(packet, addresses).map_or(Subject::Neighbour, Subject::Claim))
        }
        _ => None,
    }
}

impl Flow {
    /// A number that spreads flows evenly, and differently for each `seed`, so
    /// that nobody outside can choose ports that collide.
    pub(crate) fn hash(&self, seed: u64) -> u64 {
        let (high, low) = words(self.peer.addr);
        let (other_high, other_low) = words(self.local.addr);
        let ports = u64::from(self.peer.port) << 16 | u64::from(self.local.port);
        let mut hash = seed;
        for word in [high ^ other_high.rotate_left(32), low ^ other_low.rotate_left(32), ports] {
            hash = (hash ^ word).wrapping_mul(ODD);
            hash ^= hash >> 32;
        }
        hash
    }
}

/// 2^64 divided by the golden ratio, made odd.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

fn words(address: IpAddress) -> (u64, u64) {
    match address {
        IpAddress::Ipv4(address) => (0, u64::from(address.to_bits())),
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(address) => {
            let bits = address.to_bits();
            ((bits >> 64) as u64, bits as u64)
        }
    }
}
