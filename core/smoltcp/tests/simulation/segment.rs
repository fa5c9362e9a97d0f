//! TCP segments made by hand, and those of the server taken apart.

use echo_core::Instant;
use echo_smoltcp::Service;
use echo_smoltcp::smoltcp::phy::ChecksumCapabilities;
use echo_smoltcp::smoltcp::wire::{
    EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, Ipv4Address, Ipv4Packet,
    Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use crate::world::{CLIENT_MAC, SERVER, SERVER_MAC};

/// A segment to the server, of a peer that takes 1000 bytes at once.
pub(crate) fn segment(
    port: u16,
    control: TcpControl,
    number: TcpSeqNumber,
    acknowledged: Option<TcpSeqNumber>,
) -> TcpRepr<'static> {
    TcpRepr {
        src_port: port,
        dst_port: Service::default().port,
        control,
        seq_number: number,
        ack_number: acknowledged,
        window_len: 1000,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    }
}

/// The frame of a SYN to the server.
pub(crate) fn syn(from: Ipv4Address, port: u16, number: i32) -> Vec<u8> {
    frame(from, &segment(port, TcpControl::Syn, TcpSeqNumber(number), None))
}

/// The frame of a segment to the server.
pub(crate) fn frame(from: Ipv4Address, tcp: &TcpRepr<'_>) -> Vec<u8> {
    let IpAddress::Ipv4(to) = SERVER else { panic!("the server speaks IPv4") };
    let ip = Ipv4Repr {
        src_addr: from,
        dst_addr: to,
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    };
    let ethernet = EthernetRepr {
        src_addr: CLIENT_MAC,
        dst_addr: SERVER_MAC,
        ethertype: EthernetProtocol::Ipv4,
    };
    let checksums = ChecksumCapabilities::default();
    let mut bytes = vec![0; 14 + ip.buffer_len() + tcp.buffer_len()];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    ethernet.emit(&mut frame);
    let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet, &checksums);
    let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
    tcp.emit(&mut segment, &from.into(), &SERVER, &checksums);
    bytes
}

/// A segment of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) port: u16,
    pub(crate) control: TcpControl,
    pub(crate) number: TcpSeqNumber,
    pub(crate) acknowledged: Option<TcpSeqNumber>,
    pub(crate) bytes: usize,
}

impl Heard {
    /// `None` if the frame holds something else.
    pub(crate) fn parse(at: Instant, frame: &[u8]) -> Option<Self> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
        let (from, to) = (packet.src_addr().into(), packet.dst_addr().into());
        let segment = TcpPacket::new_checked(packet.payload()).ok()?;
        let checksums = ChecksumCapabilities::default();
        let tcp = TcpRepr::parse(&segment, &from, &to, &checksums).ok()?;
        Some(Self {
            at,
            port: tcp.dst_port,
            control: tcp.control,
            number: tcp.seq_number,
            acknowledged: tcp.ack_number,
            bytes: tcp.payload.len(),
        })
    }
}
