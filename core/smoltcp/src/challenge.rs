//! The answer to a SYN on an existing connection: a challenge ACK (RFC 9293,
//! 3.10.7.4; RFC 5961, 4). A peer that has restarted answers it with a reset, and its
//! next SYN opens a connection; any other peer ignores it, so that nobody can end a
//! connection with a forged SYN.

use echo_core::Instant;
use smoltcp::iface::SocketSet;
use smoltcp::phy::{ChecksumCapabilities, Device};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, IpRepr,
    TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use crate::addresses::Addresses;
use crate::clock::to_wire;
use crate::demux::Flow;
use crate::link::Link;

/// The headers of Ethernet, IPv6 and TCP.
const LONGEST: usize = 14 + 40 + 20;

/// Makes the one socket of the set send a challenge ACK, if it has sent none for a
/// second.
///
/// smoltcp drops a SYN without sending one, because a SYN acknowledges nothing; but a
/// segment that acknowledges what was never sent is answered by that very ACK. Only the
/// socket knows what was sent; but of two numbers that are half of the number space
/// apart, one is ahead, and the other is behind and draws nothing. If one of them hits
/// what is in flight, it is still a SYN, which changes no state.
pub(crate) fn challenge(
    now: Instant,
    flow: &Flow,
    link: &mut Link,
    device: &mut impl Device,
    sockets: &mut SocketSet<'_>,
) {
    let mac = Addresses::of(&link.interface).mac;
    for number in [0, i32::MIN] {
        let Some(answer) = device.transmit(to_wire(now)) else { return };
        let mut frame = [0; LONGEST];
        let length = emit(flow, mac, TcpSeqNumber(number), &mut frame);
        link.show(now, &frame[..length], answer, sockets);
    }
}

/// Writes a SYN of the peer that acknowledges this number, and returns its length.
fn emit(flow: &Flow, mac: EthernetAddress, number: TcpSeqNumber, frame: &mut [u8]) -> usize {
    let tcp = TcpRepr {
        src_port: flow.peer.port,
        dst_port: flow.local.port,
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber::default(),
        ack_number: Some(number),
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (peer, local) = (flow.peer.addr, flow.local.addr);
    let ip = IpRepr::new(peer, local, IpProtocol::Tcp, tcp.buffer_len(), 64);
    let ethertype = match peer {
        IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
    };
    let checksums = ChecksumCapabilities::default();
    let mut frame = EthernetFrame::new_unchecked(frame);
    EthernetRepr { src_addr: mac, dst_addr: mac, ethertype }.emit(&mut frame);
    let packet = frame.payload_mut();
    ip.emit(&mut *packet, &checksums);
    let segment = &mut packet[ip.header_len()..ip.buffer_len()];
    tcp.emit(&mut TcpPacket::new_unchecked(segment), &peer, &local, &checksums);
    14 + ip.buffer_len()
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::{IpEndpoint, Ipv4Packet, Ipv6Packet};

    use super::*;

    #[test]
    fn what_the_peer_is_made_to_say_is_right_in_both_versions_of_ip() {
        let ends = [IpAddress::v4(10, 0, 0, 1), IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1)];
        for (address, expected) in ends.into_iter().zip([54, 74]) {
            let [peer, local] = [40_000, 2333].map(|port| IpEndpoint::new(address, port));
            let (mac, number) = (EthernetAddress([2, 0, 0, 0, 0, 1]), TcpSeqNumber(-7));
            let mut frame = [0; LONGEST];
            let length = emit(&Flow { peer, local }, mac, number, &mut frame);
            assert_eq!(length, expected);
            let frame = EthernetFrame::new_unchecked(&frame[..length]);
            let segment = match address {
                IpAddress::Ipv4(_) => Ipv4Packet::new_checked(frame.payload()).unwrap().payload(),
                IpAddress::Ipv6(_) => Ipv6Packet::new_checked(frame.payload()).unwrap().payload(),
            };
            let segment = TcpPacket::new_checked(segment).unwrap();
            let all = ChecksumCapabilities::default();
            let tcp = TcpRepr::parse(&segment, &address, &address, &all).unwrap();
            assert_eq!((tcp.src_port, tcp.dst_port), (40_000, 2333));
            assert_eq!((tcp.control, tcp.ack_number), (TcpControl::Syn, Some(number)));
        }
    }
}
