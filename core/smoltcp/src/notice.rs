//! The sentence "this IP address is at this Ethernet address", as a frame: an
//! ARP reply, or a neighbour advertisement (RFC 826, RFC 4861).
//!
//! It answers a host that asks whether one of this host's addresses is free, and it
//! tells smoltcp the addresses of peers that their frames have shown.

use smoltcp::phy::TxToken;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpAddress, Ipv4Address,
};
#[cfg(feature = "ipv6")]
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Address, Ipv6Packet, Ipv6Repr,
        NdiscNeighborFlags, NdiscRepr,
    },
};

/// The Ethernet address of an IP address, and the host to tell it to; both have one IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) address: IpAddress,
    pub(crate) mac: EthernetAddress,
    pub(crate) to: IpAddress,
    pub(crate) to_mac: EthernetAddress,
}

impl Notice {
    pub(crate) const LONGEST: usize = 14 + 40 + 32;

    pub(crate) fn send(self, token: impl TxToken) {
        token.consume(self.len(), |frame| self.emit(frame));
    }

    pub(crate) const fn len(&self) -> usize {
        match self.address {
            IpAddress::Ipv4(_) => 14 + 28,
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(_) => Self::LONGEST,
        }
    }

    /// Writes it into a frame of its length.
    pub(crate) fn emit(&self, frame: &mut [u8]) {
        let mut frame = EthernetFrame::new_unchecked(frame);
        let (src_addr, dst_addr) = (self.mac, self.to_mac);
        match (self.address, self.to) {
            (IpAddress::Ipv4(address), IpAddress::Ipv4(to)) => {
                EthernetRepr { src_addr, dst_addr, ethertype: EthernetProtocol::Arp }
                    .emit(&mut frame);
                self.reply(address, to).emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
            }
            #[cfg(feature = "ipv6")]
            (IpAddress::Ipv6(address), IpAddress::Ipv6(to)) => {
                EthernetRepr { src_addr, dst_addr, ethertype: EthernetProtocol::Ipv6 }
                    .emit(&mut frame);
                self.advertise(address, to, &mut Ipv6Packet::new_unchecked(frame.payload_mut()));
            }
            #[cfg(feature = "ipv6")]
            _ => {}
        }
    }

    const fn reply(&self, address: Ipv4Address, to: Ipv4Address) -> ArpRepr {
        ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: self.mac,
            source_protocol_addr: address,
            target_hardware_addr: self.to_mac,
            target_protocol_addr: to,
        }
    }

    #[cfg(feature = "ipv6")]
    fn advertise(&self, address: Ipv6Address, to: Ipv6Address, packet: &mut Ipv6Packet<&mut [u8]>) {
        let advert = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
            flags: NdiscNeighborFlags::OVERRIDE,
            target_addr: address,
            lladdr: Some(self.mac.into()),
        });
        let header = Ipv6Repr {
            src_addr: address,
            dst_addr: to,
            next_header: IpProtocol::Icmpv6,
            payload_len: advert.buffer_len(),
            // Or the receiver takes it for one that a router has let in.
            hop_limit: 255,
        };
        header.emit(packet);
        let mut icmp = Icmpv6Packet::new_unchecked(packet.payload_mut());
        advert.emit(&address, &to, &mut icmp, &ChecksumCapabilities::default());
    }
}
