//! Frames made from bytes: right ones, nearly right ones, and noise.

use arbitrary::{Result, Unstructured};
use echo_smoltcp::smoltcp::phy::ChecksumCapabilities;
use echo_smoltcp::smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv4Packet, Icmpv6Packet,
    IpAddress, IpProtocol, IpRepr, Ipv4Packet, TcpPacket,
};

use crate::wire::{OWN, OWN_MAC, PEER, PEER_MAC};

pub(crate) const PORT: u16 = 2333;

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

/// A TCP segment with all that its header says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'b> {
    pub(crate) from: IpAddress,
    pub(crate) to: IpAddress,
    pub(crate) ports: [u16; 2],
    pub(crate) number: u32,
    pub(crate) acknowledged: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) options: &'b [u8],
    pub(crate) payload: &'b [u8],
}

impl Segment<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let options = self.options.len().min(40).next_multiple_of(4);
        let mut bytes = vec![0; 20 + options];
        bytes[0..2].copy_from_slice(&self.ports[0].to_be_bytes());
        bytes[2..4].copy_from_slice(&self.ports[1].to_be_bytes());
        bytes[4..8].copy_from_slice(&self.number.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.acknowledged.to_be_bytes());
        bytes[12] = ((20 + options) as u8 / 4) << 4;
        bytes[13] = self.flags;
        bytes[14..16].copy_from_slice(&self.window.to_be_bytes());
        for (place, option) in bytes[20..].iter_mut().zip(self.options) {
            *place = *option;
        }
        bytes.extend(self.payload);
        TcpPacket::new_unchecked(&mut bytes[..]).fill_checksum(&self.from, &self.to);
        bytes
    }

    /// In a frame from the peer to the host.
    pub(crate) fn frame(&self) -> Vec<u8> {
        packet([PEER_MAC, OWN_MAC], self.from, self.to, 64, IpProtocol::Tcp, &self.bytes())
    }
}

/// An IP packet in a frame; both addresses are of one version.
pub(crate) fn packet(
    [from_mac, to_mac]: [EthernetAddress; 2],
    from: IpAddress,
    to: IpAddress,
    hop_limit: u8,
    protocol: IpProtocol,
    payload: &[u8],
) -> Vec<u8> {
    let ip = IpRepr::new(from, to, protocol, payload.len(), hop_limit);
    let mut bytes = vec![0; 14 + ip.buffer_len()];
    let ethertype = match from {
        IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
        IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
    };
    EthernetRepr { src_addr: from_mac, dst_addr: to_mac, ethertype }
        .emit(&mut EthernetFrame::new_unchecked(&mut bytes[..]));
    ip.emit(&mut bytes[14..], &ChecksumCapabilities::default());
    bytes[14 + ip.header_len()..].copy_from_slice(payload);
    bytes
}

/// What a host may meet.
pub(crate) fn any(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let version = usize::from(u.arbitrary::<bool>()?);
    let macs = [*u.choose(&[PEER_MAC, PEER_MAC, PEER_MAC, OWN_MAC, MULTICAST])?, to_mac(u)?];
    let (from, to) = (address(u, version, PEER)?, address(u, version, OWN)?);
    let mut frame = match u.int_in_range(0..=7)? {
        0 => {
            let length = u.int_in_range(0..=80)?.min(u.len());
            [to_mac(u)?.as_bytes(), macs[0].as_bytes(), u.bytes(length)?].concat()
        }
        1 => arp(u, macs)?,
        2 => {
            let (protocol, payload) = icmp(u, from, to)?;
            packet(macs, from, to, *u.choose(&[255, 64, 0])?, protocol, &payload)
        }
        3 if version == 1 => {
            // Options that smoltcp skips, refuses, or cannot read.
            let options =
                *u.choose(&[[1, 4, 0, 0, 0, 0], [5, 2, 0, 0, 1, 0], [0xc0, 4, 0, 0, 0, 0]])?;
            let length = u.int_in_range(0..=2)?;
            let mut payload = vec![6, length, 0, 0, 0, 0, 0, 0];
            payload[2..].copy_from_slice(&options);
            payload.resize(8 + 8 * usize::from(length), 0);
            payload.extend(segment(u, from, to)?.bytes());
            packet(macs, from, to, 64, IpProtocol::HopByHop, &payload)
        }
        4 => {
            let length = u.int_in_range(0..=40)?.min(u.len());
            let protocol = u.arbitrary::<u8>()?.into();
            packet(macs, from, to, 64, protocol, u.bytes(length)?)
        }
        _ => packet(macs, from, to, 64, IpProtocol::Tcp, &segment(u, from, to)?.bytes()),
    };
    if !u.ratio(7, 8)? && frame.get(12..14) == Some(&[8, 0]) && frame.len() >= 34 {
        // A fragment, or a packet that must not become one.
        frame[20] = *u.choose(&[0x20, 0x40, 0x01])?;
        // A random header may claim to be longer than its frame: that one has no checksum.
        if let Ok(mut packet) = Ipv4Packet::new_checked(&mut frame[14..]) {
            packet.fill_checksum();
        }
    }
    mutate(u, &mut frame)?;
    Ok(frame)
}

/// Changes some bytes, or cuts some off.
pub(crate) fn mutate(u: &mut Unstructured<'_>, frame: &mut Vec<u8>) -> Result<()> {
    for _ in 0..*u.choose(&[0, 0, 0, 1, 2, 4])? {
        if !frame.is_empty() {
            let place = u.choose_index(frame.len())?;
            frame[place] = u.arbitrary()?;
        }
    }
    if !u.ratio(7, 8)? {
        frame.truncate(u.int_in_range(0..=frame.len())?);
    }
    Ok(())
}

const MULTICAST: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);

fn to_mac(u: &mut Unstructured<'_>) -> Result<EthernetAddress> {
    let other = EthernetAddress([2, 0, 0, 0, 0, 9]);
    u.choose(&[OWN_MAC, OWN_MAC, OWN_MAC, EthernetAddress::BROADCAST, MULTICAST, other]).copied()
}

/// Usually this one.
fn address(u: &mut Unstructured<'_>, version: usize, usual: [IpAddress; 2]) -> Result<IpAddress> {
    const V4: [[u8; 4]; 6] =
        [[0; 4], [255; 4], [10, 0, 0, 255], [224, 0, 0, 1], [10, 0, 0, 9], [127, 0, 0, 1]];
    const V6: [[u16; 2]; 6] = [[0, 0], [0, 1], [0xff02, 1], [0xff02, 2], [0xfdaa, 9], [0xfe80, 1]];
    let ends = [OWN[version], PEER[version]];
    Ok(match u.int_in_range(0..=15)? {
        index @ 0..=5 if version == 0 => IpAddress::Ipv4(V4[index].into()),
        index @ 0..=5 => IpAddress::v6(V6[index][0], 0, 0, 0, 0, 0, 0, V6[index][1]),
        6..=7 => *u.choose(&ends)?,
        _ => usual[version],
    })
}

fn segment<'b>(u: &mut Unstructured<'b>, from: IpAddress, to: IpAddress) -> Result<Segment<'b>> {
    let flags = *u.choose(&[SYN, SYN, SYN, ACK, SYN | ACK, RST, FIN, FIN | ACK])?;
    let flags = if u.ratio(1, 8)? { u.arbitrary()? } else { flags };
    let (number, acknowledged) = (u.arbitrary()?, u.arbitrary()?);
    let ports = [*u.choose(&[1024, 0, 65_535])?, *u.choose(&[PORT, PORT, PORT, 7, 0])?];
    let window = u.arbitrary()?;
    let length = if u.ratio(3, 4)? { 0 } else { u.int_in_range(0..=16)?.min(u.len()) };
    let options = u.bytes(length)?;
    let length = u.int_in_range(0..=16)?.min(u.len());
    let payload = u.bytes(length)?;
    Ok(Segment { from, to, ports, number, acknowledged, flags, window, options, payload })
}

fn arp(u: &mut Unstructured<'_>, macs: [EthernetAddress; 2]) -> Result<Vec<u8>> {
    let [from, to] = [PEER, OWN].map(|usual| address(u, 0, usual));
    let (IpAddress::Ipv4(from), IpAddress::Ipv4(to)) = (from?, to?) else { return Ok(Vec::new()) };
    let mut frame = [macs[1].as_bytes(), macs[0].as_bytes()].concat();
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, u.int_in_range(1..=2)?]);
    frame.extend(u.choose(&[PEER_MAC, MULTICAST, OWN_MAC])?.as_bytes());
    frame.extend(from.octets());
    frame.extend(macs[1].as_bytes());
    frame.extend(to.octets());
    Ok(frame)
}

/// A ping, or a question for a neighbour.
fn icmp(u: &mut Unstructured<'_>, from: IpAddress, to: IpAddress) -> Result<(IpProtocol, Vec<u8>)> {
    let (IpAddress::Ipv6(from), IpAddress::Ipv6(to)) = (from, to) else {
        let mut ping = vec![*u.choose(&[8, 0, 3])?, 0, 0, 0, 0, 1, 0, 1, 42];
        Icmpv4Packet::new_unchecked(&mut ping[..]).fill_checksum();
        return Ok((IpProtocol::Icmp, ping));
    };
    let mut message = vec![*u.choose(&[128, 135, 136, 129, 1])?, 0, 0, 0, 0, 0, 0, 0];
    if matches!(message[0], 135 | 136) {
        let IpAddress::Ipv6(target) = address(u, 1, OWN)? else {
            return Ok((IpProtocol::Icmpv6, message));
        };
        message.extend(target.octets());
        if u.arbitrary()? {
            message.extend([1, 1]);
            message.extend(PEER_MAC.as_bytes());
        }
    }
    Icmpv6Packet::new_unchecked(&mut message[..]).fill_checksum(&from, &to);
    Ok((IpProtocol::Icmpv6, message))
}
