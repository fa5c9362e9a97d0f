//! A window that is closed: the peer's ACKs count nevertheless.

use echo_core::Rules;
use echo_smoltcp::smoltcp::wire::TcpControl;

use crate::bench::Bench;

#[test]
fn a_peer_that_was_cut_at_the_edge_of_the_window_can_still_say_that_it_has_room() {
    let mut bench = Bench::new(1, Rules::default());
    let mut peer = bench.open(1, 1);
    // More than both rings and the session take; the peer does not know that some was cut.
    let mut echo = 0;
    for _ in 0..19 {
        let said = peer.bytes(&[7; 1000]);
        echo += bench.ask(&said).iter().map(|heard| heard.bytes).sum::<usize>();
    }
    assert_eq!(echo, 1000, "as much as the peer takes at once");
    for round in 0..5 {
        peer.acknowledged += 1000;
        let answers = bench.ask(&peer.frame(TcpControl::None));
        let bytes: usize = answers.iter().map(|heard| heard.bytes).sum();
        assert_eq!(bytes, 1000, "round {round}: {answers:?}");
    }
}

/// In LAST-ACK, smoltcp does not take the window from a segment that acknowledges nothing new.
#[test]
fn a_peer_that_has_ended_its_side_gets_its_echo_as_soon_as_it_has_room() {
    let mut bench = Bench::new(1, Rules::default());
    let mut peer = bench.tail();
    for round in 1..=4 {
        peer.acknowledged += 1000;
        assert_eq!(bench.ask(&peer.offering(0)), [], "the window is closed");
        if round == 4 {
            break;
        }
        let answers = bench.ask(&peer.offering(1000));
        let bytes: usize = answers.iter().map(|heard| heard.bytes).sum();
        let ends = answers.iter().any(|heard| heard.control == TcpControl::Fin);
        assert_eq!((bytes, ends), (1000, round == 3), "round {round}: {answers:?}");
    }
    peer.acknowledged += 1;
    bench.say(&peer.frame(TcpControl::None));
    assert_eq!(bench.server.connections(), 0);
}
