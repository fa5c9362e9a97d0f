//! Both ends wired back to back.

use std::time::Duration;

use echo_core::{
    CloseReason, Endpoint, Failure, Instant, LINGER, Payload, Probe, Rules, SILENCE, Session,
};

use crate::pair::{INSTANTLY, Way, Wire};
use crate::peer::{Act, Peer};

const SEQ: Payload = Payload::Seq { run: 3, connection: 5 };
const LIMIT: Duration = Duration::from_secs(10);
const NANO: Duration = Duration::from_nanos(1);
const NEVER: Duration = Duration::MAX;
/// Late enough for `NEVER` to lie beyond the end of time.
const START: Instant = Instant::new(Duration::from_secs(1));

fn pure() -> Rules {
    Rules { exit: false, ..Rules::default() }
}

fn idle() -> Rules {
    Rules { idle: Some(LIMIT), ..Rules::default() }
}

/// Messages of lengths around both buffers' boundaries come back at every
/// chunk size, one after the other on the same connection.
fn messages_come_back<const SERVER: usize, const CLIENT: usize>() {
    for chunk in 1..=64 {
        for rules in [Rules::default(), pure(), Rules { chunk, ..Rules::default() }] {
            let mut now = START;
            let mut session = Session::<SERVER>::new(now, rules);
            let mut wire = Wire::new(Way { chunk, capacity: 100, ..INSTANTLY });
            let mut total = 0;
            let around = |n: usize| [n - 1, n, n + 1];
            let lengths = [around(2), around(SERVER), around(CLIENT), around(SERVER + CLIENT)];
            for (message, length) in lengths.into_iter().flatten().enumerate() {
                let mut probe = Probe::new(SEQ, length as u64, Some(LIMIT), [0; CLIENT]);
                probe.begin(now, message as u64);
                wire.run(&mut now, &mut probe, &mut session);
                assert_eq!(probe.end(), Some(Ok(Duration::ZERO)), "{length} by {chunk}");
                total += length as u64;
            }
            assert_eq!((session.echoed(), session.end()), (total, None));
        }
    }
}

#[test]
fn messages_come_back_through_small_buffers() {
    messages_come_back::<8, 8>();
    messages_come_back::<9, 64>();
    messages_come_back::<64, 7>();
}

#[test]
fn messages_come_back_through_large_buffers() {
    messages_come_back::<256, 300>();
}

#[test]
fn a_message_beyond_every_buffer_needs_both_directions_at_once() {
    let mut now = START;
    let mut session = Session::<8>::new(now, Rules::default());
    let mut probe = Probe::new(SEQ, 20_000, None, [0; 8]);
    probe.begin(now, 0);
    let way = Way { chunk: 8, capacity: 8, ..INSTANTLY };
    Wire::new(way).run(&mut now, &mut probe, &mut session);
    assert_eq!(probe.end(), Some(Ok(Duration::ZERO)));
}

#[test]
fn the_round_trip_is_twice_the_latency() {
    for latency in [1, 20, 700].map(Duration::from_millis) {
        let mut now = START;
        let mut session = Session::<64>::new(now, Rules::default());
        let mut probe = Probe::new(SEQ, 64, None, [0; 64]);
        let mut wire = Wire::new(Way { latency, ..INSTANTLY });
        for message in 0..5 {
            probe.begin(now, message);
            wire.run(&mut now, &mut probe, &mut session);
            assert_eq!(probe.end(), Some(Ok(latency * 2)));
        }
    }
}

#[test]
fn an_echo_that_takes_longer_than_the_limit_is_late() {
    let mut now = START;
    let mut session = Session::<64>::new(now, Rules::default());
    let mut probe = Probe::new(SEQ, 64, Some(LIMIT), [0; 64]);
    probe.begin(now, 0);
    Wire::new(Way { latency: LIMIT, ..INSTANTLY }).run(&mut now, &mut probe, &mut session);
    assert_eq!(probe.end(), Some(Err(Failure::TimedOut { received: 0, length: 64, whole: None })));
}

#[test]
fn a_probe_hears_that_the_session_timed_out() {
    let mut now = START;
    let mut session = Session::<64>::new(now, Rules { idle: Some(Duration::ZERO), ..pure() });
    let mut probe = Probe::new(SEQ, 64, Some(LIMIT), [0; 64]);
    probe.begin(now, 0);
    let way = Way { latency: NANO, ..INSTANTLY };
    Wire::new(way).run(&mut now, &mut probe, &mut session);
    assert_eq!(session.end(), Some(CloseReason::TimedOut));
    assert_eq!(probe.end(), Some(Err(Failure::ClosedEarly { received: 0, length: 64 })));
}

/// Runs a session of `rules` and a script. Why the session ended, when, and the peer.
fn script(
    rules: Rules,
    way: Way,
    pace: Option<Duration>,
    acts: &[Act],
) -> (Option<CloseReason>, Instant, Peer) {
    let mut now = START;
    let mut session = Session::<8>::new(now, rules);
    let mut peer = Peer::new(now, pace, acts);
    Wire::new(way).run(&mut now, &mut peer, &mut session);
    (session.end(), now, peer)
}

fn some_text(length: usize) -> Vec<u8> {
    (0..length).map(|index| b'a' + (index % 26) as u8).collect()
}

#[test]
fn half_close_delivers_everything_and_then_the_fin() {
    for chunk in 1..=64 {
        let way = Way { chunk, ..INSTANTLY };
        let text = some_text(1_000);
        let (end, _, peer) =
            script(Rules::default(), way, None, &[Act::Say(text.clone()), Act::Fin]);
        assert_eq!(end, Some(CloseReason::Disconnected));
        assert!(peer.heard_fin_at.is_some());
        assert_eq!(peer.heard, text);
    }
}

#[test]
fn a_slow_reader_that_makes_progress_is_not_idle() {
    let text = some_text(200);
    let way = Way { capacity: 16, ..INSTANTLY };
    let acts = [Act::Say(text.clone()), Act::Fin];
    let (end, now, peer) = script(idle(), way, Some(LIMIT - NANO), &acts);
    assert_eq!((end, &peer.heard), (Some(CloseReason::Disconnected), &text));
    assert!(now > START + LIMIT * 150, "it was slow indeed");
}

/// Nothing is left to write from the start: only what the peer takes moves.
#[test]
fn a_slow_reader_behind_a_large_buffer_is_not_idle() {
    let text = some_text(200);
    let acts = [Act::Say(text.clone()), Act::Wait(LIMIT * 250), Act::Fin];
    let (end, _, peer) = script(idle(), INSTANTLY, Some(LIMIT - NANO), &acts);
    assert_eq!((end, &peer.heard), (Some(CloseReason::TimedOut), &text));
    // One limit after its last byte.
    assert_eq!(peer.heard_fin_at, Some(START + (LIMIT - NANO) * 199 + LIMIT));
}

#[test]
fn a_reader_that_makes_no_progress_times_out() {
    let way = Way { capacity: 16, ..INSTANTLY };
    let acts = [Act::Say(some_text(200)), Act::Fin];
    let (end, now, peer) = script(idle(), way, Some(NEVER), &acts);
    assert_eq!((end, peer.heard.len()), (Some(CloseReason::TimedOut), 1));
    assert_eq!(now, START + LIMIT);
}

#[test]
fn a_silent_peer_times_out_one_limit_after_its_last_byte() {
    let way = Way { latency: LIMIT / 4, ..INSTANTLY };
    let acts = [Act::Say(b"hello".to_vec()), Act::Wait(LIMIT / 2), Act::Say(b"!".to_vec())];
    let (end, now, peer) = script(idle(), way, None, &acts);
    assert_eq!((end, &peer.heard[..]), (Some(CloseReason::TimedOut), &b"hello!"[..]));
    // The second byte arrives after three quarters; its echo is there after four.
    assert_eq!(peer.heard_fin_at, Some(START + LIMIT + LIMIT + LIMIT / 4));
    assert!(now >= START + LIMIT * 2);
}

#[test]
fn exit_closes_and_is_not_echoed() {
    let way = Way { latency: Duration::from_millis(50), ..INSTANTLY };
    let acts = [Act::Say(b"hello".to_vec()), Act::Hear(5), Act::Say(b"exit\n".to_vec()), Act::Fin];
    let with_fin = script(Rules::default(), way, None, &acts);
    let acts = [&acts[..3], &[Act::Wait(SILENCE * 3), Act::Fin]].concat();
    let without = script(Rules::default(), way, None, &acts);
    // With its FIN right behind, it was the tail of a file.
    assert_eq!(with_fin.0, Some(CloseReason::Disconnected));
    assert_eq!(with_fin.2.heard, b"helloexit\n");
    assert_eq!(without.0, Some(CloseReason::Exit));
    assert_eq!(without.2.heard, b"hello");
}

#[test]
fn the_tail_arrives_even_if_the_peer_goes_on_sending() {
    // One-shot: the session has said all while the peer is still talking. If it
    // closed then, the unread input would reset the connection.
    let text = some_text(100);
    let rules = Rules { one_shot: true, ..Rules::default() };
    let latency = Duration::from_millis(40);
    let way = Way { latency, ..INSTANTLY };
    let chatter = [Act::Wait(latency / 4), Act::Say(b"more".to_vec())];
    let mut acts = vec![Act::Say(text.clone()), Act::Wait(SILENCE)];
    acts.extend(std::iter::repeat_n(chatter, 40).flatten());
    acts.push(Act::Fin);
    let (end, _, peer) = script(rules, way, Some(latency / 8), &acts);
    assert_eq!((end, peer.heard), (Some(CloseReason::Answered), text));
    assert!(peer.heard_fin_at.is_some());
}

#[test]
fn the_tail_arrives_even_if_a_large_buffer_hides_that_it_is_taken_slowly() {
    let text = some_text(20);
    let rules = Rules { one_shot: true, ..Rules::default() };
    // Something of it is always in flight, so a close would be a reset.
    let way = Way { latency: LINGER / 8, ..INSTANTLY };
    let chatter = [Act::Wait(LINGER / 16), Act::Say(b"more".to_vec())];
    let mut acts = vec![Act::Say(text.clone()), Act::Wait(SILENCE)];
    acts.extend(std::iter::repeat_n(chatter, 400).flatten());
    let (end, _, peer) = script(rules, way, Some(LINGER / 2), &acts);
    assert_eq!((end, peer.heard), (Some(CloseReason::Answered), text));
}

#[test]
fn a_peer_that_never_leaves_is_left() {
    let acts = [Act::Say(b"exit".to_vec())];
    let (end, now, peer) = script(Rules::default(), INSTANTLY, None, &acts);
    assert_eq!(end, Some(CloseReason::Exit));
    assert_eq!(peer.heard_fin_at, Some(START + SILENCE));
    assert_eq!(now, START + SILENCE + LINGER);
}
