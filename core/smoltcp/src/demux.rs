//! What a frame is for, read from its headers without touching its payload.
//!
//! A server or client asks before smoltcp sees the frame, so that each connection's
//! frames go straight to its own socket, and so that nothing is answered that
//! must not be.

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

#[cfg(test)]
mod tests {
    use smoltcp::wire::IpCidr;

    use super::*;

    /// The Ethernet addresses of a frame from host 2 to host 1, which is this one.
    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    const FROM: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
    const V6: IpAddress = IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1);
    /// A SYN from port 0x1234 to port 2333 with the number 7.
    const SYN: [u8; 20] =
        [0x12, 0x34, 0x09, 0x1d, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0];

    fn ipv4(fragment: [u8; 2], options: &[u8], segment: &[u8]) -> std::vec::Vec<u8> {
        let header = 20 + options.len();
        let [high, low] = ((header + segment.len()) as u16).to_be_bytes();
        let first = 0x40 | (header / 4) as u8;
        let mut frame = std::vec::Vec::from(MACS);
        frame.extend([8, 0, first, 0, high, low, 0, 0, fragment[0], fragment[1], 64, 6, 0, 0]);
        frame.extend([10, 0, 0, 2, 10, 0, 0, 1]);
        frame.extend(options);
        frame.extend(segment);
        frame
    }

    fn ipv6(to: IpAddress, protocol: u8, payload: &[u8]) -> std::vec::Vec<u8> {
        let mut frame = std::vec::Vec::from(MACS);
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, payload.len() as u8, protocol, 64]);
        for address in [IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 2), to] {
            let IpAddress::Ipv6(address) = address else { panic!("an IPv6 address") };
            frame.extend(address.octets());
        }
        frame.extend(payload);
        frame
    }

    /// Classifies a frame as host 1 does.
    fn classify(frame: &[u8]) -> Subject {
        let ip = [IpCidr::new(IpAddress::v4(10, 0, 0, 1), 24), IpCidr::new(V6, 64)];
        super::classify(frame, &Addresses { mac: EthernetAddress([2, 0, 0, 0, 0, 1]), ip: &ip })
    }

    fn opens(peer: IpAddress, local: IpAddress) -> Subject {
        let (peer, local) = (IpEndpoint::new(peer, 0x1234), IpEndpoint::new(local, 2333));
        let (flow, opens) = (Flow { peer, local }, Some(Syn { number: TcpSeqNumber(7), scale: 0 }));
        Subject::Segment { flow, from: FROM, opens, resets: None, acks: None, offers: 0 }
    }

    #[test]
    fn a_segment_is_found_behind_any_ipv4_header() {
        let expected = opens(IpAddress::v4(10, 0, 0, 2), IpAddress::v4(10, 0, 0, 1));
        assert_eq!(classify(&ipv4([0, 0], &[], &SYN)), expected);
        assert_eq!(classify(&ipv4([0x40, 0], &[1; 8], &SYN)), expected);
    }

    #[test]
    fn a_segment_is_found_behind_any_ipv6_header_that_smoltcp_accepts() {
        let expected = opens(IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 2), V6);
        assert_eq!(classify(&ipv6(V6, 6, &SYN)), expected);
        for length in [0, 1, 2] {
            let mut payload = std::vec![0; 8 + 8 * usize::from(length)];
            payload[..2].copy_from_slice(&[6, length]);
            payload.extend(SYN);
            assert_eq!(classify(&ipv6(V6, 0, &payload)), expected, "{length}");
            // A destination options header: smoltcp answers that it does not know it.
            assert_eq!(classify(&ipv6(V6, 60, &payload)), Subject::Other, "{length}");
        }
    }

    #[test]
    fn what_is_for_many_or_for_others_is_not_answered() {
        let [broadcast, multicast, other] = [[255; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 9]];
        for frame in [ipv4([0, 0], &[], &SYN), ipv6(V6, 6, &SYN)] {
            for mac in [broadcast, multicast, other] {
                let mut frame = frame.clone();
                frame[..6].copy_from_slice(&mac);
                assert_eq!(classify(&frame), Subject::Unanswered, "{mac:x?}");
            }
        }
        // smoltcp itself takes some of these for its own.
        for end in [[10, 0, 0, 255], [255; 4], [224, 0, 0, 1], [10, 0, 0, 9]] {
            let mut frame = ipv4([0, 0], &[], &SYN);
            frame[30..34].copy_from_slice(&end);
            assert_eq!(classify(&frame), Subject::Unanswered, "{end:?}");
        }
        for [first, last] in [[0xff02, 1], [0xfdaa, 0xffff], [0xfdab, 1]] {
            let to = IpAddress::v6(first, 0, 0, 0, 0, 0, 0, last);
            assert_eq!(classify(&ipv6(to, 6, &SYN)), Subject::Unanswered, "{to}");
            assert_eq!(classify(&ipv6(to, 59, &[])), Subject::Unanswered, "{to}");
        }
        assert_eq!(classify(&ipv6(V6, 59, &[])), Subject::Other);
    }

    /// A ping to all is answered, but one that is for this host alone teaches.
    #[test]
    fn a_ping_for_this_host_is_told_from_one_for_all() {
        let ping = [8, 0, 0, 0, 0, 0, 0, 0];
        let mut frame = ipv4([0, 0], &[], &ping);
        frame[23] = 1;
        let peer = IpAddress::v4(10, 0, 0, 2);
        assert_eq!(classify(&frame), Subject::Ping { peer, from: FROM });
        frame[30..34].copy_from_slice(&[10, 0, 0, 255]);
        assert_eq!(classify(&frame), Subject::Other);
        let ping = [128, 0, 0, 0, 0, 0, 0, 0];
        let peer = IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 2);
        assert_eq!(classify(&ipv6(V6, 58, &ping)), Subject::Ping { peer, from: FROM });
        let all = IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1);
        assert_eq!(classify(&ipv6(all, 58, &ping)), Subject::Other);
    }

    #[test]
    fn only_a_syn_by_itself_opens_and_any_reset_resets() {
        for (flags, expected) in [(0x02, true), (0x12, false), (0x06, false), (0x03, false)] {
            let mut segment = SYN;
            segment[13] = flags;
            let Subject::Segment { opens, resets, .. } = classify(&ipv4([0, 0], &[], &segment))
            else {
                panic!("no segment with flags {flags:#x}");
            };
            assert_eq!(opens.is_some(), expected, "{flags:#x}");
            let number = TcpSeqNumber(7);
            assert_eq!(resets, (flags & 4 != 0).then_some(number), "{flags:#x}");
        }
    }

    #[test]
    fn the_unit_of_windows_is_found_among_the_options_of_a_syn() {
        for (options, expected) in [
            (&[1, 3, 3, 7][..], 7),
            (&[2, 4, 5, 0xb4, 1, 3, 3, 15], 14),
            (&[0, 3, 3, 7], 0),
            (&[1, 1, 3, 4], 0),
        ] {
            let mut segment = std::vec::Vec::from(SYN);
            segment[12] += (options.len() as u8 / 4) << 4;
            segment.extend(options);
            let Subject::Segment { opens: Some(syn), .. } = classify(&ipv4([0, 0], &[], &segment))
            else {
                panic!("no SYN with {options:?}");
            };
            assert_eq!(syn.scale, expected, "{options:?}");
        }
    }

    #[test]
    fn fragments_are_not_answered_and_what_is_cut_off_is_left_to_smoltcp() {
        assert_eq!(classify(&ipv4([0x20, 0], &[], &SYN)), Subject::Unanswered);
        assert_eq!(classify(&ipv4([0, 1], &[], &SYN)), Subject::Unanswered);
        let frame = ipv4([0, 0], &[], &SYN);
        for length in 0..frame.len() {
            assert_eq!(classify(&frame[..length]), Subject::Other, "{length} bytes");
        }
    }

    #[test]
    fn hashes_depend_on_both_ends_and_on_the_seed() {
        let end = |last, port| IpEndpoint::new(IpAddress::v4(10, 0, 0, last), port);
        let flow = Flow { peer: end(2, 40_000), local: end(1, 2333) };
        let others = [
            Flow { peer: end(2, 40_001), ..flow },
            Flow { peer: end(3, 40_000), ..flow },
            Flow { local: end(4, 2333), ..flow },
        ];
        for other in others {
            assert_ne!(other.hash(1), flow.hash(1));
        }
        assert_ne!(flow.hash(2), flow.hash(1));
    }
}
