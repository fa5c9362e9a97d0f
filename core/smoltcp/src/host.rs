//! An interface with its addresses, checked: smoltcp panics where this returns an error.

use core::fmt;

use echo_core::Instant;
use smoltcp::iface::{Config, Interface};
use smoltcp::phy::Device;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::clock::to_wire;

/// The addresses of an interface.
#[derive(Debug, Clone, Copy)]
pub struct Host<'h> {
    /// The Ethernet address of the interface, unicast.
    pub mac: EthernetAddress,
    /// The IP addresses with their subnets, unicast, at most [`Host::ADDRESSES`].
    pub addresses: &'h [IpCidr],
    /// Default gateways, at most one for each version of IP.
    pub gateways: &'h [IpAddress],
    /// The seed of the sequence numbers. It should differ at each start, or a peer
    /// may take a new connection for an old one.
    pub seed: u64,
}

/// Why an interface cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostError {
    /// More addresses than there is room for.
    TooManyAddresses,
    /// A multicast, broadcast or unspecified address.
    NotUnicast(IpAddress),
    /// A multicast or broadcast Ethernet address.
    MacNotUnicast(EthernetAddress),
    /// More gateways than there is room for.
    TooManyGateways,
}

impl Host<'_> {
    /// The most addresses that an interface can have.
    pub const ADDRESSES: usize = smoltcp::config::IFACE_MAX_ADDR_COUNT;

    /// Makes the interface. Its device must be an Ethernet device, and the one
    /// that it is used with: its capabilities are read here, once.
    ///
    /// # Errors
    ///
    /// [`HostError`] if an address is unfit or there are too many.
    pub fn interface(
        &self,
        device: &mut impl Device,
        now: Instant,
    ) -> Result<Interface, HostError> {
        if !self.mac.is_unicast() {
            return Err(HostError::MacNotUnicast(self.mac));
        }
        if let Some(cidr) = self.addresses.iter().find(|cidr| !cidr.address().is_unicast()) {
            return Err(HostError::NotUnicast(cidr.address()));
        }
        let mut config = Config::new(self.mac.into());
        config.random_seed = self.seed;
        let mut interface = Interface::new(config, device, to_wire(now));
        let mut fits = true;
        interface.update_ip_addrs(|addresses| {
            fits = addresses.extend_from_slice(self.addresses).is_ok();
        });
        if !fits {
            return Err(HostError::TooManyAddresses);
        }
        for gateway in self.gateways {
            let routes = interface.routes_mut();
            match *gateway {
                IpAddress::Ipv4(gateway) => routes.add_default_ipv4_route(gateway).map(|_| ()),
                #[cfg(feature = "ipv6")]
                IpAddress::Ipv6(gateway) => routes.add_default_ipv6_route(gateway).map(|_| ()),
            }
            .map_err(|_| HostError::TooManyGateways)?;
        }
        Ok(interface)
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyAddresses => {
                write!(f, "more than {} addresses for one interface", Host::ADDRESSES)
            }
            Self::NotUnicast(address) => write!(f, "{address} is not a unicast address"),
            Self::MacNotUnicast(mac) => write!(f, "{mac} is not a unicast address"),
            Self::TooManyGateways => f.write_str("more gateways than the routing table holds"),
        }
    }
}

impl core::error::Error for HostError {}
