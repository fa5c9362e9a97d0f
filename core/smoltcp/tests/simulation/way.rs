//! Who cannot be reached is told at once, and nothing waits for a way that will never be.

use echo_core::{Failure, Instant};
use echo_smoltcp::smoltcp::iface::{Interface, SocketStorage};
use echo_smoltcp::smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use echo_smoltcp::smoltcp::wire::{IpAddress, IpEndpoint, Ipv4Address, Ipv6Address};
use echo_smoltcp::{Client, Connection, Courier, Mailbox};

use crate::cable::{Cable, Faults, Plug};
use crate::world::{CLIENT, SERVER, SERVER_V6, interface_of_client};

const FAR: IpAddress = IpAddress::v4(10, 1, 2, 3);
const FAR_V6: IpAddress = IpAddress::v6(0xfd70, 0, 0, 0, 0, 0, 0, 1);

fn connect(interface: Interface, to: IpEndpoint) -> Result<(), Failure> {
    let storage = Box::leak(Box::new(SocketStorage::EMPTY));
    let [receive, send] = [(); 2].map(|()| vec![0; 1024].leak());
    let connections = vec![Connection::new(storage, receive, send)].leak();
    Client::new(interface, connections, 1).connect(0, to)
}

fn send(interface: Interface, to: IpEndpoint, plug: &mut Plug) -> Result<(), Failure> {
    let storage = Box::leak(Box::new(SocketStorage::EMPTY));
    let [receive, send] = [(); 2]
        .map(|()| PacketBuffer::new(vec![PacketMetadata::EMPTY; 2].leak(), vec![0; 1024].leak()));
    let mailboxes = vec![Mailbox::new(storage, receive, send)].leak();
    Courier::new(interface, mailboxes, 1).send(0, to, b"hello", Instant::START, plug)
}

#[test]
fn only_one_other_host_with_a_way_to_it_is_asked() {
    let (_, mut plugs) = Cable::new(Faults::default(), 1);
    let plug = &mut plugs[1];
    let gateways = [Ipv4Address::new(192, 168, 69, 254).into(), SERVER_V6];
    let multicast = IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1);
    for (address, alone, behind) in [
        (SERVER, true, true),
        (SERVER_V6, true, true),
        (FAR, false, true),
        (FAR_V6, false, true),
        (CLIENT, false, false),
        (IpAddress::v4(192, 168, 69, 255), false, false),
        (IpAddress::v4(255, 255, 255, 255), false, false),
        (IpAddress::v4(224, 0, 0, 1), false, false),
        (IpAddress::v4(0, 0, 0, 0), false, false),
        (multicast, false, false),
        (Ipv6Address::UNSPECIFIED.into(), false, false),
    ] {
        for (gateways, reaches) in [(&gateways[..0], alone), (&gateways[..], behind)] {
            let mut interface = || {
                let mut interface = interface_of_client(1, plug);
                for gateway in gateways {
                    let routes = interface.routes_mut();
                    match *gateway {
                        IpAddress::Ipv4(gateway) => routes.add_default_ipv4_route(gateway),
                        IpAddress::Ipv6(gateway) => routes.add_default_ipv6_route(gateway),
                    }
                    .expect("room for two");
                }
                interface
            };
            let [one, other] = [(); 2].map(|()| interface());
            let to = IpEndpoint::new(address, 2333);
            let expected = if reaches { Ok(()) } else { Err(Failure::Unreachable) };
            assert_eq!(connect(one, to), expected, "{to} by way of {gateways:?}");
            assert_eq!(send(other, to, plug), expected, "{to} by way of {gateways:?}");
        }
    }
}

/// One that came by way of a gateway is of no use for a family without an own address.
#[test]
fn a_way_needs_an_own_address_of_its_family() {
    let (_, mut plugs) = Cable::new(Faults::default(), 1);
    for address in [FAR, FAR_V6, SERVER, SERVER_V6] {
        let mut interface = interface_of_client(1, &mut plugs[1]);
        let (routes, family) = (interface.routes_mut(), address.version());
        routes.add_default_ipv4_route(Ipv4Address::new(192, 168, 69, 254)).expect("room");
        routes
            .add_default_ipv6_route(Ipv6Address::new(0xfd69, 0, 0, 0, 0, 0, 0, 254))
            .expect("room");
        interface.update_ip_addrs(|own| own.retain(|own| own.address().version() != family));
        let to = IpEndpoint::new(address, 2333);
        assert_eq!(connect(interface, to), Err(Failure::Unreachable), "{to}");
    }
}
