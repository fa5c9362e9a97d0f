//! An ACK that has overtaken bytes of its peer: they are echoed when they come.

use std::time::Duration;

use echo_core::Rules;
use echo_smoltcp::smoltcp::wire::{TcpControl, TcpRepr};

use crate::bench::{Bench, PEER, Peer};
use crate::segment::{Heard, frame, segment};

fn bytes(answers: &[Heard]) -> usize {
    answers.iter().map(|heard| heard.bytes).sum()
}

#[test]
fn bytes_that_an_ack_has_overtaken_are_echoed_at_once() {
    let mut bench = Bench::new(1, Rules::default());
    let mut peer = bench.open(1, 1);
    for round in 0..3 {
        assert_eq!(bytes(&bench.ask(&peer.bytes(&[7; 100]))), 100, "round {round}");
        // They acknowledge none of this echo, and the ACK, which comes first, all of it.
        let late = peer.bytes(&[8; 55]);
        peer.acknowledged += 100;
        assert_eq!(bytes(&bench.ask(&peer.frame(TcpControl::None))), 0, "round {round}");
        assert_eq!(bytes(&bench.ask(&late)), 55, "round {round}");
        // What the overtaking ACK said, the next one says again: nothing has to be sent twice.
        peer.acknowledged += 55;
        bench.say(&peer.frame(TcpControl::None));
        let before = bench.heard.len();
        bench.wait(Duration::from_secs(5));
        assert_eq!(bench.heard[before..], [], "round {round}");
    }
}

#[test]
fn an_ack_counts_soon_if_the_bytes_before_it_are_lost() {
    let mut bench = Bench::new(1, Rules::default());
    let mut peer = bench.open(1, 1);
    assert_eq!(bytes(&bench.ask(&peer.bytes(&[7; 100]))), 100);
    let _lost = peer.bytes(&[8; 55]);
    peer.acknowledged += 100;
    bench.say(&peer.frame(TcpControl::None));
    let before = bench.heard.len();
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.heard[before..], [], "the echo is not sent twice");
}

/// One that comes while another waits begins no new wait.
#[test]
fn an_ack_counts_soon_however_many_follow_it() {
    let mut bench = Bench::new(1, Rules::default());
    let mut peer = bench.open(1, 1);
    assert_eq!(bytes(&bench.ask(&peer.bytes(&[7; 900]))), 900);
    let _lost = peer.bytes(&[8; 55]);
    let before = bench.heard.len();
    for _ in 0..900 {
        peer.acknowledged += 1;
        bench.say(&peer.frame(TcpControl::None));
        bench.wait(Duration::from_millis(2));
    }
    assert_eq!(bench.heard[before..], [], "the echo is not sent twice");
}

#[test]
fn an_ack_that_comes_again_and_again_tells_of_a_loss() {
    let mut bench = Bench::new(1, Rules::default());
    let mut peer = bench.open(1, 1);
    assert_eq!(bytes(&bench.ask(&peer.bytes(&[7; 100]))), 100);
    let _lost = peer.bytes(&[8; 55]);
    let again = peer.frame(TcpControl::None);
    assert_eq!([(); 4].map(|()| bytes(&bench.ask(&again))), [0, 0, 0, 100]);
}

/// The bytes are sent again, and with them a later window: this one counts.
#[test]
fn an_ack_is_forgotten_when_a_later_one_has_come() {
    for acknowledged in [100, 60, 40] {
        let mut bench = Bench::new(1, Rules::default());
        let mut peer = bench.open(1, 1);
        assert_eq!(bytes(&bench.ask(&peer.bytes(&[7; 100]))), 100);
        let before = peer;
        let _lost = peer.bytes(&[8; 55]);
        peer.acknowledged += 60;
        let ack = segment(1, TcpControl::None, peer.number, Some(peer.acknowledged));
        bench.say(&frame(PEER, &TcpRepr { window_len: 0, ..ack }));
        let mut again = Peer { acknowledged: before.acknowledged + acknowledged, ..before };
        let echo = if acknowledged < 60 { 0 } else { 55 };
        assert_eq!(bytes(&bench.ask(&again.bytes(&[8; 55]))), echo, "{acknowledged}");
    }
}

#[test]
fn an_ack_that_bytes_behind_it_have_outdated_is_forgotten() {
    let mut bench = Bench::new(1, Rules::default());
    let mut peer = bench.open(1, 1);
    assert_eq!(bytes(&bench.ask(&peer.bytes(&[7; 100]))), 100);
    let late = peer.bytes(&[8; 55]);
    peer.acknowledged += 100;
    bench.put(&peer.frame(TcpControl::None));
    bench.put(&late);
    let answers = bench.ask(&peer.bytes(&[9; 10]));
    assert_eq!((answers.len(), bytes(&answers)), (1, 65), "{answers:?}");
}
