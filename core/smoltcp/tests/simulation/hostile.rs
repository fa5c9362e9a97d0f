//! Frames that no honest peer sends: the server goes on.

use std::time::Duration;

use echo_core::Instant;
use echo_smoltcp::Event;
use echo_smoltcp::smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress,
    IpProtocol, Ipv4Address, Ipv6Address, TcpControl,
};

use crate::cable::Noise;
use crate::neighbour::Neighbour;
use crate::segment::syn;
use crate::talker::Talker;
use crate::world::{CLIENT_MAC, SERVER, SERVER_MAC, SERVER_V6, Setup, World};

const SECOND: Duration = Duration::from_secs(1);

fn connected(world: &World<Talker>) -> usize {
    let is_connected = |event: &Event<'_>| matches!(event, Event::Connected { .. });
    world.events.iter().filter(|(_, event)| is_connected(event)).count()
}

#[test]
fn a_flood_of_syns_gives_way_to_a_peer_that_means_it() {
    let talker = Talker::new([(SECOND, b"hello".as_slice())]).then_fin();
    let setup = Setup { slots: 4, ..Setup::default() };
    let mut world = World::new(setup, vec![talker]);
    // No answer ever comes for these: their addresses are nobody's.
    for number in 0..1000u16 {
        let nobody = Ipv4Address::new(192, 168, 69, 200);
        world.plugs[1].inject(Instant::START, &syn(nobody, 1024 + number, 1));
    }
    assert!(world.run_until(10 * SECOND, |world| world.ends[0].endpoint.eof.is_some()));
    assert_eq!(world.ends[0].endpoint.heard, b"hello");
    assert!(world.server.turned_away() > 900, "{}", world.server.turned_away());
    // Those that remain end by themselves.
    world.run_until(60 * SECOND, |world| world.server.connections() == 0);
    assert_eq!(world.server.connections(), 0);
}

#[test]
fn a_repeated_syn_takes_no_second_slot() {
    let setup = Setup { slots: 4, ..Setup::default() };
    let mut world = World::new(setup, Vec::<Talker>::new());
    let nobody = Ipv4Address::new(192, 168, 69, 200);
    for _ in 0..3 {
        world.plugs[1].inject(world.now, &syn(nobody, 1024, 7));
        world.run_until(SECOND / 2, |_| false);
    }
    assert_eq!(world.server.connections(), 1);
}

#[test]
fn a_wrong_checksum_or_somebody_elses_address_takes_no_slot() {
    let mut world = World::new(Setup::default(), Vec::<Talker>::new());
    let nobody = Ipv4Address::new(192, 168, 69, 200);
    let mut wrong_checksum = syn(nobody, 1024, 7);
    *wrong_checksum.last_mut().expect("a frame") ^= 1;
    let mut wrong_mac = syn(nobody, 1024, 7);
    wrong_mac[5] ^= 0x40;
    for frame in [wrong_checksum, wrong_mac] {
        world.plugs[1].inject(world.now, &frame);
        world.run_until(SECOND / 2, |_| false);
        assert_eq!(world.server.connections(), 0);
    }
}

#[test]
fn noise_does_no_harm() {
    let talker = Talker::new([(5 * SECOND, b"still there?".as_slice())]).then_fin();
    let mut world = World::new(Setup { slots: 4, ..Setup::default() }, vec![talker]);
    let mut noise = Noise::new(1);
    let [v4, v6] = [Neighbour::v4(100), Neighbour::v6(100)];
    let mut options = vec![6, 0, 5, 2, 0, 0, 1, 0];
    options.extend(v6.segment(SERVER_V6, TcpControl::Syn, b""));
    let [none, address] = [Ipv6Address::UNSPECIFIED, Ipv6Address::new(0xfd69, 0, 0, 0, 0, 0, 0, 1)];
    let right = [
        syn(Ipv4Address::new(192, 168, 69, 100), 1024, 7),
        v4.ping(),
        v4.arp(Ipv4Address::UNSPECIFIED, Ipv4Address::new(192, 168, 69, 1)),
        v6.syn(),
        v6.ping(),
        v6.packet(SERVER_V6, IpProtocol::HopByHop, &options),
        v6.solicit(none, address),
    ];
    for number in 0..20_000u32 {
        // Random bytes, or a right frame with some bytes changed or cut off.
        let mut frame = right[noise.below(right.len())].clone();
        if number % 2 == 0 {
            frame = (0..14 + noise.below(100)).map(|_| noise.next() as u8).collect();
            frame[..6].copy_from_slice(SERVER_MAC.as_bytes());
            frame[12..14]
                .copy_from_slice([[8, 0], [8, 6], [0x86, 0xdd]][noise.below(3)].as_slice());
        } else {
            for _ in 0..1 + noise.below(4) {
                let index = noise.below(frame.len());
                frame[index] = noise.next() as u8;
            }
            frame.truncate(14 + noise.below(frame.len() - 13));
        }
        world.plugs[1].inject(world.now, &frame);
        if number % 50 == 0 {
            let until = world.now.since_start() + Duration::from_micros(200);
            world.run_until(until, |_| false);
        }
    }
    assert!(world.run_until(60 * SECOND, |world| world.ends[0].endpoint.eof.is_some()));
    assert_eq!(world.ends[0].endpoint.heard, b"still there?");
    assert!(connected(&world) >= 1);
}

/// smoltcp lets a socket that waits for ARP rest for a second; the answer ends that, or
/// a question. Who is on the link has said where it is; a gateway is asked for.
#[test]
fn what_waits_for_arp_leaves_when_arp_is_answered() {
    for (operation, replies) in [(ArpOperation::Reply, 0), (ArpOperation::Request, 1)] {
        let mut world = World::new(Setup::default(), Vec::<Talker>::new());
        let [somebody, gateway] = [[10, 1, 1, 1], [192, 168, 69, 254]].map(Ipv4Address::from);
        let routes = world.server.interface().routes_mut();
        routes.add_default_ipv4_route(gateway).expect("room for a route");
        world.plugs[1].inject(world.now, &syn(somebody, 1024, 7));
        world.run_until(SECOND / 100, |_| false);
        assert_eq!(world.cable.borrow().sent_to[1], 1, "it asks where the gateway is");
        world.plugs[1].inject(world.now, &arp(operation, gateway));
        world.run_until(SECOND / 50, |_| false);
        assert_eq!(world.cable.borrow().sent_to[1], 2 + replies, "it answers the SYN");
    }
}

/// ARP to the server from this address.
fn arp(operation: ArpOperation, from: Ipv4Address) -> Vec<u8> {
    let IpAddress::Ipv4(server) = SERVER else { panic!("the server speaks IPv4") };
    let mut bytes = vec![0; 42];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    let (src_addr, dst_addr) = (CLIENT_MAC, SERVER_MAC);
    EthernetRepr { src_addr, dst_addr, ethertype: EthernetProtocol::Arp }.emit(&mut frame);
    let arp = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: CLIENT_MAC,
        source_protocol_addr: from,
        target_hardware_addr: SERVER_MAC,
        target_protocol_addr: server,
    };
    arp.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
    bytes
}

/// A peer that has no other port left may come again from one in TIME-WAIT.
#[test]
fn a_port_in_time_wait_may_be_used_anew() {
    let mut world = World::new(Setup::default(), vec![Talker::saying(b"exit")]);
    world.run_until(SECOND, |world| world.events.len() == 2);
    let Some((_, Event::Closed { peer, .. })) = world.events.last() else {
        panic!("the session is over");
    };
    let IpAddress::Ipv4(address) = peer.addr else { panic!("the client speaks IPv4") };
    assert_eq!(world.server.connections(), 0);
    world.plugs[1].inject(world.now, &syn(address, peer.port, 1 << 30));
    world.run_until(SECOND, |world| world.server.connections() == 1);
    assert_eq!(world.server.connections(), 1);
}

#[test]
fn a_step_takes_in_64_frames_and_wants_to_be_called_again() {
    let mut world = World::new(Setup::default(), Vec::<Talker>::new());
    for port in 0..100 {
        world.plugs[1].inject(world.now, &syn(Ipv4Address::new(192, 168, 69, 200), 1024 + port, 1));
    }
    let now = Instant::new(SECOND);
    let mut step = || world.server.step(now, &mut world.plugs[0], &mut |_| {});
    assert_eq!(step(), Some(now));
    assert_ne!(step(), Some(now));
    assert_eq!(world.server.turned_away(), 99);
}
