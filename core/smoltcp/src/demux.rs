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
