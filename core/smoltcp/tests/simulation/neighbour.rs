//! Hosts on the server's link, each with its own addresses: the frames they send,
//! and what frames of the server say to them.

use echo_smoltcp::smoltcp::phy::ChecksumCapabilities;
use echo_smoltcp::smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Icmpv4Message, Icmpv4Packet, Icmpv4Repr, Icmpv6Message, Icmpv6Packet, Icmpv6Repr,
    IpAddress, IpProtocol, IpRepr, Ipv4Address, Ipv4Packet, Ipv6Address, Ipv6Packet, NdiscRepr,
    TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use crate::segment::segment;
use crate::world::{SERVER, SERVER_MAC, SERVER_V6};

/// A host with one address, and one connection to the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbour {
    pub(crate) mac: EthernetAddress,
    pub(crate) ip: IpAddress,
    pub(crate) number: TcpSeqNumber,
    pub(crate) acknowledged: Option<TcpSeqNumber>,
}

/// What a frame of the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Segment {
        control: TcpControl,
        bytes: usize,
    },
    Pong,
    /// ARP or neighbour discovery: a question, or else an answer.
    Where {
        asks: bool,
    },
    Else,
}

impl Neighbour {
    pub(crate) fn v4(number: u8) -> Self {
        Self::new(number, IpAddress::v4(192, 168, 69, number))
    }

    pub(crate) fn v6(number: u8) -> Self {
        Self::new(number, IpAddress::v6(0xfd69, 0, 0, 0, 0, 0, 0, number.into()))
    }

    fn new(number: u8, ip: IpAddress) -> Self {
        let mac = EthernetAddress([2, 0, 0, 0, 1, number]);
        Self { mac, ip, number: TcpSeqNumber(100), acknowledged: None }
    }

    pub(crate) fn server(&self) -> IpAddress {
        match self.ip {
            IpAddress::Ipv4(_) => SERVER,
            IpAddress::Ipv6(_) => SERVER_V6,
        }
    }

    pub(crate) fn frame(&self, ethertype: EthernetProtocol, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 14 + payload.len()];
        let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
        EthernetRepr { src_addr: self.mac, dst_addr: SERVER_MAC, ethertype }.emit(&mut frame);
        frame.payload_mut().copy_from_slice(payload);
        bytes
    }

    pub(crate) fn packet(&self, to: IpAddress, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
        let hop_limit = if protocol == IpProtocol::Icmpv6 { 255 } else { 64 };
        let ip = IpRepr::new(self.ip, to, protocol, payload.len(), hop_limit);
        let mut bytes = vec![0; ip.buffer_len()];
        ip.emit(&mut bytes[..], &ChecksumCapabilities::default());
        bytes[ip.header_len()..].copy_from_slice(payload);
        let ethertype = match self.ip {
            IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
            IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
        };
        self.frame(ethertype, &bytes)
    }

    /// A segment to `to`, as bytes.
    pub(crate) fn segment(&self, to: IpAddress, control: TcpControl, payload: &[u8]) -> Vec<u8> {
        let port = 2000 + u16::from(self.mac.0[5]);
        let tcp = TcpRepr { payload, ..segment(port, control, self.number, self.acknowledged) };
        let mut bytes = vec![0; tcp.buffer_len()];
        let mut packet = TcpPacket::new_unchecked(&mut bytes[..]);
        tcp.emit(&mut packet, &self.ip, &to, &ChecksumCapabilities::default());
        bytes
    }

    pub(crate) fn syn(&self) -> Vec<u8> {
        let segment = self.segment(self.server(), TcpControl::Syn, &[]);
        self.packet(self.server(), IpProtocol::Tcp, &segment)
    }

    /// The last segment of the handshake, after this answer to the SYN.
    pub(crate) fn ack(&mut self, answer: &[u8]) -> Vec<u8> {
        let answer = TcpPacket::new_checked(transport(answer)).expect("a segment");
        self.acknowledged = Some(answer.seq_number() + 1);
        self.number += 1;
        self.says(b"")
    }

    /// A segment with these bytes, after which others are counted.
    pub(crate) fn says(&mut self, bytes: &[u8]) -> Vec<u8> {
        let segment = self.segment(self.server(), TcpControl::Psh, bytes);
        self.number += bytes.len();
        self.packet(self.server(), IpProtocol::Tcp, &segment)
    }

    pub(crate) fn ping(&self) -> Vec<u8> {
        let checksums = ChecksumCapabilities::default();
        let (ident, seq_no, data) = (1, 1, b"ping".as_slice());
        let mut bytes = [0; 12];
        match (self.ip, self.server()) {
            (IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
                let ping = Icmpv6Repr::EchoRequest { ident, seq_no, data };
                let mut packet = Icmpv6Packet::new_unchecked(&mut bytes[..]);
                ping.emit(&from, &to, &mut packet, &checksums);
                self.packet(self.server(), IpProtocol::Icmpv6, &bytes)
            }
            _ => {
                let ping = Icmpv4Repr::EchoRequest { ident, seq_no, data };
                ping.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes[..]), &checksums);
                self.packet(self.server(), IpProtocol::Icmp, &bytes)
            }
        }
    }

    /// The question where `target` is, to all; from `ip`, which may be none yet.
    pub(crate) fn arp(&self, ip: Ipv4Address, target: Ipv4Address) -> Vec<u8> {
        let mut bytes = [0; 28];
        let question = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: self.mac,
            source_protocol_addr: ip,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: target,
        };
        question.emit(&mut ArpPacket::new_unchecked(&mut bytes[..]));
        let mut frame = self.frame(EthernetProtocol::Arp, &bytes);
        frame[..6].fill(0xff);
        frame
    }

    /// The same in IPv6.
    pub(crate) fn solicit(&self, ip: Ipv6Address, target_addr: Ipv6Address) -> Vec<u8> {
        let group = Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1);
        let question = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr: None });
        let mut bytes = vec![0; question.buffer_len()];
        let mut message = Icmpv6Packet::new_unchecked(&mut bytes[..]);
        question.emit(&ip, &group, &mut message, &ChecksumCapabilities::default());
        let from = Self { ip: ip.into(), ..*self };
        let mut frame = from.packet(group.into(), IpProtocol::Icmpv6, &bytes);
        frame[..6].copy_from_slice(&[0x33, 0x33, 0xff, 0, 0, 1]);
        frame
    }
}

/// To whom a frame goes, and what it says.
pub(crate) fn said(bytes: &[u8]) -> (EthernetAddress, Said) {
    let frame = EthernetFrame::new_checked(bytes).expect("the server sends frames");
    (frame.dst_addr(), content(&frame))
}

fn content(frame: &EthernetFrame<&[u8]>) -> Said {
    let protocol = match frame.ethertype() {
        EthernetProtocol::Arp => {
            let arp = ArpPacket::new_checked(frame.payload()).expect("a whole packet");
            return Said::Where { asks: arp.operation() == ArpOperation::Request };
        }
        EthernetProtocol::Ipv4 => Ipv4Packet::new_unchecked(frame.payload()).next_header(),
        _ => Ipv6Packet::new_unchecked(frame.payload()).next_header(),
    };
    let payload = transport(frame.as_ref());
    match protocol {
        IpProtocol::Tcp => {
            let segment = TcpPacket::new_checked(payload).expect("a whole segment");
            let control = match (segment.syn(), segment.fin(), segment.rst()) {
                (true, ..) => TcpControl::Syn,
                (_, true, _) => TcpControl::Fin,
                (.., true) => TcpControl::Rst,
                _ => TcpControl::None,
            };
            Said::Segment { control, bytes: segment.payload().len() }
        }
        IpProtocol::Icmp => match Icmpv4Packet::new_unchecked(payload).msg_type() {
            Icmpv4Message::EchoReply => Said::Pong,
            _ => Said::Else,
        },
        _ => match Icmpv6Packet::new_unchecked(payload).msg_type() {
            Icmpv6Message::EchoReply => Said::Pong,
            Icmpv6Message::NeighborSolicit => Said::Where { asks: true },
            Icmpv6Message::NeighborAdvert => Said::Where { asks: false },
            _ => Said::Else,
        },
    }
}

/// What is behind the IP header.
fn transport(frame: &[u8]) -> &[u8] {
    &frame[if frame[12..14] == [8, 0] { 34 } else { 54 }..]
}
