//! An ACK that has overtaken bytes of its peer: they are echoed when they come.

use std::time::Duration;

use echo_core::Rules;
use echo_smoltcp::smoltcp::wire::TcpControl;

use crate::bench::Bench;
use crate::segment::Heard;

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
