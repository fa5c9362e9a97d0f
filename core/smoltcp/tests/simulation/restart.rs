//! SYNs on connections that the server still has: of peers that have restarted,
//! and of others who want to end what is not theirs.

use std::time::Duration;

use echo_core::{LINGER, Rules};
use echo_smoltcp::smoltcp::wire::{Ipv4Address, TcpControl, TcpSeqNumber};

use crate::bench::{Bench, PEER, Peer};
use crate::segment::{Heard, frame, segment, syn};
use crate::talker::Talker;
use crate::world::{SERVER, SERVER_V6, Setup, World};

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_micros(1);

fn bench(slots: usize) -> Bench {
    Bench::new(slots, Rules { idle: Some(2 * SECOND), ..Rules::default() })
}

/// A challenge ACK says what the connection of this peer expects next.
#[track_caller]
fn assert_challenged(answers: &[Heard], peer: &Peer) {
    let [Heard { port, control, acknowledged, bytes: 0, .. }] = answers else {
        panic!("no single segment without bytes: {answers:?}");
    };
    assert_eq!((*port, *control), (peer.port, TcpControl::None));
    assert_eq!(*acknowledged, Some(peer.number));
}

/// The peer connects again, as it would after it has lost all memory.
fn comes_back(bench: &mut Bench, peer: &Peer) -> Peer {
    let answers = bench.ask(&syn(PEER, peer.port, 99));
    assert_challenged(&answers, peer);
    let expected = answers[0].acknowledged.expect("an ACK");
    bench.say(&frame(PEER, &segment(peer.port, TcpControl::Rst, expected, None)));
    assert_eq!(bench.server.connections(), 0);
    bench.open(peer.port, 99)
}

#[test]
fn a_restarted_peer_comes_in_whatever_it_left_behind() {
    let fin = |bench: &mut Bench, peer: &mut Peer| {
        bench.say(&peer.frame(TcpControl::Fin));
        peer.number += 1;
    };
    type Before<'b> = &'b dyn Fn(&mut Bench, &mut Peer);
    let left_behind: [(&str, Before<'_>); 6] = [
        ("ESTABLISHED", &|_, _| {}),
        ("ESTABLISHED with an echo in flight", &|bench, peer| bench.say(&peer.bytes(b"hello"))),
        ("CLOSE-WAIT", &|bench, peer| {
            // More than the send ring, so that the FIN has to wait.
            for _ in 0..9 {
                let said = peer.bytes(&[7; 1000]);
                bench.say(&said);
            }
            fin(bench, peer);
            assert_eq!(bench.closed, [], "there is still something to say");
        }),
        ("LAST-ACK", &fin),
        ("FIN-WAIT-1", &|bench, _| bench.wait(2 * SECOND)),
        ("CLOSING", &|bench, peer| {
            bench.wait(2 * SECOND);
            fin(bench, peer);
        }),
    ];
    for (state, leave) in left_behind {
        println!("{state}");
        let mut bench = bench(1);
        let mut peer = bench.open(1, 1);
        leave(&mut bench, &mut peer);
        let mut peer = comes_back(&mut bench, &peer);
        bench.say(&peer.bytes(b"hello"));
        assert_eq!(bench.heard.last().map(|echo| echo.bytes), Some(5));
    }
}

/// As a whole stack does it: its SYN is challenged, it sends a reset, and repeats the
/// SYN after a second.
#[test]
fn a_restarted_stack_is_served_a_second_later() {
    for server in [SERVER, SERVER_V6] {
        let setup = || Setup { server, ..Setup::default() };
        let delay = setup().faults.delay;
        let mut world = World::new(setup(), vec![Talker::saying(b"before")]);
        world.run_until(SECOND / 2, |world| !world.ends[0].endpoint.heard.is_empty());
        let restarted = SECOND / 2;
        world.run_until(restarted, |_| false);
        world.restart_client(&setup(), vec![Talker::saying(b"after")]);
        world.run_until(10 * SECOND, |world| world.ends[0].endpoint.heard == b"after");
        // Its address resolution, the SYN and the line each go there and back.
        assert_eq!(world.now.since_start(), restarted + SECOND + 6 * delay, "{server}");
    }
}

/// Whatever number the server's own sequence begins with.
#[test]
fn a_syn_draws_one_challenge_a_second_and_changes_nothing() {
    let mut bench = bench(64);
    let mut halves = [false; 2];
    for port in 1..=64 {
        let mut peer = bench.open(port, 1);
        let TcpSeqNumber(theirs) = peer.acknowledged;
        halves[usize::from(theirs < 0)] = true;
        // In the window, before and behind it.
        for number in [2, 1, 1 << 30, i32::MIN] {
            let answers = bench.ask(&syn(PEER, port, number));
            assert_challenged(&answers, &peer);
            bench.wait(SECOND / 4 - MOMENT);
            assert_eq!(bench.ask(&syn(PEER, port, number)), [], "not yet");
            bench.wait(SECOND * 3 / 4 - MOMENT);
            assert_eq!(bench.ask(&syn(PEER, port, number)), [], "not yet");
            bench.wait(2 * MOMENT);
            // Its only sign of life, so that the session goes on.
            let echo = bench.ask(&peer.bytes(b"hello"));
            assert!(matches!(echo[..], [Heard { bytes: 5, .. }]), "{echo:?}");
            peer.acknowledged += 5;
            bench.say(&peer.frame(TcpControl::None));
        }
    }
    assert_eq!(halves, [true; 2]);
}

/// The interface remembers the MACs of few.
#[test]
fn a_challenge_leaves_however_many_others_speak_in_the_same_step() {
    let mut bench = bench(1);
    let peer = bench.open(1, 1);
    bench.put(&syn(PEER, 1, 99));
    for last in 1..=60 {
        bench.put(&syn(Ipv4Address::new(192, 168, 69, 100 + last), 9, 1));
    }
    let last = syn(Ipv4Address::new(192, 168, 69, 99), 9, 1);
    assert_challenged(&bench.ask(&last), &peer);
}

#[test]
fn a_new_syn_in_the_handshake_begins_it_anew_and_a_repeated_one_does_not() {
    let mut bench = bench(2);
    let [first] = bench.ask(&syn(PEER, 1, 1))[..] else { panic!("one answer") };
    assert_eq!(bench.ask(&syn(PEER, 1, 1)), [], "it is repeated by the clock");
    let [second] = bench.ask(&syn(PEER, 1, 1_000_001))[..] else { panic!("one answer") };
    assert_eq!(second.control, TcpControl::Syn);
    assert_eq!(second.acknowledged, Some(TcpSeqNumber(1_000_002)));
    assert_eq!(bench.server.connections(), 1);
    let mut peer =
        Peer { address: PEER, port: 1, number: TcpSeqNumber(2), acknowledged: first.number + 1 };
    let answers = bench.ask(&peer.frame(TcpControl::None));
    assert!(matches!(answers[..], [Heard { control: TcpControl::Rst, .. }]), "{answers:?}");
    peer = Peer { number: TcpSeqNumber(1_000_002), acknowledged: second.number + 1, ..peer };
    bench.say(&peer.frame(TcpControl::None));
    let echo = bench.ask(&peer.bytes(b"hello"));
    assert!(matches!(echo[..], [Heard { bytes: 5, .. }]), "{echo:?}");
}

/// Or whoever sends one SYN after the other would keep the slot for ever.
#[test]
fn a_handshake_that_begins_anew_is_as_old_as_it_was() {
    let mut bench = bench(1);
    bench.say(&syn(PEER, 1, 1));
    bench.wait(SECOND - MOMENT);
    bench.say(&syn(PEER, 1, 2));
    assert_eq!(bench.ask(&syn(PEER, 9, 1)), []);
    bench.wait(MOMENT);
    bench.open(9, 1);
}

#[test]
fn a_syn_after_all_is_acknowledged_opens_at_once_and_the_old_one_is_silent() {
    for peer_closes in [false, true] {
        let mut bench = Bench::new(2, Rules { idle: None, ..Rules::default() });
        let mut old = bench.open(1, 1);
        bench.say(&old.bytes(b"exit"));
        bench.wait(SECOND);
        old.acknowledged += 1;
        let last = if peer_closes { TcpControl::Fin } else { TcpControl::None };
        bench.say(&old.frame(last));
        bench.wait(LINGER);
        assert_eq!(bench.server.connections(), 0, "TIME-WAIT or FIN-WAIT-2");
        let mut peer = bench.open(1, 1 << 30);
        bench.heard.clear();
        for _ in 0..10 {
            bench.wait(50 * SECOND);
            bench.say(&peer.bytes(b"hello"));
            peer.acknowledged += 5;
            bench.say(&peer.frame(TcpControl::None));
        }
        assert!(bench.heard.iter().all(|heard| heard.bytes == 5), "{:?}", bench.heard);
        assert_eq!(bench.heard.len(), 10);
        // Nothing is left of the old one in the way.
        bench.say(&peer.frame(TcpControl::Rst));
        assert_eq!(bench.server.connections(), 0);
        let answers = bench.ask(&peer.frame(TcpControl::None));
        assert!(matches!(answers[..], [Heard { control: TcpControl::Rst, .. }]), "{answers:?}");
    }
}

#[test]
fn a_reset_and_a_syn_in_one_step_are_not_answered_by_a_reset() {
    let mut bench = bench(2);
    let peer = bench.open(1, 1);
    bench.put(&peer.frame(TcpControl::Rst));
    let answers = bench.ask(&syn(PEER, 1, 99));
    assert!(matches!(answers[..], [Heard { control: TcpControl::Syn, .. }]), "{answers:?}");
    assert_eq!(bench.server.connections(), 1);
    assert_eq!(bench.closed.len(), 1);
}

#[test]
fn a_server_that_stops_accepting_still_challenges_and_resets_what_is_new() {
    let mut bench = bench(2);
    let peer = bench.open(1, 1);
    bench.say(&syn(PEER, 2, 1));
    bench.server.stop_accepting();
    assert_challenged(&bench.ask(&syn(PEER, 1, 99)), &peer);
    for port in [2, 3] {
        let answers = bench.ask(&syn(PEER, port, 99));
        assert!(matches!(answers[..], [Heard { control: TcpControl::Rst, .. }]), "{answers:?}");
    }
}
