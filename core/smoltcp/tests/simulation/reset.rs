//! Resets in the window: only the number that comes next is the peer's.

use std::time::Duration;

use echo_core::Rules;
use echo_smoltcp::smoltcp::wire::{TcpControl, TcpRepr, TcpSeqNumber};

use crate::bench::{Bench, PEER, Peer};
use crate::segment::{Heard, frame, segment, syn};

const SECOND: Duration = Duration::from_secs(1);

fn reset(port: u16, number: TcpSeqNumber) -> Vec<u8> {
    frame(PEER, &segment(port, TcpControl::Rst, number, None))
}

/// No reset but with `next` ends the connection; in the window it draws a challenge ACK.
fn withstands(bench: &mut Bench, peer: &Peer, next: TcpSeqNumber, window: usize, state: &str) {
    for number in [next + 1, next + window - 1] {
        // Longer than there is between two challenge ACKs.
        bench.wait(SECOND);
        let answers = bench.ask(&reset(peer.port, number));
        let [Heard { control: TcpControl::None, acknowledged, bytes: 0, .. }] = answers[..] else {
            panic!("no challenge in {state}: {answers:?}");
        };
        assert_eq!(acknowledged, Some(next), "{state}");
    }
    for number in [next - 1, next + window] {
        bench.wait(SECOND);
        assert_eq!(bench.ask(&reset(peer.port, number)), [], "{state}");
    }
    // It begins before the window and reaches into it.
    let before = segment(peer.port, TcpControl::Rst, next - 10, None);
    assert_eq!(bench.ask(&frame(PEER, &TcpRepr { payload: &[7; 20], ..before })), [], "{state}");
    assert_eq!(bench.server.connections(), 1, "{state}");
    bench.say(&reset(peer.port, next));
    assert_eq!(bench.server.connections(), 0, "{state}");
}

#[test]
fn a_reset_counts_only_with_the_number_that_comes_next() {
    let bench = || Bench::new(1, Rules { idle: None, ..Rules::default() });

    let mut open = bench();
    let mut peer = open.open(1, -5000);
    // Around the ring, and around all numbers.
    for _ in 0..9 {
        let echo = open.ask(&peer.bytes(&[7; 1000]));
        peer.acknowledged += echo.iter().map(|heard| heard.bytes).sum::<usize>();
        open.say(&peer.frame(TcpControl::None));
    }
    withstands(&mut open, &peer, peer.number, 8192, "ESTABLISHED");

    // The echo is not acknowledged: bytes wait in both rings and between them.
    let mut full = bench();
    let mut peer = full.open(1, 1);
    for _ in 0..14 {
        let said = peer.bytes(&[7; 1000]);
        full.say(&said);
    }
    let waiting = 14_000 - 8192 - 2048;
    withstands(&mut full, &peer, peer.number, 8192 - waiting, "ESTABLISHED, full");

    let mut ended = bench();
    let mut peer = ended.open(1, 1);
    ended.say(&peer.frame(TcpControl::Fin));
    peer.number += 1;
    withstands(&mut ended, &peer, peer.number, 8192, "LAST-ACK");
}

/// There a challenge would be answered by a reset of ours.
#[test]
fn a_reset_in_the_handshake_counts_only_with_the_number_that_comes_next() {
    let mut bench = Bench::new(1, Rules::default());
    bench.say(&syn(PEER, 1, 1));
    assert_eq!(bench.ask(&reset(1, TcpSeqNumber(3))), []);
    assert_eq!(bench.server.connections(), 1);
    assert_eq!(bench.ask(&reset(1, TcpSeqNumber(2))), []);
    assert_eq!(bench.server.connections(), 0);
}
