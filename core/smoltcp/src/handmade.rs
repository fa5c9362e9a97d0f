//! A TCP segment: taken from a frame, or made without bytes, as the peer of a connection could send it, to show
//! to a socket.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, IpRepr,
    TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use crate::packet::Packet;

/// The headers of Ethernet, IPv6 and TCP with all options.
pub(crate) const LONGEST: usize = 14 + 40 + 60;

/// An ACK of this number from one port to the other, with number 0 and no window.
pub(crate) fn ack([peer, local]: [u16; 2], acknowledged: TcpSeqNumber) -> TcpRepr<'static> {
    TcpRepr {
        src_port: peer,
        dst_port: local,
        control: TcpControl::None,
        seq_number: TcpSeqNumber::default(),
        ack_number: Some(acknowledged),
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    }
}

/// The segment in a frame, if it is what it claims to be, where it comes from and goes to, and the Ethernet
/// address that it goes to.
pub(crate) fn read<'f>(
    frame: &'f [u8],
    checksums: &ChecksumCapabilities,
) -> Option<(TcpRepr<'f>, [IpAddress; 2], EthernetAddress)> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let Packet { source, destination, payload, .. } = Packet::of(&frame)?;
    let segment = TcpPacket::new_checked(payload).ok()?;
    let tcp = TcpRepr::parse(&segment, &source, &destination, checksums).ok()?;
    Some((tcp, [source, destination], frame.dst_addr()))
}

/// Writes the segment, which goes from `peer` to `local`, whose Ethernet address this is, and returns
/// the frame.
pub(crate) fn emit<'b>(
    tcp: &TcpRepr<'_>,
    [peer, local]: [IpAddress; 2],
    mac: EthernetAddress,
    buffer: &'b mut [u8; LONGEST],
) -> &'b [u8] {
    let ip = IpRepr::new(peer, local, IpProtocol::Tcp, tcp.buffer_len(), 64);
    let ethertype = match peer {
        IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
    };
    let checksums = ChecksumCapabilities::default();
    let mut frame = EthernetFrame::new_unchecked(&mut buffer[..]);
    EthernetRepr { src_addr: mac, dst_addr: mac, ethertype }.emit(&mut frame);
    let packet = frame.payload_mut();
    ip.emit(&mut *packet, &checksums);
    let segment = &mut packet[ip.header_len()..ip.buffer_len()];
    tcp.emit(&mut TcpPacket::new_unchecked(segment), &peer, &local, &checksums);
    &buffer[..14 + ip.buffer_len()]
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::{Ipv4Packet, Ipv6Packet};

    use super::*;

    #[test]
    fn what_the_peer_is_made_to_say_is_right_in_both_versions_of_ip() {
        let ends = [IpAddress::v4(10, 0, 0, 1), IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1)];
        for (address, expected) in ends.into_iter().zip([54, 74]) {
            let ack = ack([40_000, 2333], TcpSeqNumber(-7));
            let tcp = TcpRepr { seq_number: TcpSeqNumber(1), window_len: 5, ..ack };
            let mac = EthernetAddress([2, 0, 0, 0, 0, 1]);
            let mut buffer = [0; LONGEST];
            let frame = emit(&tcp, [address; 2], mac, &mut buffer);
            assert_eq!(frame.len(), expected);
            let frame = EthernetFrame::new_unchecked(frame);
            let segment = match address {
                IpAddress::Ipv4(_) => Ipv4Packet::new_checked(frame.payload()).unwrap().payload(),
                IpAddress::Ipv6(_) => Ipv6Packet::new_checked(frame.payload()).unwrap().payload(),
            };
            let segment = TcpPacket::new_checked(segment).unwrap();
            let all = ChecksumCapabilities::default();
            assert_eq!(TcpRepr::parse(&segment, &address, &address, &all).unwrap(), tcp);
        }
    }
}
