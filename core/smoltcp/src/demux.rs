//! What a frame is about, read from its headers without touching its payload.
//!
//! The server asks before smoltcp sees the frame, so that each connection's
//! frames go straight to its own socket.

use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, Icmpv6Message, Icmpv6Packet, IpAddress, IpEndpoint,
    IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket,
};

/// What a frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A TCP segment.
    Segment {
        /// Whose.
        flow: Flow,
        /// It asks for a new connection: SYN and nothing else.
        opens: bool,
    },
    /// ARP or IPv6 neighbour discovery: somebody's address may be known now.
    Neighbour,
    /// Anything else, also what is malformed: smoltcp answers or drops it.
    Other,
}

/// The two ends of a TCP connection, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) peer: IpEndpoint,
    pub(crate) local: IpEndpoint,
}

/// Reads the headers. Lengths and addresses are checked here, checksums later
/// by smoltcp.
pub(crate) fn classify(frame: &[u8]) -> Subject {
    subject(frame).unwrap_or(Subject::Other)
}

fn subject(frame: &[u8]) -> Option<Subject> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Arp => Some(Subject::Neighbour),
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let whole = !packet.more_frags() && packet.frag_offset() == 0;
            if !whole || packet.next_header() != IpProtocol::Tcp {
                return None;
            }
            segment(packet.src_addr().into(), packet.dst_addr().into(), packet.payload())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            match packet.next_header() {
                IpProtocol::Tcp => {
                    segment(packet.src_addr().into(), packet.dst_addr().into(), packet.payload())
                }
                IpProtocol::Icmpv6 => {
                    match Icmpv6Packet::new_checked(packet.payload()).ok()?.msg_type() {
                        Icmpv6Message::NeighborSolicit | Icmpv6Message::NeighborAdvert => {
                            Some(Subject::Neighbour)
                        }
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn segment(source: IpAddress, destination: IpAddress, payload: &[u8]) -> Option<Subject> {
    let segment = TcpPacket::new_checked(payload).ok()?;
    let flow = Flow {
        peer: IpEndpoint::new(source, segment.src_port()),
        local: IpEndpoint::new(destination, segment.dst_port()),
    };
    let opens = segment.syn() && !segment.ack() && !segment.rst() && !segment.fin();
    Some(Subject::Segment { flow, opens })
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
        IpAddress::Ipv6(address) => {
            let bits = address.to_bits();
            ((bits >> 64) as u64, bits as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    /// Ports 0x1234 to 2333, SYN.
    const SYN: [u8; 20] =
        [0x12, 0x34, 0x09, 0x1d, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0];

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

    fn opens(peer: IpAddress, local: IpAddress) -> Subject {
        let (peer, local) = (IpEndpoint::new(peer, 0x1234), IpEndpoint::new(local, 2333));
        Subject::Segment { flow: Flow { peer, local }, opens: true }
    }

    #[test]
    fn a_segment_is_found_behind_any_ipv4_header() {
        let expected = opens(IpAddress::v4(10, 0, 0, 2), IpAddress::v4(10, 0, 0, 1));
        assert_eq!(classify(&ipv4([0, 0], &[], &SYN)), expected);
        assert_eq!(classify(&ipv4([0x40, 0], &[1; 8], &SYN)), expected);
    }

    #[test]
    fn a_segment_is_found_behind_an_ipv6_header() {
        let mut frame = std::vec::Vec::from(MACS);
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
        let [peer, local] = [2, 1].map(|end| IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, end));
        for address in [peer, local] {
            let IpAddress::Ipv6(address) = address else { continue };
            frame.extend(address.octets());
        }
        frame.extend(SYN);
        assert_eq!(classify(&frame), opens(peer, local));
    }

    #[test]
    fn only_a_syn_by_itself_opens() {
        for (flags, expected) in [(0x02, true), (0x12, false), (0x06, false), (0x03, false)] {
            let mut segment = SYN;
            segment[13] = flags;
            let Subject::Segment { opens, .. } = classify(&ipv4([0, 0], &[], &segment)) else {
                panic!("no segment with flags {flags:#x}");
            };
            assert_eq!(opens, expected, "{flags:#x}");
        }
    }

    #[test]
    fn fragments_and_what_is_cut_off_are_left_to_smoltcp() {
        assert_eq!(classify(&ipv4([0x20, 0], &[], &SYN)), Subject::Other);
        assert_eq!(classify(&ipv4([0, 1], &[], &SYN)), Subject::Other);
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
