//! The UDP half of the service, among neighbours of whom nobody answers ARP unless a test wants it.

use std::time::Duration;

use echo_core::Rules;
use echo_core::datagram::Unanswered;
use echo_smoltcp::Counts;
use echo_smoltcp::smoltcp::config::IFACE_NEIGHBOR_CACHE_COUNT;
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpProtocol, Ipv4Address};

use crate::bench::{Bench, FAR, arp_reply};
use crate::datagram::{Answer, parse};
use crate::neighbour::{Neighbour, Said, said};
use crate::talker::Talker;
use crate::world::{Setup, World};

fn bench() -> Bench {
    let mut bench = Bench::new(1, Rules::default());
    bench.reachable = false;
    bench
}

/// What the server answers to this frame, at once.
fn answers(bench: &mut Bench, frame: &[u8]) -> Vec<Answer> {
    let before = bench.sent.len();
    bench.say(frame);
    bench.sent[before..].iter().filter_map(|frame| parse(frame)).collect()
}

fn both(number: u8) -> [Neighbour; 2] {
    [Neighbour::v4(number), Neighbour::v6(number)]
}

#[test]
fn a_datagram_of_any_length_comes_back_whole_and_once() {
    let mut bench = bench();
    let longest = [1472, 1452];
    for (neighbour, longest) in both(200).into_iter().zip(longest) {
        for length in [0, 1, 3, 1000, longest] {
            let bytes: Vec<_> = (0..length).map(|n| n as u8).collect();
            let answer = neighbour.answer(40_000, &bytes);
            let question = neighbour.datagram(40_000, &bytes);
            assert_eq!(answers(&mut bench, &question), [answer], "{length} bytes");
        }
        // An empty one does not hold the next one up.
        let question = neighbour.datagram(40_000, b"again");
        assert_eq!(answers(&mut bench, &question), [neighbour.answer(40_000, b"again")]);
    }
    let bytes = 2 * (1 + 3 + 1000 + 5) + 1472 + 1452;
    assert_eq!(bench.server.datagrams(), Counts { echoed: 12, bytes, ..Counts::default() });
}

/// A frame may carry more to a device than the device sends.
#[test]
fn what_cannot_be_sent_back_is_counted_as_too_long_and_not_as_echoed() {
    let mut bench = bench();
    let neighbour = Neighbour::v6(200);
    let question = neighbour.datagram(40_000, &[7; 1453]);
    assert_eq!(answers(&mut bench, &question), []);
    assert_eq!(bench.server.datagrams(), Counts { too_long: 1, ..Counts::default() });
    // It is in nobody's way.
    let question = neighbour.datagram(40_000, b"next");
    assert_eq!(answers(&mut bench, &question), [neighbour.answer(40_000, b"next")]);
    let expected = Counts { echoed: 1, bytes: 4, too_long: 1, ..Counts::default() };
    assert_eq!(bench.server.datagrams(), expected);
}

/// smoltcp's table is smaller, and it would send one question a second.
#[test]
fn any_number_of_clients_is_answered_at_once() {
    const MANY: u8 = 100;
    const { assert!(IFACE_NEIGHBOR_CACHE_COUNT < MANY as usize) };
    let mut bench = bench();
    let clients: Vec<_> = (10..10 + MANY).flat_map(both).collect();
    for round in 0..3 {
        for client in &clients {
            bench.put(&client.datagram(40_000, b"hello"));
        }
        let before = bench.sent.len();
        bench.wait(Duration::ZERO);
        let said: Vec<_> = bench.sent[before..].iter().map(|frame| parse(frame)).collect();
        let expected: Vec<_> =
            clients.iter().map(|client| Some(client.answer(40_000, b"hello"))).collect();
        assert_eq!(said, expected, "round {round}");
        // Long enough for smoltcp to forget them.
        bench.wait(Duration::from_secs(100));
    }
}

#[test]
fn the_checksum_must_be_right_and_may_be_missing_in_ipv4_only() {
    let mut bench = bench();
    for neighbour in both(200) {
        let right = neighbour.datagram(40_000, b"hello");
        let checksum = right.len() - 5 - 2;
        let mut wrong = right.clone();
        wrong[checksum] ^= 1;
        assert_eq!(answers(&mut bench, &wrong), []);
        let mut missing = right;
        missing[checksum..checksum + 2].fill(0);
        let expected = match neighbour.ip {
            IpAddress::Ipv4(_) => vec![neighbour.answer(40_000, b"hello")],
            IpAddress::Ipv6(_) => vec![],
        };
        assert_eq!(answers(&mut bench, &missing), expected);
        let mut cut_off = neighbour.datagram(40_000, b"hello");
        cut_off.truncate(cut_off.len() - 1);
        assert_eq!(answers(&mut bench, &cut_off), []);
    }
    assert_eq!(bench.server.datagrams(), Counts { echoed: 1, bytes: 5, ..Counts::default() });
}

#[test]
fn nobody_can_set_it_on_another_service_or_on_many() {
    let mut bench = bench();
    let mut silent = |frame: &[u8], reason: Option<Unanswered>| {
        let before = bench.server.datagrams();
        assert_eq!(answers(&mut bench, frame), [], "{reason:?}");
        let mut expected = before;
        if let Some(reason) = reason {
            expected.unanswered[reason as usize] += 1;
        }
        assert_eq!(bench.server.datagrams(), expected, "{reason:?}");
    };
    for neighbour in both(200) {
        for port in [0, 7, 9, 13, 17, 19, 37] {
            silent(&neighbour.datagram(port, b"hello"), Some(Unanswered::Service));
        }
        silent(&neighbour.datagram(2333, b"hello"), Some(Unanswered::Own));
        // In the server's own name: there would be nobody to send it to.
        let own = Neighbour { ip: neighbour.server(), ..neighbour };
        silent(&own.datagram(40_000, b"hello"), Some(Unanswered::Source));
        let group = Neighbour { mac: EthernetAddress([3, 0, 0, 0, 0, 0]), ..neighbour };
        silent(&group.datagram(40_000, b"hello"), Some(Unanswered::Source));
        // An answer of another service of this kind.
        let mut answer = neighbour.datagram(40_000, b"hello");
        let hops = if matches!(neighbour.ip, IpAddress::Ipv4(_)) { 22 } else { 21 };
        answer[hops] = echo_core::datagram::HOPS;
        if hops == 22 {
            // One byte of the header is smaller by 32.
            answer[24] += 32;
        }
        silent(&answer, Some(Unanswered::Answer));
    }
    // smoltcp itself drops what comes from an address of many; what is for many it never sees.
    let v4 = Neighbour::v4(200);
    for many in [[192, 168, 69, 255], [255; 4], [224, 0, 0, 1], [0; 4]] {
        let ip = Ipv4Address::from(many).into();
        let nobody = (many == [0; 4]).then_some(Unanswered::Source);
        silent(&Neighbour { ip, ..v4 }.datagram(40_000, b"hello"), nobody);
        let datagram = v4.udp(40_000, 2333, b"hello");
        silent(&v4.packet(ip, IpProtocol::Udp, &datagram), None);
    }
    let mut for_all = v4.datagram(40_000, b"hello");
    for_all[..6].fill(0xff);
    silent(&for_all, None);
    let mut for_another = v4.datagram(40_000, b"hello");
    for_another[5] ^= 0x40;
    silent(&for_another, None);
}

/// The first time, too, although its sender has not been asked for.
#[test]
fn a_port_that_is_nobodys_is_said_to_be_unreachable() {
    let mut bench = bench();
    for neighbour in both(200) {
        let datagram = neighbour.udp(40_000, 2334, b"hello");
        let frame = neighbour.packet(neighbour.server(), IpProtocol::Udp, &datagram);
        let before = bench.sent.len();
        bench.say(&frame);
        let said: Vec<_> = bench.sent[before..].iter().map(|frame| said(frame)).collect();
        assert_eq!(said, [(neighbour.mac, Said::Else)]);
    }
    assert_eq!(bench.server.datagrams(), Counts::default());
}

/// A client behind a gateway has to wait until the gateway was found; nobody else has.
#[test]
fn who_cannot_be_reached_yet_holds_nobody_up() {
    let mut bench = bench();
    let neighbour = Neighbour::v4(200);
    let far = Neighbour { ip: FAR.into(), ..Neighbour::v4(201) };
    for number in 0..3 {
        assert_eq!(answers(&mut bench, &far.datagram(40_000 + number, b"far")), []);
        let near = neighbour.datagram(40_000, b"near");
        assert_eq!(answers(&mut bench, &near), [neighbour.answer(40_000, b"near")]);
    }
    // The last one is kept.
    assert_eq!(answers(&mut bench, &far.datagram(50_000, b"far")), []);
    assert_eq!(bench.server.datagrams().echoed, 3, "it has not left, and may never");
    assert_eq!(bench.asked.len(), 1, "one question a second");
    let question = bench.sent.iter().find(|frame| frame[12..14] == [8, 6]).expect("it asks");
    let reply = arp_reply(&question[14..]);
    let mut expected = far.answer(50_000, b"far");
    expected.mac = crate::world::CLIENT_MAC;
    assert_eq!(answers(&mut bench, &reply), [expected]);
    let counts = bench.server.datagrams();
    assert_eq!((counts.echoed, counts.bytes, counts.unreachable), (4, 15, 3), "{counts:?}");
    // It costs no time either: nothing is due.
    let sent = bench.sent.len();
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.sent.len(), sent);
}

/// From nowhere that there is a way to.
#[test]
fn who_can_never_be_reached_holds_nobody_up() {
    let mut bench = bench();
    bench.server.interface().routes_mut().remove_default_ipv4_route();
    let neighbour = Neighbour::v4(200);
    let nowhere = Neighbour { ip: FAR.into(), ..neighbour };
    for _ in 0..3 {
        assert_eq!(answers(&mut bench, &nowhere.datagram(40_000, b"far")), []);
        bench.wait(Duration::from_secs(10));
        let near = neighbour.datagram(40_000, b"near");
        assert_eq!(answers(&mut bench, &near), [neighbour.answer(40_000, b"near")]);
    }
}

#[test]
fn what_is_too_long_for_a_ring_is_counted_and_not_cut() {
    let mut bench = Bench::of(Setup { datagrams: [100, 50], ..Setup::default() });
    let neighbour = Neighbour::v4(200);
    for (length, echoed) in [(50, 1), (51, 0), (100, 0), (101, 0)] {
        let bytes = vec![7; length];
        let expected = [neighbour.answer(40_000, &bytes)];
        let question = neighbour.datagram(40_000, &bytes);
        assert_eq!(answers(&mut bench, &question), expected[..echoed], "{length} bytes");
    }
    // It may have been another length.
    let mut garbled = neighbour.datagram(40_000, &[7; 101]);
    garbled[100] ^= 1;
    assert_eq!(answers(&mut bench, &garbled), []);
    let counts = bench.server.datagrams();
    assert_eq!((counts.echoed, counts.full, counts.too_long), (1, 2, 1), "{counts:?}");
}

/// Eight fit into the ring.
#[test]
fn what_the_device_has_no_room_for_waits_its_turn_and_what_the_ring_has_none_for_is_dropped() {
    let mut bench = bench();
    let neighbour = Neighbour::v4(200);
    for number in 0..10 {
        bench.put(&neighbour.datagram(40_000, &[number; 100]));
    }
    let mut heard = Vec::new();
    for (room, sent, more) in [(0, 0, true), (3, 3, true), (0, 3, true), (100, 8, false)] {
        let before = bench.sent.len();
        let next = bench.step_with_room(room);
        heard.extend(bench.sent[before..].iter().filter_map(|frame| parse(frame)));
        let expected = (0..sent).map(|number| neighbour.answer(40_000, &[number; 100]));
        assert_eq!(heard, expected.collect::<Vec<_>>());
        assert_eq!(next == Some(bench.now), more, "after {sent}");
    }
    let counts = bench.server.datagrams();
    assert_eq!((counts.echoed, counts.bytes, counts.full), (8, 800, 2), "{counts:?}");
}

/// At the end of the ring there is a gap, which is no part of any datagram.
#[test]
fn what_waits_is_counted_when_it_leaves_and_by_its_own_length() {
    // What comes in each step, and the frames that the device then has room for.
    let begun: [(&[usize], usize); 3] = [(&[100, 100], 0), (&[], 1), (&[60], 0)];
    for rest in [&[(&[][..], 2)][..], &[(&[][..], 1), (&[90], 0), (&[], 2)], &[(&[30], 9)]] {
        let mut bench = Bench::of(Setup { datagrams: [100, 250], ..Setup::default() });
        let neighbour = Neighbour::v4(200);
        let mut counted = Counts::default();
        for (lengths, room) in begun.iter().chain(rest) {
            for length in *lengths {
                bench.put(&neighbour.datagram(40_000, &vec![7; *length]));
            }
            let before = bench.sent.len();
            bench.step_with_room(*room);
            for answer in bench.sent[before..].iter().filter_map(|frame| parse(frame)) {
                counted.echoed += 1;
                counted.bytes += answer.bytes.len() as u64;
            }
            assert_eq!(bench.server.datagrams(), counted, "{lengths:?}, {rest:?}");
        }
        assert!(counted.echoed >= 3, "{rest:?}");
    }
}

/// And the other way round: a datagram is answered before the frame after it is looked at.
#[test]
fn a_flood_of_datagrams_does_not_hold_a_session_up() {
    const SECOND: Duration = Duration::from_secs(1);
    let talker = Talker::new([(SECOND, b"hello".as_slice())]).then_fin();
    let mut world = World::new(Setup::default(), vec![talker]);
    world.run_until(SECOND, |_| false);
    let neighbour = Neighbour::v4(200);
    let mut flood = 0;
    while world.ends[0].endpoint.eof.is_none() {
        for _ in 0..200 {
            world.plugs[1].inject(world.now, &neighbour.datagram(40_000, b"flood"));
        }
        flood += 200;
        let until = world.now.since_start() + Duration::from_micros(100);
        world.run_until(until, |_| false);
    }
    let took = world.now.since_start() - SECOND;
    assert!(took < Duration::from_millis(2), "{took:?}");
    assert_eq!(world.ends[0].endpoint.heard, b"hello");
    world.run_until(2 * SECOND, |_| false);
    assert_eq!(world.server.datagrams().echoed, flood);
}
