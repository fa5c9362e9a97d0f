//! Datagrams in frames: those that a neighbour of the server sends, and the server's answers.

use echo_smoltcp::smoltcp::phy::ChecksumCapabilities;
use echo_smoltcp::smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpEndpoint, IpProtocol,
    Ipv4Packet, Ipv6Packet, UdpPacket, UdpRepr,
};

use crate::neighbour::Neighbour;

/// A datagram of the server's, with a right checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) mac: EthernetAddress,
    pub(crate) from: IpEndpoint,
    pub(crate) to: IpEndpoint,
    pub(crate) hops: u8,
    pub(crate) bytes: Vec<u8>,
}

impl Neighbour {
    /// A datagram from this port to the server's, in a frame.
    pub(crate) fn datagram(&self, port: u16, bytes: &[u8]) -> Vec<u8> {
        self.packet(self.server(), IpProtocol::Udp, &self.udp(port, 2333, bytes))
    }

    /// A datagram to the server, without the header of its packet.
    pub(crate) fn udp(&self, port: u16, to: u16, bytes: &[u8]) -> Vec<u8> {
        let repr = UdpRepr { src_port: port, dst_port: to };
        let mut datagram = vec![0; repr.header_len() + bytes.len()];
        let mut packet = UdpPacket::new_unchecked(&mut datagram[..]);
        let fill = |payload: &mut [u8]| payload.copy_from_slice(bytes);
        let (length, all) = (bytes.len(), ChecksumCapabilities::default());
        repr.emit(&mut packet, &self.ip, &self.server(), length, fill, &all);
        datagram
    }

    /// The answer that this host expects to such a datagram.
    pub(crate) fn answer(&self, port: u16, bytes: &[u8]) -> Answer {
        Answer {
            mac: self.mac,
            from: IpEndpoint::new(self.server(), 2333),
            to: IpEndpoint::new(self.ip, port),
            hops: echo_core::datagram::HOPS,
            bytes: bytes.to_vec(),
        }
    }
}

/// The datagram in a frame, if there is one.
pub(crate) fn parse(frame: &[u8]) -> Option<Answer> {
    let frame = EthernetFrame::new_checked(frame).expect("the server sends frames");
    let (source, destination, hops, protocol, payload): (IpAddress, IpAddress, _, _, _) =
        match frame.ethertype() {
            EthernetProtocol::Ipv4 => {
                let packet = Ipv4Packet::new_checked(frame.payload()).expect("a packet");
                let (source, destination) = (packet.src_addr().into(), packet.dst_addr().into());
                assert!(packet.verify_checksum() && packet.dont_frag());
                (source, destination, packet.hop_limit(), packet.next_header(), packet.payload())
            }
            EthernetProtocol::Ipv6 => {
                let packet = Ipv6Packet::new_checked(frame.payload()).expect("a packet");
                let (source, destination) = (packet.src_addr().into(), packet.dst_addr().into());
                (source, destination, packet.hop_limit(), packet.next_header(), packet.payload())
            }
            _ => return None,
        };
    if protocol != IpProtocol::Udp {
        return None;
    }
    let datagram = UdpPacket::new_checked(payload).expect("a datagram");
    assert!(datagram.checksum() != 0 && datagram.verify_checksum(&source, &destination));
    Some(Answer {
        mac: frame.dst_addr(),
        from: IpEndpoint::new(source, datagram.src_port()),
        to: IpEndpoint::new(destination, datagram.dst_port()),
        hops,
        bytes: datagram.payload().to_vec(),
    })
}
