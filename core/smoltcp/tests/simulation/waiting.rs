//! Slots whose peer does not answer: how long they wait for it, and when they
//! give way to somebody else.

use std::time::Duration;

use echo_core::Rules;
use echo_smoltcp::smoltcp::wire::{IpAddress, TcpControl};

use crate::bench::{Bench, FAR, PEER, Peer, arp_reply};
use crate::segment::syn;
use crate::talker::Talker;
use crate::world::{Setup, World};

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_micros(1);

/// Sessions end after 2 s without a byte, and at most one is served.
fn bench() -> Bench {
    Bench::new(1, Rules { idle: Some(2 * SECOND), ..Rules::default() })
}

/// The only slot is given to another peer after `time`, and not earlier.
fn gives_way_after(bench: &mut Bench, time: Duration) {
    bench.wait(time - MOMENT);
    let turned_away = bench.server.turned_away();
    assert_eq!(bench.ask(&syn(PEER, 9, 1)), [], "too early");
    assert_eq!(bench.server.turned_away(), turned_away + 1);
    bench.wait(MOMENT);
    bench.open(9, 1);
    assert_eq!(bench.server.turned_away(), turned_away + 1);
    assert_eq!(bench.server.connections(), 1);
}

#[test]
fn a_handshake_gives_way_after_a_second() {
    let mut bench = bench();
    bench.say(&syn(PEER, 1, 1));
    gives_way_after(&mut bench, SECOND);
}

#[test]
fn a_tail_that_nobody_acknowledges_gives_way_after_ten_seconds() {
    // FIN-WAIT-1 with an echo, FIN-WAIT-1 with the FIN alone, LAST-ACK, CLOSING.
    let fin = |peer: &Peer| peer.frame(TcpControl::Fin);
    let mut echo_is_lost = bench();
    let mut peer = echo_is_lost.open(1, 1);
    echo_is_lost.say(&peer.bytes(b"hello"));
    echo_is_lost.wait(2 * SECOND);
    let mut fin_is_lost = bench();
    fin_is_lost.open(1, 1);
    fin_is_lost.wait(2 * SECOND);
    let mut last_ack = bench();
    let peer = last_ack.open(1, 1);
    last_ack.say(&fin(&peer));
    let mut closing = bench();
    let peer = closing.open(1, 1);
    closing.wait(2 * SECOND);
    closing.say(&fin(&peer));
    for mut bench in [echo_is_lost, fin_is_lost, last_ack, closing] {
        assert_eq!(bench.closed, [(bench.now, 1)], "the session is over");
        gives_way_after(&mut bench, 10 * SECOND);
    }
}

#[test]
fn a_tail_that_is_read_slowly_stays_until_it_is_read() {
    let mut bench = bench();
    let mut peer = bench.tail();
    for _ in 0..40 {
        bench.wait(10 * SECOND - MOMENT);
        assert_eq!(bench.ask(&syn(PEER, 9, 1)), [], "at {:?}", bench.now);
        peer.acknowledged += 100;
        bench.say(&peer.frame(TcpControl::None));
    }
    assert_eq!(bench.server.connections(), 1, "its FIN is on the way");
    peer.acknowledged += 1;
    bench.say(&peer.frame(TcpControl::None));
    assert_eq!(bench.server.connections(), 0);
    bench.open(9, 1);
}

#[test]
fn a_tail_that_nobody_needs_to_give_way_stays_for_two_minutes() {
    let mut bench = bench();
    let mut peer = bench.open(1, 1);
    bench.say(&peer.bytes(b"hello"));
    bench.wait(2 * SECOND);
    bench.wait(120 * SECOND - MOMENT);
    assert_eq!(bench.server.connections(), 1);
    bench.wait(MOMENT);
    assert_eq!(bench.server.connections(), 0);
}

#[test]
fn an_open_session_never_gives_way() {
    let mut bench = Bench::new(1, Rules { idle: None, ..Rules::default() });
    let mut peer = bench.open(1, 1);
    bench.say(&peer.bytes(b"hello"));
    for _ in 0..299 {
        bench.wait(SECOND);
        assert_eq!(bench.ask(&syn(PEER, 9, 1)), [], "at {:?}", bench.now);
    }
    assert_eq!(bench.closed, []);
    bench.wait(SECOND);
    assert_eq!(bench.closed, [(bench.now, 1)], "the peer is taken for gone");
    bench.open(9, 1);
}

/// A SYN behind the answer that a slot has waited for, in the same step.
#[test]
fn a_slot_that_is_answered_does_not_give_way_in_the_same_step() {
    let mut bench = bench();
    bench.say(&syn(PEER, 1, 1));
    let number = bench.heard[0].acknowledged.expect("a SYN, ACK");
    let mut peer = Peer { address: PEER, port: 1, number, acknowledged: bench.heard[0].number + 1 };
    bench.wait(SECOND);
    bench.put(&peer.frame(TcpControl::None));
    assert_eq!(bench.ask(&syn(PEER, 9, 1)), []);
    bench.say(&peer.bytes(b"hello"));
    assert_eq!(bench.heard.last().map(|echo| (echo.port, echo.bytes)), Some((1, 5)));
    bench.wait(12 * SECOND);
    peer.acknowledged += 5;
    bench.put(&peer.frame(TcpControl::None));
    assert_eq!(bench.ask(&syn(PEER, 9, 1)), []);
    assert_eq!(bench.server.connections(), 1);
}

/// smoltcp asks for the MAC of one peer a second in all, so whoever is given up
/// must not go on asking: the handshake, the tail, the session and what is left
/// of it in FIN-WAIT-2 end with a reset that cannot leave.
#[test]
fn nobody_asks_for_a_peer_that_was_given_up() {
    let mut handshake = bench();
    handshake.reachable = false;
    handshake.say(&syn(FAR, 1, 1));
    let mut tail = bench();
    tail.open_from(FAR, 1, 1);
    let mut session = Bench::new(1, Rules { idle: None, ..Rules::default() });
    session.open_from(FAR, 1, 1);
    let mut half_closed = bench();
    let mut peer = half_closed.open_from(FAR, 1, 1);
    half_closed.wait(2 * SECOND);
    peer.acknowledged += 1;
    half_closed.say(&peer.frame(TcpControl::None));
    let given_up = [10, 122, 300, 302].map(|seconds| seconds * SECOND);
    for (mut bench, given_up) in [handshake, tail, session, half_closed].into_iter().zip(given_up) {
        bench.reachable = false;
        bench.wait(given_up.saturating_sub(bench.now.since_start()));
        assert_eq!(bench.server.connections(), 0, "after {given_up:?}");
        assert_eq!(bench.asked.last(), Some(&bench.now), "the reset waits for an answer");
        bench.asked.clear();
        bench.wait(100 * SECOND);
        assert_eq!(bench.asked, [], "given up after {given_up:?}");
    }
}

/// An answer that waits for a neighbour leaves when the neighbour is known, also if that is the
/// instant at which another slot has something to do.
#[test]
fn a_neighbour_that_is_found_at_a_deadline_hears_at_once() {
    let mut bench = Bench::new(2, Rules { idle: Some(2 * SECOND), ..Rules::default() });
    bench.open(1, 1);
    bench.wait(SECOND + SECOND / 2);
    bench.reachable = false;
    assert_eq!(bench.ask(&syn(FAR, 2, 1)), [], "the MAC of the gateway is not known");
    let question = bench.sent.last().expect("the server asks for it").clone();
    bench.wait(SECOND / 2 - MOMENT);
    bench.now = bench.now + MOMENT;
    let answers = bench.ask(&arp_reply(&question[14..]));
    assert_eq!(bench.closed, [(bench.now, 1)], "the other session has come to its limit");
    let syn_ack = answers.iter().filter(|it| it.port == 2 && it.control == TcpControl::Syn);
    assert_eq!(syn_ack.count(), 1, "{answers:?}");
}

#[test]
fn a_client_does_not_ask_for_a_server_that_it_gave_up() {
    let nobody = IpAddress::v4(192, 168, 69, 77);
    let setup = Setup { server: nobody, ..Setup::default() };
    let mut world = World::new(setup, vec![Talker::saying(b"hello")]);
    world.run_until(5 * SECOND - MOMENT, |_| false);
    let asked = |world: &World<Talker>| world.cable.borrow().sent_to[0];
    assert_eq!(asked(&world), 5, "once a second");
    world.abort(0);
    world.run_until(100 * SECOND, |_| false);
    assert_eq!(asked(&world), 5);
}
