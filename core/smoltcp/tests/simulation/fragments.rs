//! Datagrams that are longer than a frame: they are put together, and smoltcp, which cuts the answer,
//! has memory for one and would overwrite that with the next.

use std::time::Duration;

use echo_core::{Instant, Rules};
use echo_smoltcp::Client;
use echo_smoltcp::smoltcp::phy::{Device, RxToken};
use echo_smoltcp::smoltcp::time::Instant as WireInstant;
use echo_smoltcp::smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet};

use crate::bench::Bench;
use crate::cable::{Cable, Faults};
use crate::datagram::{Answer, parse};
use crate::neighbour::Neighbour;
use crate::world::{ASSEMBLIES, SERVER, SERVER_MAC, SERVER_V6, Setup, assemblies, interface};

/// What a frame of 1500 bytes holds of it, in units of 8.
const PIECE: usize = 1480;

/// Also such that what is left of one could make the next one whole too early.
const LENGTHS: [usize; 9] = [1472, 1473, 2 * PIECE - 8, 4097, 2049, 8193, 12_289, LONGEST, 0];

/// The longest datagram.
const LONGEST: usize = 65_507;

fn bench() -> Bench {
    let mut bench = Bench::of(Setup { datagrams: [1 << 16, 1 << 17], ..Setup::default() });
    bench.reachable = false;
    bench
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n ^ n >> 8) as u8).collect()
}

/// The frames of an IP packet that carries this.
fn frames(neighbour: &Neighbour, id: u16, protocol: IpProtocol, payload: &[u8]) -> Vec<Vec<u8>> {
    let pieces = payload.chunks(PIECE).enumerate();
    let frames = pieces.map(|(number, piece)| {
        let mut frame = neighbour.packet(neighbour.server(), protocol, piece);
        let mut packet = Ipv4Packet::new_unchecked(&mut frame[14..]);
        packet.set_ident(id);
        packet.set_dont_frag(false);
        packet.set_more_frags((number + 1) * PIECE < payload.len());
        packet.set_frag_offset((number * PIECE) as u16);
        packet.fill_checksum();
        frame
    });
    frames.collect()
}

fn question(neighbour: &Neighbour, id: u16, bytes: &[u8]) -> Vec<Vec<u8>> {
    frames(neighbour, id, IpProtocol::Udp, &neighbour.udp(40_000, 2333, bytes))
}

/// The packets in these frames, of which the fragments of one are in their order and not mixed with
/// others.
fn packets(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut packets = Vec::<Vec<u8>>::new();
    let mut expected = None;
    for frame in frames {
        let frame = EthernetFrame::new_checked(&frame[..]).expect("the server sends frames");
        if frame.ethertype() != EthernetProtocol::Ipv4 {
            continue;
        }
        assert!(frame.as_ref().len() <= 1514);
        let packet = Ipv4Packet::new_checked(frame.payload()).expect("a packet");
        assert!(packet.verify_checksum());
        let here = (packet.frag_offset() > 0).then(|| (packet.ident(), packet.frag_offset()));
        assert_eq!(here, expected, "no fragment is missing");
        match here {
            None => packets.push(frame.as_ref().to_vec()),
            Some(_) => packets.last_mut().expect("one was begun").extend(packet.payload()),
        }
        let end = packet.frag_offset() + packet.payload().len() as u16;
        expected = packet.more_frags().then_some((packet.ident(), end));
    }
    assert_eq!(expected, None, "the last one is whole");
    for packet in &mut packets {
        let length = packet.len() - 14;
        let mut header = Ipv4Packet::new_unchecked(&mut packet[14..]);
        header.set_total_len(length as u16);
        header.set_more_frags(false);
        header.set_dont_frag(true);
        header.fill_checksum();
    }
    packets
}

/// What the server answers to these frames, all at once.
fn answers(bench: &mut Bench, frames: &[Vec<u8>]) -> Vec<Answer> {
    let before = bench.sent.len();
    frames.iter().for_each(|frame| bench.put(frame));
    bench.wait(Duration::ZERO);
    packets(&bench.sent[before..]).iter().filter_map(|packet| parse(packet)).collect()
}

#[test]
fn a_datagram_of_any_length_comes_back_whole_and_once() {
    let mut bench = bench();
    let neighbour = Neighbour::v4(200);
    for (id, length) in LENGTHS.into_iter().enumerate() {
        let bytes = content(length);
        let question = question(&neighbour, id as u16, &bytes);
        let said = answers(&mut bench, &question);
        assert!(said == [neighbour.answer(40_000, &bytes)], "{length} bytes: {}", said.len());
    }
    assert_eq!(bench.server.datagrams().echoed, LENGTHS.len() as u64);
}

#[test]
fn long_ones_of_several_clients_do_not_spoil_each_other() {
    let mut bench = bench();
    let clients: Vec<_> = (0..ASSEMBLIES as u8).map(|n| Neighbour::v4(10 + n)).collect();
    let bytes = content(LONGEST);
    // One after another, and by turns.
    for by_turns in [false, true] {
        let mut frames: Vec<_> = clients.iter().map(|client| question(client, 7, &bytes)).collect();
        let count = frames.len() * frames[0].len();
        let frames: Vec<_> = if by_turns {
            (0..count)
                .map(|n| std::mem::take(&mut frames[n % clients.len()][n / clients.len()]))
                .collect()
        } else {
            frames.concat()
        };
        let said = answers(&mut bench, &frames);
        let expected: Vec<_> = clients.iter().map(|client| client.answer(40_000, &bytes)).collect();
        assert!(said == expected, "{}", said.len());
    }
}

#[test]
fn fragments_may_come_in_any_order_and_twice() {
    let mut bench = bench();
    let neighbour = Neighbour::v4(200);
    let bytes = content(8193);
    let in_order = question(&neighbour, 1, &bytes);
    let mut backwards = question(&neighbour, 2, &bytes);
    backwards.reverse();
    let mut twice = question(&neighbour, 3, &bytes);
    twice.insert(1, twice[0].clone());
    for frames in [in_order, backwards, twice] {
        let said = answers(&mut bench, &frames);
        assert!(said == [neighbour.answer(40_000, &bytes)], "{}", said.len());
    }
}

/// There are few places, and beginnings alone keep nobody out.
#[test]
fn what_was_begun_first_gives_way() {
    let mut bench = bench();
    let (neighbour, stranger) = (Neighbour::v4(200), Neighbour::v4(201));
    let bytes = content(5000);
    for round in 0..3 {
        // To the port, to another, and of what nobody knows.
        for id in 0..10 * ASSEMBLIES {
            let port = 2333 + id % 2;
            let datagram = stranger.udp(40_000, port, &bytes);
            let frames = frames(&stranger, 100 * round + id, IpProtocol::Udp, &datagram);
            assert_eq!(answers(&mut bench, &frames[usize::from(id / 2 % 2)..][..1]), []);
        }
        let whole = question(&neighbour, round, &bytes);
        assert!(answers(&mut bench, &whole) == [neighbour.answer(40_000, &bytes)], "{round}");
    }
    // One that is begun lets as many others begin as there are places, and no more.
    for others in [ASSEMBLIES - 1, ASSEMBLIES] {
        let whole = question(&neighbour, 7, &bytes);
        assert_eq!(answers(&mut bench, &whole[1..]), []);
        for id in 0..others {
            let one = &question(&stranger, 1000 * others + id, &bytes)[..1];
            assert_eq!(answers(&mut bench, one), []);
        }
        let echoed = usize::from(others < ASSEMBLIES);
        let expected = [neighbour.answer(40_000, &bytes)];
        assert!(answers(&mut bench, &whole[..1]) == expected[..echoed], "{others}");
    }
}

/// A number is used again one day.
#[test]
fn what_was_not_whole_in_time_is_forgotten() {
    for (after, echoed) in [(1999, 1), (2000, 0)] {
        let mut bench = bench();
        let neighbour = Neighbour::v4(200);
        let bytes = content(5000);
        let whole = question(&neighbour, 1, &bytes);
        assert_eq!(answers(&mut bench, &whole[1..]), []);
        bench.wait(Duration::from_millis(after));
        let expected = [neighbour.answer(40_000, &bytes)];
        assert!(answers(&mut bench, &whole[..1]) == expected[..echoed], "after {after} ms");
    }
}

/// Nothing beyond the longest packet, and no packet with two ends.
#[test]
fn fragments_that_do_not_fit_together_are_no_packet() {
    let neighbour = Neighbour::v4(200);
    let bytes = content(5000);
    let whole = question(&neighbour, 1, &bytes);
    for (piece, offset, fits) in [(1, 1480, true), (1, 65_528, false), (3, 8000, false)] {
        let mut bench = bench();
        let mut other = whole[piece].clone();
        let mut packet = Ipv4Packet::new_unchecked(&mut other[14..]);
        packet.set_frag_offset(offset);
        packet.fill_checksum();
        assert_eq!(answers(&mut bench, &[&whole[1..], &[other]].concat()), []);
        let said = answers(&mut bench, &whole[..1]);
        assert_eq!(said.len(), usize::from(fits), "{piece} at {offset}");
        let again = question(&neighbour, 2, &bytes);
        assert!(answers(&mut bench, &again) == [neighbour.answer(40_000, &bytes)]);
    }
}

/// An echo request of ICMP that takes six frames.
fn ping() -> Vec<u8> {
    let mut ping = vec![8, 0, 0, 0, 0, 1, 0, 1];
    ping.extend(content(8000));
    let sum = ping.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
    let sum = (sum & 0xffff) + (sum >> 16);
    ping[2..4].copy_from_slice(&(!(sum + (sum >> 16)) as u16).to_be_bytes());
    ping
}

/// Whether these frames are its answer, and nothing else.
fn is_pong(frames: &[Vec<u8>]) -> bool {
    matches!(&packets(frames)[..], [pong] if pong[34] == 0 && pong[38..] == ping()[4..])
}

#[test]
fn a_long_ping_is_answered() {
    let mut bench = bench();
    let neighbour = Neighbour::v4(200);
    for id in 0..10 {
        let before = bench.sent.len();
        for frame in frames(&neighbour, id, IpProtocol::Icmp, &ping()) {
            bench.put(&frame);
        }
        bench.wait(Duration::ZERO);
        assert!(is_pong(&bench.sent[before..]));
    }
}

/// A host that measures answers as one that serves does.
#[test]
fn a_client_answers_a_long_ping_too() {
    let (_, mut plugs) = Cable::new(Faults::default(), 1);
    let [plug, outside] = &mut plugs;
    let interface = interface(SERVER_MAC, [SERVER, SERVER_V6], 1, plug);
    let mut client = Client::new(interface, &mut [], 1).reassemble(assemblies());
    let neighbour = Neighbour::v4(200);
    for id in 0..10 {
        for frame in frames(&neighbour, id, IpProtocol::Icmp, &ping()) {
            outside.inject(Instant::START, &frame);
        }
        client.receive(Instant::START, plug);
        let mut sent = Vec::new();
        while let Some((frame, _)) = outside.receive(WireInstant::ZERO) {
            frame.consume(|frame| sent.push(frame.to_vec()));
        }
        assert!(is_pong(&sent), "{id}");
    }
}

/// The next datagram must not overwrite what is left of the one before.
#[test]
fn fragments_that_the_device_has_no_room_for_follow() {
    let mut bench = bench();
    let neighbour = Neighbour::v4(200);
    let all: Vec<_> = [5000, 3000, 4000].map(content).into();
    for (id, bytes) in all.iter().enumerate() {
        question(&neighbour, id as u16, bytes).iter().for_each(|frame| bench.put(frame));
    }
    let mut steps = 0;
    while bench.step_with_room(1) == Some(bench.now) {
        steps += 1;
        assert!(bench.sent.len() == steps && steps < 100);
    }
    let said: Vec<_> = packets(&bench.sent).iter().filter_map(|packet| parse(packet)).collect();
    let expected: Vec<_> = all.iter().map(|bytes| neighbour.answer(40_000, bytes)).collect();
    assert!(said == expected, "{}", said.len());
}

/// The receive ring is too small for it, and what comes after it is not held up.
#[test]
fn what_is_put_together_and_too_long_is_counted() {
    let mut bench = Bench::new(1, Rules::default());
    let neighbour = Neighbour::v4(200);
    for (id, length) in [2049, 2048, 5000].into_iter().enumerate() {
        let bytes = content(length);
        let question = question(&neighbour, id as u16, &bytes);
        let expected = [neighbour.answer(40_000, &bytes)];
        assert!(answers(&mut bench, &question) == expected[..usize::from(length == 2048)]);
    }
    let counts = bench.server.datagrams();
    assert_eq!((counts.echoed, counts.too_long), (1, 2), "{counts:?}");
}
