//! Packets that no honest stack sends.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// Sends one ping; whether it is answered.
pub(crate) fn ping(address: Ipv4Addr, body: &[u8]) -> bool {
    let mut socket =
        Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("root may");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("not zero");
    let mut request = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
    request.extend_from_slice(body);
    let sum = checksum(&request);
    request[2..4].copy_from_slice(&sum.to_be_bytes());
    socket.send_to(&request, &SocketAddr::from((address, 0)).into()).expect("a way there");
    let mut packet = [0; 2048];
    // Other ICMP packets may come before; each read is bounded.
    (0..10).any(|_| {
        let length = socket.read(&mut packet).unwrap_or(0);
        let reply = packet[..length].get(20..).unwrap_or_default();
        reply.first() == Some(&0) && reply.get(8..) == Some(body)
    })
}

/// A socket for whole IPv4 packets.
pub(crate) fn ip_socket() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)));
    let socket = socket.expect("root may");
    socket.set_header_included_v4(true).expect("a raw socket");
    socket
}

/// An IPv4 packet; the kernel fills in its length and checksum.
pub(crate) fn ip_packet(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0];
    packet.extend_from_slice(&from.octets());
    packet.extend_from_slice(&to.octets());
    packet.extend_from_slice(payload);
    packet
}

/// A SYN.
pub(crate) fn syn(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend_from_slice(&from.1.to_be_bytes());
    segment.extend_from_slice(&to.1.to_be_bytes());
    segment.extend_from_slice(&[0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    let mut summed = Vec::from(from.0.octets());
    summed.extend_from_slice(&to.0.octets());
    summed.extend_from_slice(&[0, 6, 0, 20]);
    summed.extend_from_slice(&segment);
    segment[16..18].copy_from_slice(&checksum(&summed).to_be_bytes());
    ip_packet(from.0, to.0, 6, &segment)
}

/// The internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
