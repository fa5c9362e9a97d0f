//! The host's side of the TAP interface, seen and set by netlink.
//!
//! The message types and the socket are those of the rust-netlink project,
//! without its asynchronous layers: four requests need no runtime.

use std::io;
use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use echo_smoltcp::smoltcp::wire::IpCidr;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

/// The kernel's end of a network interface.
#[derive(Debug)]
pub struct Link {
    netlink: Netlink,
    name: String,
    index: u32,
    up: bool,
    mtu: usize,
}

impl Link {
    /// Finds the interface.
    ///
    /// # Errors
    ///
    /// If there is no such interface, or it is no TAP.
    pub fn find(name: &str) -> Result<Self> {
        let mut netlink = Netlink::open().context("cannot open a netlink socket")?;
        let mut question = LinkMessage::default();
        question.attributes.push(LinkAttribute::IfName(name.into()));
        let answers = netlink
            .request(RouteNetlinkMessage::GetLink(question), 0)
            .with_context(|| format!("cannot find the interface {name}"))?;
        let link = answers.into_iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        });
        let link = link.with_context(|| format!("the kernel does not describe {name}"))?;
        let is_tun = link.attributes.iter().any(|attribute| {
            matches!(attribute, LinkAttribute::LinkInfo(infos)
                if infos.contains(&LinkInfo::Kind(InfoKind::Tun)))
        });
        if !is_tun || link.header.link_layer_type != LinkLayerType::Ether {
            bail!("{name} is not a TAP interface (choose another name with --iface)");
        }
        let mtu = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Mtu(mtu) => usize::try_from(*mtu).ok(),
            _ => None,
        });
        Ok(Self {
            netlink,
            name: name.into(),
            index: link.header.index,
            up: link.header.flags.contains(LinkFlags::Up),
            mtu: mtu.unwrap_or(1500),
        })
    }

    /// The largest IP packet, in bytes.
    #[must_use]
    pub const fn mtu(&self) -> usize {
        self.mtu
    }

    /// Sets the largest IP packet, in bytes.
    ///
    /// # Errors
    ///
    /// With the command that somebody with the right to it can give.
    pub fn set_mtu(&mut self, mtu: usize) -> Result<()> {
        if mtu != self.mtu {
            let attribute = u32::try_from(mtu).map(LinkAttribute::Mtu);
            let attributes = vec![attribute.context("the MTU is too large")?];
            let name = &self.name;
            self.netlink.set(self.index, LinkFlags::empty(), attributes).with_context(|| {
                format!("cannot set the MTU (sudo ip link set dev {name} mtu {mtu})")
            })?;
            self.mtu = mtu;
        }
        Ok(())
    }

    /// Brings the interface up, if it is not.
    ///
    /// # Errors
    ///
    /// With the command that somebody with the right to it can give.
    pub fn bring_up(&mut self) -> Result<()> {
        if !self.up {
            let name = &self.name;
            self.netlink.set(self.index, LinkFlags::Up, Vec::new()).with_context(|| {
                format!("cannot bring {name} up (sudo ip link set dev {name} up)")
            })?;
            self.up = true;
        }
        Ok(())
    }

    /// The host's addresses on the interface.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub fn addresses(&mut self) -> Result<Vec<IpCidr>> {
        let question = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let answers = self
            .netlink
            .request(question, NLM_F_DUMP)
            .with_context(|| format!("cannot read the addresses of {}", self.name))?;
        let addresses = answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(address) if address.header.index == self.index => {
                let ip = address.attributes.iter().find_map(|attribute| match attribute {
                    AddressAttribute::Address(ip) => Some(*ip),
                    _ => None,
                })?;
                Some(IpCidr::new(ip.into(), address.header.prefix_len))
            }
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// Gives the host this address on the interface. IPv6 without the second of
    /// waiting for a duplicate, which cannot be on this cable.
    ///
    /// # Errors
    ///
    /// With the command that somebody with the right to it can give.
    pub fn add_address(&mut self, address: IpCidr) -> Result<()> {
        let ip = IpAddr::from(address.address());
        let mut message = AddressMessage::default();
        message.header.index = self.index;
        message.header.prefix_len = address.prefix_len();
        message.header.family =
            if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
        if ip.is_ipv6() {
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        let name = &self.name;
        let (family, nodad) = if ip.is_ipv4() { ("", "") } else { ("-6 ", " nodad") };
        self.netlink
            .request(RouteNetlinkMessage::NewAddress(message), flags)
            .map(drop)
            .or_else(|error| if is_there_already(&error) { Ok(()) } else { Err(error) })
            .with_context(|| {
                format!(
                    "cannot give the host the address {address} (sudo ip {family}addr add \
                     {address} dev {name}{nodad})"
                )
            })
    }
}

fn is_there_already(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}

/// A conversation with the kernel about its network.
#[derive(Debug)]
struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    fn set(
        &mut self,
        index: u32,
        flags: LinkFlags,
        attributes: Vec<LinkAttribute>,
    ) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = flags;
        message.header.change_mask = flags;
        message.attributes = attributes;
        self.request(RouteNetlinkMessage::SetLink(message), NLM_F_ACK).map(drop)
    }

    /// Asks, and collects the answers until the kernel says that they are all.
    fn request(
        &mut self,
        question: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence += 1;
        let mut message = NetlinkMessage::from(question);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;

        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            let mut rest = &datagram[..];
            while !rest.is_empty() {
                let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                // Messages start at multiples of four.
                let length = (message.header.length as usize).next_multiple_of(4);
                rest = rest.get(length..).unwrap_or_default();
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    _ => {}
                }
            }
            let one_answer = flags & (NLM_F_ACK | NLM_F_DUMP) == 0;
            if one_answer && !answers.is_empty() {
                return Ok(answers);
            }
        }
    }
}
