//! The addresses of this host, and what they say about those of others.

use smoltcp::iface::Interface;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

/// The addresses of an interface.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses<'i> {
    pub(crate) mac: EthernetAddress,
    pub(crate) ip: &'i [IpCidr],
}

impl<'i> Addresses<'i> {
    /// The addresses of this interface, which must be an Ethernet interface.
    pub(crate) fn of(interface: &'i Interface) -> Self {
        let mac = EthernetAddress::from_bytes(interface.hardware_addr().as_bytes());
        Self { mac, ip: interface.ip_addrs() }
    }

    /// Whether this is one of this host's own addresses.
    pub(crate) fn has(&self, address: IpAddress) -> bool {
        self.ip.iter().any(|own| own.address() == address)
    }

    /// Whether this can be the unicast address of another host.
    pub(crate) fn is_other_host(&self, address: IpAddress) -> bool {
        address.is_unicast()
            && !self.has(address)
            && !self.ip.iter().any(|own| match own {
                IpCidr::Ipv4(own) => own.broadcast().map(IpAddress::from) == Some(address),
                #[cfg(feature = "ipv6")]
                IpCidr::Ipv6(_) => false,
            })
    }

    /// This host's own address in the subnet of another host, if frames go there directly
    /// and not through a gateway.
    pub(crate) fn beside(&self, address: IpAddress) -> Option<IpAddress> {
        let subnet = self.ip.iter().find(|own| own.contains_addr(&address))?;
        Some(subnet.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_told_from_this_host_from_many_and_from_afar() {
        let ip = [
            IpCidr::new(IpAddress::v4(10, 0, 0, 1), 24),
            IpCidr::new(IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1), 64),
        ];
        let addresses = Addresses { mac: EthernetAddress([2, 0, 0, 0, 0, 1]), ip: &ip };
        // Own, another host's, on the link.
        for (address, expected) in [
            (IpAddress::v4(10, 0, 0, 1), [true, false, true]),
            (IpAddress::v4(10, 0, 0, 2), [false, true, true]),
            (IpAddress::v4(10, 0, 1, 2), [false, true, false]),
            (IpAddress::v4(10, 0, 0, 255), [false, false, true]),
            (IpAddress::v4(255, 255, 255, 255), [false, false, false]),
            (IpAddress::v4(224, 0, 0, 1), [false, false, false]),
            (IpAddress::v4(0, 0, 0, 0), [false, false, false]),
            (IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1), [true, false, true]),
            (IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 2), [false, true, true]),
            (IpAddress::v6(0xfdab, 0, 0, 0, 0, 0, 0, 2), [false, true, false]),
            (IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1), [false, false, false]),
        ] {
            let told = [
                addresses.has(address),
                addresses.is_other_host(address),
                addresses.beside(address).is_some(),
            ];
            assert_eq!(told, expected, "{address}");
        }
    }
}
