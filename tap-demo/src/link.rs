//! The host's side of the TAP interface, seen and set by netlink.
//!
//! The message types and the socket are those of the rust-netlink project,
//! without its asynchronous layers: a few requests need no runtime.

mod netlink;

use std::io;
use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use self::netlink::Netlink;

/// The kernel's end of a network interface.
#[derive(Debug)]
pub struct Link {
    netlink: Netlink,
    name: String,
    index: u32,
    /// The bridge, or other controller, of which it is a port.
    controller: Option<u32>,
    mac: Option<EthernetAddress>,
    up: bool,
    ipv6: bool,
    mtu: usize,
}

/// An address of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAddress {
    /// The address itself.
    pub own: IpAddress,
    /// What the host reaches directly on the interface that has the address.
    pub subnet: IpCidr,
    /// The index of that interface.
    pub index: u32,
    /// Whether that interface is ours, or a bridge of which ours is a port.
    pub ours: bool,
}

impl Link {
    /// Finds the interface.
    ///
    /// # Errors
    ///
    /// If there is no such interface, or it is not a TAP interface.
    pub fn find(name: &str) -> Result<Self> {
        let mut netlink = Netlink::open().context("cannot open a netlink socket")?;
        let by_name = LinkAttribute::IfName(name.into());
        let link = netlink.link(|question| question.attributes.push(by_name));
        let link = link.with_context(|| format!("cannot find the interface {name}"))?;
        let mut found = Self {
            netlink,
            name: name.into(),
            index: link.header.index,
            controller: None,
            mac: None,
            up: link.header.flags.contains(LinkFlags::Up),
            ipv6: false,
            mtu: 1500,
        };
        let mut is_tun = false;
        for attribute in link.attributes {
            match attribute {
                LinkAttribute::Mtu(mtu) => found.mtu = usize::try_from(mtu).unwrap_or(found.mtu),
                LinkAttribute::Controller(index) => found.controller = Some(index),
                LinkAttribute::Address(mac) => {
                    let mac = mac.try_into().ok();
                    found.mac = mac.map(|mac: [u8; 6]| EthernetAddress(mac));
                }
                LinkAttribute::LinkInfo(infos) => {
                    is_tun = infos.contains(&LinkInfo::Kind(InfoKind::Tun));
                }
                LinkAttribute::AfSpecUnspec(families) => found.ipv6 = has_ipv6(&families),
                _ => {}
            }
        }
        if !is_tun || link.header.link_layer_type != LinkLayerType::Ether {
            bail!("{name} is not a TAP interface (choose another name with --iface)");
        }
        Ok(found)
    }

    /// The largest IP packet, in bytes.
    #[must_use]
    pub const fn mtu(&self) -> usize {
        self.mtu
    }

    /// Whether the interface is up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// Whether IPv6 is enabled on it.
    #[must_use]
    pub const fn has_ipv6(&self) -> bool {
        self.ipv6
    }

    /// The Ethernet address of the host's side.
    #[must_use]
    pub const fn mac(&self) -> Option<EthernetAddress> {
        self.mac
    }

    /// Sets the largest IP packet, in bytes.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, with the command for somebody who has the privilege.
    pub fn set_mtu(&mut self, mtu: usize) -> Result<()> {
        let attribute = u32::try_from(mtu).map(LinkAttribute::Mtu);
        let attributes = vec![attribute.context("the MTU is too large")?];
        let (name, none) = (&self.name, LinkFlags::empty());
        self.netlink.set(self.index, none, none, attributes).with_context(|| {
            format!("cannot set the MTU (sudo ip link set dev {name} mtu {mtu})")
        })?;
        self.mtu = mtu;
        Ok(())
    }

    /// Brings the interface up, or down.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, with the command for somebody who has the privilege.
    pub fn set_up(&mut self, up: bool) -> Result<()> {
        let (name, state) = (&self.name, if up { "up" } else { "down" });
        let flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        self.netlink.set(self.index, flags, LinkFlags::Up, Vec::new()).with_context(|| {
            format!("cannot bring {name} {state} (sudo ip link set dev {name} {state})")
        })?;
        self.up = up;
        Ok(())
    }

    /// All addresses of the host, on this interface and on others.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn addresses(&mut self) -> Result<Vec<HostAddress>> {
        let question = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let addresses = self.netlink.request(question, NLM_F_DUMP);
        let addresses = addresses.context("cannot read the addresses of the host")?;
        let addresses = addresses.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(address) => {
                let (own, subnet) = own_and_subnet(&address)?;
                let index = address.header.index;
                let ours = index == self.index || Some(index) == self.controller;
                Some(HostAddress { own, subnet, index, ours })
            }
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// The name of the interface with this index, and whether it is up.
    ///
    /// # Errors
    ///
    /// If there is none any more.
    pub fn name_of(&mut self, index: u32) -> Result<(String, bool)> {
        let link = self.netlink.link(|question| question.header.index = index);
        let link = link.with_context(|| format!("cannot find the interface with index {index}"))?;
        let name = link.attributes.into_iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name),
            _ => None,
        });
        let up = link.header.flags.contains(LinkFlags::Up);
        Ok((name.unwrap_or_default(), up))
    }

    /// Gives the host this address on the interface. IPv6 skips duplicate address detection,
    /// which takes a second: nobody else is on this cable.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, with the command for somebody who has the privilege.
    pub fn add_address(&mut self, address: IpCidr) -> Result<()> {
        let message = RouteNetlinkMessage::NewAddress(self.message(address));
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        let name = &self.name;
        let (family, nodad) = if is_ipv4(&address) { ("", "") } else { ("-6 ", " nodad") };
        self.netlink
            .request(message, flags)
            .map(drop)
            .or_else(|error| if is_there_already(&error) { Ok(()) } else { Err(error) })
            .with_context(|| {
                format!(
                    "cannot give the host the address {address} (sudo ip {family}addr add \
                     {address} dev {name}{nodad})"
                )
            })
    }

    /// Removes this address of the host from the interface.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, with the command for somebody who has the privilege.
    pub fn remove_address(&mut self, address: IpCidr) -> Result<()> {
        let message = RouteNetlinkMessage::DelAddress(self.message(address));
        let name = &self.name;
        self.netlink.request(message, NLM_F_ACK).map(drop).with_context(|| {
            format!(
                "cannot remove the host's address {address} (sudo ip addr del {address} dev \
                 {name})"
            )
        })
    }

    fn message(&self, address: IpCidr) -> AddressMessage {
        let ip = IpAddr::from(address.address());
        let mut message = AddressMessage::default();
        message.header.index = self.index;
        message.header.prefix_len = address.prefix_len();
        message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
        if ip.is_ipv4() {
            message.header.family = AddressFamily::Inet;
        } else {
            message.header.family = AddressFamily::Inet6;
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        message
    }
}

/// Reads `net.ipv6.conf.NAME.disable_ipv6`, which a kernel without IPv6 does not report.
fn has_ipv6(families: &[AfSpecUnspec]) -> bool {
    families.iter().any(|family| match family {
        AfSpecUnspec::Inet6(inet6) => inet6.iter().any(
            |inet6| matches!(inet6, AfSpecInet6::DevConf(settings) if settings.disable_ipv6 == 0),
        ),
        _ => false,
    })
}

/// The host's own address, and its subnet. On a point-to-point link these are of the two ends.
fn own_and_subnet(address: &AddressMessage) -> Option<(IpAddress, IpCidr)> {
    let (mut local, mut subnet) = (None, None);
    for attribute in &address.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some((*ip).into()),
            AddressAttribute::Address(ip) => {
                subnet = Some(IpCidr::new((*ip).into(), address.header.prefix_len));
            }
            _ => {}
        }
    }
    let subnet = subnet?;
    Some((local.unwrap_or(subnet.address()), subnet))
}

fn is_ipv4(address: &IpCidr) -> bool {
    matches!(address, IpCidr::Ipv4(_))
}

fn is_there_already(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}
