//! A server among its neighbours, of whom nobody answers ARP: where they are it
//! must know from their frames.

use std::time::Duration;

use echo_core::Rules;
use echo_smoltcp::smoltcp::config::IFACE_NEIGHBOR_CACHE_COUNT;
use echo_smoltcp::smoltcp::wire::{
    EthernetAddress, IpAddress, IpProtocol, Ipv4Address, Ipv6Address, TcpControl,
};

use crate::bench::Bench;
use crate::neighbour::{Neighbour, Said, said};
use crate::talker::Talker;
use crate::world::{CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, SERVER_V6, Setup, World};

/// More than smoltcp's table holds.
const MANY: u8 = 100;

const ECHO: Said = Said::Segment { control: TcpControl::None, bytes: 5 };

fn bench(slots: usize) -> Bench {
    let idle = Some(Duration::from_secs(30));
    let mut bench = Bench::new(slots, Rules { idle, ..Rules::default() });
    bench.reachable = false;
    bench
}

/// What the server sends because of these frames, at once, but for questions.
fn answers(bench: &mut Bench, frames: &[impl AsRef<[u8]>]) -> Vec<(EthernetAddress, Said)> {
    for frame in frames {
        bench.put(frame.as_ref());
    }
    within(bench, Duration::ZERO)
}

fn open(bench: &mut Bench, neighbour: &mut Neighbour) {
    bench.say(&neighbour.syn());
    let answer = bench.sent.last().expect("an answer").clone();
    let syn = Said::Segment { control: TcpControl::Syn, bytes: 0 };
    assert_eq!(said(&answer), (neighbour.mac, syn), "{}", neighbour.ip);
    bench.say(&neighbour.ack(&answer));
}

fn both(number: u8) -> [Neighbour; 2] {
    [Neighbour::v4(number), Neighbour::v6(number)]
}

#[test]
fn any_number_of_neighbours_gets_its_echo_at_once() {
    const { assert!(IFACE_NEIGHBOR_CACHE_COUNT < MANY as usize) };
    let mut neighbours: Vec<_> = (10..10 + MANY).flat_map(both).collect();
    let mut bench = bench(neighbours.len());
    for neighbour in &mut neighbours {
        open(&mut bench, neighbour);
    }
    for _ in 0..3 {
        let frames: Vec<_> = neighbours.iter_mut().map(|one| one.says(b"hello")).collect();
        // One after the other, and all together.
        for (neighbour, frame) in neighbours.iter().zip(&frames) {
            assert_eq!(answers(&mut bench, &[frame]), [(neighbour.mac, ECHO)]);
        }
        let frames: Vec<_> = neighbours.iter_mut().map(|one| one.says(b"hello")).collect();
        let expected: Vec<_> = neighbours.iter().map(|one| (one.mac, ECHO)).collect();
        assert_eq!(answers(&mut bench, &frames), expected);
    }
}

/// A host that asks where the server is gets into smoltcp's table, and so does one
/// that pings.
#[test]
fn who_merely_asks_pushes_nobody_out() {
    for mut neighbour in both(200) {
        let mut bench = bench(1);
        open(&mut bench, &mut neighbour);
        for number in 10..10 + MANY {
            let other = Neighbour::v4(number);
            let asked = other.arp(Ipv4Address::new(192, 168, 69, number), v4(SERVER));
            let reply = Said::Where { asks: false };
            assert_eq!(answers(&mut bench, &[asked]), [(other.mac, reply)]);
        }
        let question = neighbour.says(b"hello");
        assert_eq!(answers(&mut bench, &[question]), [(neighbour.mac, ECHO)]);
        // In its name, too.
        if let IpAddress::Ipv4(ip) = neighbour.ip {
            bench.say(&Neighbour::v4(10).arp(ip, v4(SERVER)));
        }
        let question = neighbour.says(b"hello");
        assert_eq!(answers(&mut bench, &[question]), [(neighbour.mac, ECHO)]);
    }
}

#[test]
fn any_number_of_neighbours_may_ping() {
    let mut bench = bench(1);
    for round in 0..2 {
        for neighbour in (10..10 + MANY).flat_map(both) {
            let pong = [(neighbour.mac, Said::Pong)];
            assert_eq!(answers(&mut bench, &[neighbour.ping()]), pong, "round {round}");
        }
        // Long enough for smoltcp to forget them.
        bench.wait(Duration::from_secs(100));
    }
}

/// What a clock sends has no frame beside it to learn from.
#[test]
fn what_leaves_by_the_clock_does_not_wait_for_arp() {
    for mut neighbour in both(200) {
        let mut bench = bench(1);
        bench.say(&neighbour.syn());
        let answer = bench.sent.last().expect("an answer").clone();
        push_out(&mut bench);
        assert_eq!(within(&mut bench, Duration::from_millis(999)), []);
        let syn = Said::Segment { control: TcpControl::Syn, bytes: 0 };
        assert_eq!(within(&mut bench, Duration::from_millis(1)), [(neighbour.mac, syn)]);

        bench.say(&neighbour.ack(&answer));
        neighbour.mac.0[4] = 9;
        bench.say(&neighbour.says(b""));
        push_out(&mut bench);
        assert_eq!(within(&mut bench, Duration::from_millis(29_999)), []);
        let fin = Said::Segment { control: TcpControl::Fin, bytes: 0 };
        assert_eq!(within(&mut bench, Duration::from_millis(1)), [(neighbour.mac, fin)]);
    }
}

/// After this many others smoltcp has forgotten whoever was there before.
fn push_out(bench: &mut Bench) {
    for number in 10..10 + MANY {
        bench.say(&Neighbour::v4(number).ping());
    }
}

/// What the server sends in this time by itself, but for questions.
fn within(bench: &mut Bench, time: Duration) -> Vec<(EthernetAddress, Said)> {
    let sent = bench.sent.len();
    bench.wait(time);
    without_questions(&bench.sent[sent..])
}

fn without_questions(frames: &[Vec<u8>]) -> Vec<(EthernetAddress, Said)> {
    let said = frames.iter().map(|frame| said(frame));
    said.filter(|(_, said)| *said != Said::Where { asks: true }).collect()
}

#[test]
fn a_neighbour_that_moves_is_followed_but_not_a_damaged_frame() {
    for mut neighbour in both(200) {
        let mut bench = bench(1);
        open(&mut bench, &mut neighbour);
        let old = neighbour.mac;
        let [elsewhere, new] = [8, 9].map(|n| EthernetAddress([2, 0, 0, 0, n, old.0[5]]));
        let mut damaged = Neighbour { mac: elsewhere, ..neighbour }.says(b"hello");
        *damaged.last_mut().expect("a frame") ^= 1;
        assert_eq!(answers(&mut bench, &[damaged]), []);
        let question = neighbour.says(b"hello");
        assert_eq!(answers(&mut bench, &[question]), [(old, ECHO)]);
        let forged = Neighbour { mac: elsewhere, ..neighbour }.ping();
        assert_eq!(answers(&mut bench, &[forged]), [(elsewhere, Said::Pong)]);
        let question = neighbour.says(b"hello");
        assert_eq!(answers(&mut bench, &[question]), [(old, ECHO)]);
        neighbour.mac = new;
        let question = neighbour.says(b"hello");
        assert_eq!(answers(&mut bench, &[question]), [(neighbour.mac, ECHO)]);
    }
}

/// RFC 1122, 4.2.3.10: neither a SYN, ACK nor a reset, on a port with a service or
/// without.
#[test]
fn a_segment_for_many_is_not_answered() {
    let [v4, v6] = both(200);
    let mut bench = bench(1);
    // So that an answer would find them.
    assert_eq!(answers(&mut bench, &[v4.ping(), v6.ping()]), [(v4.mac, Said::Pong); 2]);
    for end in [[192, 168, 69, 255], [255; 4], [224, 0, 0, 1]] {
        let end = Ipv4Address::from(end).into();
        let segment = v4.segment(end, TcpControl::Syn, b"");
        assert_eq!(answers(&mut bench, &[v4.packet(end, IpProtocol::Tcp, &segment)]), []);
    }
    for end in [[0xff02, 0, 1], [0xff02, 0xff00, 1], [0xfd99, 0, 1]] {
        let end = IpAddress::v6(end[0], 0, 0, 0, 0, 1, end[1], end[2]);
        let segment = v6.segment(end, TcpControl::Syn, b"");
        assert_eq!(answers(&mut bench, &[v6.packet(end, IpProtocol::Tcp, &segment)]), []);
    }
    for mut frame in [v4.syn(), v6.syn(), v4.ping()] {
        frame[..6].fill(0xff);
        assert_eq!(answers(&mut bench, &[frame]), []);
    }
    assert_eq!(bench.server.connections(), 0);
}

#[test]
fn a_segment_behind_a_hop_by_hop_header_reaches_its_connection() {
    let mut neighbour = Neighbour::v6(200);
    let mut bench = bench(1);
    open(&mut bench, &mut neighbour);
    // Next is TCP; a router alert.
    let mut packet = vec![6, 0, 5, 2, 0, 0, 1, 0];
    packet.extend(neighbour.segment(SERVER_V6, TcpControl::Psh, b"hello"));
    let frame = neighbour.packet(SERVER_V6, IpProtocol::HopByHop, &packet);
    assert_eq!(answers(&mut bench, &[frame]), [(neighbour.mac, ECHO)]);
}

/// There is one slot, and its handshake is old enough to give way.
#[test]
fn a_wrong_syn_takes_no_slot_from_anybody() {
    for mut neighbour in both(200) {
        let mut bench = bench(1);
        bench.say(&neighbour.syn());
        let answer = bench.sent.last().expect("an answer").clone();
        bench.wait(Duration::from_secs(2));
        for other in both(201) {
            let mut wrong_checksum = other.syn();
            *wrong_checksum.last_mut().expect("a frame") ^= 1;
            let mut for_another = other.syn();
            for_another[5] ^= 0x40;
            bench.say(&wrong_checksum);
            bench.say(&for_another);
        }
        // From a broadcast address, from the server's own, and from a group of hosts.
        let [v4, v6] = both(201);
        bench.say(&Neighbour::v4(255).syn());
        bench.say(&Neighbour { ip: SERVER, ..v4 }.syn());
        bench.say(&Neighbour { ip: SERVER_V6, ..v6 }.syn());
        bench.say(&Neighbour { mac: EthernetAddress([3, 0, 0, 0, 0, 0]), ..v4 }.syn());
        bench.say(&neighbour.ack(&answer));
        let question = neighbour.says(b"hello");
        assert_eq!(answers(&mut bench, &[question]), [(neighbour.mac, ECHO)]);
    }
}

/// RFC 5227 and RFC 4862: whoever asks whether an address is free hears that it is not.
#[test]
fn a_duplicate_address_is_defended() {
    let mut bench = bench(1);
    let stranger = Neighbour::v6(200);
    let probe = stranger.arp(Ipv4Address::UNSPECIFIED, v4(SERVER));
    let taken = Said::Where { asks: false };
    assert_eq!(answers(&mut bench, &[&probe]), [(stranger.mac, taken)]);
    let mut for_another = probe;
    for_another[..6].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    assert_eq!(answers(&mut bench, &[for_another]), []);
    let free = stranger.arp(Ipv4Address::UNSPECIFIED, Ipv4Address::new(192, 168, 69, 9));
    assert_eq!(answers(&mut bench, &[free]), []);

    let all = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
    let none = Ipv6Address::UNSPECIFIED;
    let solicit = stranger.solicit(none, v6(SERVER_V6));
    assert_eq!(answers(&mut bench, &[&solicit]), [(all, taken)]);
    let advert = bench.sent.last().expect("an answer");
    assert_eq!(advert[6..12], *SERVER_MAC.as_bytes());
    let mut damaged = solicit.clone();
    *damaged.last_mut().expect("a frame") ^= 1;
    assert_eq!(answers(&mut bench, &[damaged]), []);
    let mut routed = solicit;
    routed[21] = 254;
    assert_eq!(answers(&mut bench, &[routed]), []);
    let free = stranger.solicit(none, Ipv6Address::new(0xfd69, 0, 0, 0, 0, 0, 1, 1));
    assert_eq!(answers(&mut bench, &[free]), []);
    // Whoever has an address asks for himself.
    bench.say(&stranger.ping());
    let question = stranger.solicit(v6(stranger.ip), v6(SERVER_V6));
    assert_eq!(answers(&mut bench, &[question]), [(stranger.mac, taken)]);
}

/// A client is a host as well.
#[test]
fn a_client_defends_its_address_and_does_not_answer_what_is_for_many() {
    let mut world = World::new(Setup::default(), Vec::<Talker>::new());
    let stranger = Neighbour::v4(200);
    let many = IpAddress::v4(224, 0, 0, 1);
    let segment = stranger.segment(many, TcpControl::Syn, b"");
    let mut for_many = stranger.packet(many, IpProtocol::Tcp, &segment);
    for_many[..6].copy_from_slice(CLIENT_MAC.as_bytes());
    let probe = stranger.arp(Ipv4Address::UNSPECIFIED, v4(CLIENT));
    for (frame, answers) in [(for_many, 0), (probe, 1)] {
        world.plugs[0].inject(world.now, &frame);
        world.run_until(world.now.since_start() + Duration::from_secs(2), |_| false);
        assert_eq!(world.cable.borrow().sent_to[0], answers);
    }
}

fn v4(address: IpAddress) -> Ipv4Address {
    let IpAddress::Ipv4(address) = address else { panic!("an IPv4 address") };
    address
}

fn v6(address: IpAddress) -> Ipv6Address {
    let IpAddress::Ipv6(address) = address else { panic!("an IPv6 address") };
    address
}
