//! Scripted peers: against a session they come to their ends, and any other echo is found out.

use std::time::Duration;

use echo_core::script::{Act, Body, Deviation, Manner, What, Wish};
use echo_core::{Endpoint, Failure, Fault, Instant, Intercepted, Payload, Rules, Script, Session};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::pair::{INSTANTLY, Way, Wire};

const SEQ: Payload = Payload::Seq { run: 3, connection: 5 };
const PATIENCE: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(10);
const NANO: Duration = Duration::from_nanos(1);
const PURE: Rules = Rules { exit: false, idle: None, chunk: usize::MAX, one_shot: false };

fn script<'a>(now: Instant, acts: &'a [Act<'a>]) -> Script<'a, [u8; 64]> {
    Script::new(now, acts, SEQ, Some(PATIENCE), [0; 64])
}

/// A script and a session, wired together. How the script ended, and when.
fn run(rules: Rules, way: Way, acts: &[Act<'_>]) -> (Option<Result<(), Deviation>>, Duration) {
    let mut now = Instant::START;
    let mut session = Session::<32>::new(now, rules);
    let mut peer = script(now, acts);
    Wire::new(way).run(&mut now, &mut peer, &mut session);
    (peer.end(), now.since_start())
}

/// What a script says at once.
fn said(script: &mut Script<'_, [u8; 64]>, now: Instant) -> Vec<u8> {
    let mut said = Vec::new();
    while !script.to_send().is_empty() {
        said.extend(script.to_send());
        script.handle_sent(now, script.to_send().len());
    }
    said
}

#[test]
fn every_act_comes_to_its_end_however_bytes_are_cut() {
    let acts = [
        Act::Wait(MOMENT),
        Act::Say(Body::text(b"hello")),
        Act::Hear(Body::text(b"hel")),
        Act::Hear(Body::text(b"lo")),
        Act::Echo(Body::own(100), Manner::AtOnce),
        Act::Echo(Body::own(1), Manner::Pieces(7)),
        Act::Echo(Body::times(b"again ", 9), Manner::Pieces(7)),
        Act::Echo(Body::own(100), Manner::Steps(9, MOMENT)),
        Act::Echo(Body::own(200), Manner::Steps(90, Duration::ZERO)),
        Act::Echo(Body::own(100), Manner::Deaf(MOMENT)),
        Act::Echo(Body::own(100), Manner::Sips(9, MOMENT)),
        Act::Silence(MOMENT),
        Act::Say(Body::own(8)),
        Act::Hear(Body::own(5)),
        Act::Maybe(b'!'),
        Act::Hear(Body::own(3)),
        Act::Last(Body::own(1_000), Manner::AtOnce),
        Act::End,
    ];
    for chunk in [1, 2, 7, 64] {
        for latency in [Duration::ZERO, NANO, MOMENT / 3] {
            let way = Way { chunk, latency, ..INSTANTLY };
            assert_eq!(run(PURE, way, &acts).0, Some(Ok(())), "{chunk} after {latency:?}");
        }
    }
}

#[test]
fn a_fin_of_its_own_is_an_act() {
    let acts = [Act::Say(Body::own(3)), Act::Fin, Act::Hear(Body::own(3)), Act::End];
    assert_eq!(run(PURE, INSTANTLY, &acts).0, Some(Ok(())));
    let mut peer = script(Instant::START, &acts);
    assert!(!peer.finished());
    peer.handle_sent(Instant::START, 2);
    assert!(!peer.finished(), "one byte is left");
    peer.handle_sent(Instant::START, 1);
    assert!(peer.finished());
    assert_eq!(peer.end(), None);
}

#[test]
fn time_is_told_by_the_driver_to_the_nanosecond() {
    let way = Way { latency: MOMENT, ..INSTANTLY };
    for (act, takes) in [
        (Act::Wait(PATIENCE), PATIENCE),
        (Act::Silence(PATIENCE), PATIENCE),
        (Act::Echo(Body::own(50), Manner::AtOnce), 2 * MOMENT),
        (Act::Echo(Body::own(50), Manner::Deaf(PATIENCE)), PATIENCE),
        // Nine pauses lie between ten sips, and none after the last.
        (Act::Echo(Body::own(100), Manner::Sips(10, PATIENCE)), 2 * MOMENT + 9 * PATIENCE),
        (Act::Echo(Body::own(100), Manner::Steps(10, PATIENCE)), 10 * (2 * MOMENT) + 9 * PATIENCE),
    ] {
        let end = Act::Echo(Body::own(1), Manner::AtOnce);
        // A session that stays keeps the clock going no longer than the script.
        let (ended, took) = run(PURE, way, &[act, end, Act::Fin, Act::End]);
        assert_eq!((ended, took), (Some(Ok(())), takes + 4 * MOMENT), "{act:?}");
    }
}

#[test]
fn no_more_is_said_after_its_time_and_the_rest_is_heard() {
    let way = Way { latency: MOMENT, chunk: 10, capacity: 10 };
    let acts = [Act::Last(Body::own(u64::MAX), Manner::For(PATIENCE)), Act::End];
    let (end, took) = run(PURE, way, &acts);
    assert_eq!(end, Some(Ok(())));
    assert!(took >= PATIENCE && took < PATIENCE + 20 * MOMENT, "{took:?}");
    // Nobody echoes: what was to be heard is what was said, and not the bound of it.
    let mut peer = script(Instant::START, &acts);
    let step = peer.to_send().len();
    peer.handle_sent(Instant::START, step);
    peer.handle_timeout(Instant::START + PATIENCE);
    peer.handle_timeout(Instant::START + PATIENCE + PATIENCE);
    let deviation = peer.end().and_then(Result::err).expect("it is patient no longer");
    assert_eq!(deviation.length, step as u64, "{deviation}");
}

#[test]
fn pieces_and_steps_are_no_longer_than_they_are_to_be() {
    let now = Instant::START;
    let acts = [Act::Echo(Body::own(20), Manner::Pieces(8))];
    let mut peer = script(now, &acts);
    let mut lengths = Vec::new();
    while !peer.to_send().is_empty() {
        lengths.push(peer.to_send().len());
        peer.handle_sent(now, peer.to_send().len());
    }
    assert_eq!(lengths, [8, 8, 4]);
    let acts = [Act::Echo(Body::own(20), Manner::Steps(8, MOMENT))];
    let mut peer = script(now, &acts);
    let step = said(&mut peer, now);
    assert_eq!(step.len(), 8);
    peer.handle_received(now, &step[..7]);
    assert_eq!(peer.to_send(), b"");
    peer.handle_received(now, &step[7..]);
    peer.handle_timeout(now + (MOMENT - NANO));
    assert_eq!((peer.to_send(), peer.deadline()), (&b""[..], Some(now + MOMENT)));
    peer.handle_timeout(now + MOMENT);
    assert_eq!(peer.to_send().len(), 8);
}

#[test]
fn it_reads_in_acts_that_hear_and_no_more_than_these_expect() {
    let now = Instant::START;
    for (act, room) in [
        (Act::Say(Body::own(9)), 0),
        (Act::Wait(MOMENT), 0),
        (Act::Hear(Body::own(9)), 9),
        (Act::Echo(Body::own(9), Manner::Deaf(MOMENT)), 0),
        (Act::Maybe(b'!'), 1),
        (Act::Ask(Wish::Reset), 0),
    ] {
        assert_eq!(script(now, &[act]).room(), room, "{act:?}");
    }
    assert!(script(now, &[Act::End]).room() > 0 && script(now, &[Act::Silence(MOMENT)]).room() > 0);
    let acts = [Act::Echo(Body::own(9), Manner::AtOnce)];
    let mut peer = script(now, &acts);
    assert_eq!(peer.room(), 0, "nothing was said");
    peer.handle_sent(now, 4);
    assert_eq!(peer.room(), 4);
}

/// The first bytes of a script's own payload.
fn own(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SEQ.fill(0, 0, &mut bytes);
    bytes
}

/// What a script makes of bytes, or the end, that come in place of an echo.
fn heard<'a>(acts: &'a [Act<'a>], bytes: &[u8], eof: bool) -> Deviation {
    let now = Instant::START;
    let mut peer = script(now, acts);
    said(&mut peer, now);
    let mut rest = bytes;
    while !rest.is_empty() && peer.room() > 0 {
        rest = &rest[peer.handle_received(now, rest)..];
    }
    if eof {
        peer.handle_eof(now);
    }
    if peer.end().is_none() {
        peer.handle_timeout(peer.deadline().expect("it waits"));
    }
    peer.end().expect("it is over").expect_err("it was not as written")
}

#[test]
fn a_deviation_says_which_act_where_what_was_due_and_what_came() {
    let acts = [Act::Echo(Body::own(40), Manner::AtOnce), Act::Silence(MOMENT), Act::End];
    let mut flipped = own(40);
    flipped[20] ^= 1;
    let it = heard(&acts, &flipped, false);
    assert_eq!((it.act, it.said, it.heard, it.length), (0, 40, 20, 40));
    assert_eq!(it.what, What::Differs(Fault::Flipped));
    assert_eq!((it.due.as_ref(), it.came.as_ref()), (&own(40)[20..36], &flipped[20..36]));
    assert_eq!(it.to_string(), "byte 20 of 40 is wrong");

    let repeated = [&own(16)[..], &own(24)].concat();
    let it = heard(&acts, &repeated, false);
    assert_eq!(it.what, What::Differs(Fault::Repeated { bytes: 16 }));

    let it = heard(&acts, &[&own(40)[..], b"!"].concat(), false);
    assert_eq!((it.act, it.what, it.came.as_ref()), (1, What::Unasked, &b"!"[..]));

    let it = heard(&acts, &own(39), true);
    assert_eq!((it.act, it.what, it.due.as_ref()), (0, What::Ended, &own(40)[39..]));
    let it = heard(&acts, &own(39), false);
    assert_eq!((it.act, it.what, it.heard), (0, What::Stalled, 39));
    // The end is not silence.
    let it = heard(&acts, &own(40), true);
    assert_eq!((it.act, it.what), (1, What::Ended));

    let acts = [Act::Say(Body::own(7)), Act::End];
    let it = heard(&acts, b"", false);
    assert_eq!(
        (it.act, it.what, it.to_string()),
        (1, What::Stalled, "the peer does not close".into())
    );
    let it = heard(&acts, b"late", true);
    assert_eq!((it.what, it.came.as_ref()), (What::Unasked, &b"late"[..]));
}

/// What was never sent is not due.
#[test]
fn of_an_echo_only_what_was_sent_is_due() {
    let acts = [Act::Echo(Body::own(40), Manner::Steps(3, MOMENT))];
    let own = own(40);
    let it = heard(&acts, b"?", false);
    assert_eq!((it.said, it.due.as_ref()), (3, &own[..3]));
    let it = heard(&acts, &own[..1], true);
    assert_eq!((it.what, it.due.as_ref()), (What::Ended, &own[1..3]));
}

#[test]
fn a_byte_that_may_come_is_told_and_changes_nothing_else() {
    let acts = [Act::Maybe(b'!'), Act::Hear(Body::text(b"after")), Act::End];
    for (bytes, came) in [(&b"!after"[..], true), (b"after", false)] {
        let now = Instant::START;
        let mut peer = script(now, &acts);
        assert_eq!(peer.came(), None);
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = &rest[peer.handle_received(now, rest)..];
        }
        peer.handle_eof(now);
        assert_eq!((peer.end(), peer.came()), (Some(Ok(())), Some(came)));
    }
    assert_eq!(heard(&acts, b"?after", false).what, What::Differs(Fault::Foreign));
    assert_eq!(heard(&acts, b"", true).what, What::Ended);
}

#[test]
fn a_wish_waits_for_the_driver() {
    let now = Instant::START;
    let acts = [Act::Ask(Wish::Urgent(b'!')), Act::Say(Body::own(3)), Act::Ask(Wish::Reset)];
    let mut peer = script(now, &acts);
    assert_eq!((peer.wish(), peer.to_send(), peer.room()), (Some(Wish::Urgent(b'!')), &b""[..], 0));
    peer.handle_granted(now);
    assert_eq!(peer.wish(), None);
    peer.handle_granted(now);
    assert_eq!(
        (said(&mut peer, now).len(), peer.act()),
        (3, 2),
        "nothing was wished, nothing granted"
    );
    assert_eq!((peer.wish(), peer.end()), (Some(Wish::Reset), None));
    peer.handle_granted(now);
    assert_eq!((peer.wish(), peer.end()), (None, Some(Ok(()))));
}

#[test]
fn an_end_stays_and_is_inert() {
    let now = Instant::START;
    let acts = [Act::Echo(Body::own(9), Manner::AtOnce), Act::Ask(Wish::Reset)];
    let mut peer = script(now, &acts);
    peer.fail(What::Broken(Failure::Reset));
    let end = peer.end();
    assert!(matches!(end, Some(Err(Deviation { what: What::Broken(Failure::Reset), .. }))));
    peer.handle_sent(now, 9);
    assert_eq!(peer.handle_received(now, b"123456789"), 0);
    peer.handle_eof(now);
    peer.handle_granted(now);
    peer.handle_timeout(now + PATIENCE);
    peer.fail(What::Unfinished);
    assert_eq!((peer.end(), peer.wish(), peer.deadline()), (end, None, None));
    assert_eq!((peer.to_send(), peer.room(), peer.finished()), (&b""[..], 0, true));
}

#[test]
fn patience_counts_anew_with_each_byte_and_each_acknowledgement() {
    let acts = [Act::Say(Body::own(9)), Act::Hear(Body::own(9))];
    let mut peer = script(Instant::START, &acts);
    let at = |n| Instant::START + n * (PATIENCE - NANO);
    peer.handle_sent(at(1), 8);
    peer.handle_delivered(at(2));
    peer.handle_sent(at(3), 1);
    let mut own = [0; 9];
    SEQ.fill(0, 0, &mut own);
    for n in 0..8_u32 {
        peer.handle_received(at(4 + n), &own[n as usize..][..1]);
    }
    assert_eq!((peer.end(), peer.deadline()), (None, Some(at(11) + PATIENCE)));
    peer.handle_timeout(at(11) + PATIENCE);
    assert!(matches!(peer.end(), Some(Err(Deviation { what: What::Stalled, heard: 8, .. }))));
}

fn manner() -> impl Strategy<Value = Manner> {
    let pause = || select(&[Duration::ZERO, NANO, MOMENT][..]);
    prop_oneof![
        Just(Manner::AtOnce),
        (1..90_u64).prop_map(Manner::Pieces),
        (1..90_u64, pause()).prop_map(|(size, pause)| Manner::Steps(size, pause)),
        (1..90_u64, pause()).prop_map(|(size, pause)| Manner::Sips(size, pause)),
        pause().prop_map(Manner::Deaf),
    ]
}

fn echo() -> impl Strategy<Value = Act<'static>> {
    let body = prop_oneof![
        (0..150_u64).prop_map(Body::own),
        (0..20_u64).prop_map(|times| Body::times(b"text", times)),
    ];
    (body, manner()).prop_map(|(body, manner)| Act::Echo(body, manner))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// However it is said, cut and delivered: an echo is right, and one bit is enough to make it wrong.
    #[test]
    fn any_echo_is_judged_by_its_bytes_alone(
        acts in vec(echo(), 1..8),
        place in any::<Index>(),
        chunk in 1..70_usize,
        latency in select(&[Duration::ZERO, NANO, MOMENT][..]),
    ) {
        let way = Way { chunk, latency, ..INSTANTLY };
        let whole = [&acts[..], &[Act::Fin, Act::End]].concat();
        prop_assert_eq!(run(PURE, way, &whole).0, Some(Ok(())));

        let lengths: Vec<_> = acts.iter().filter_map(Act::hears).map(|body| body.length).collect();
        let total: u64 = lengths.iter().sum();
        prop_assume!(total > 0);
        let place = place.index(total as usize);
        let (mut now, mut seen) = (Instant::START, 0);
        let mut session = Session::<32>::new(now, PURE);
        let mut spoilt = Intercepted::new(&mut session, |session, now, bytes: &[u8]| {
            let mut bytes = bytes[..bytes.len().min(session.room())].to_vec();
            if let Some(byte) = place.checked_sub(seen).and_then(|place| bytes.get_mut(place)) {
                *byte ^= 4;
            }
            seen += bytes.len();
            session.handle_received(now, &bytes)
        });
        let mut peer = script(now, &whole);
        Wire::new(way).run(&mut now, &mut peer, &mut spoilt);
        let Some(Err(deviation)) = peer.end() else { return Err(TestCaseError::fail("unnoticed")) };
        prop_assert!(matches!(deviation.what, What::Differs(_)), "{:?}", deviation);
        let before: u64 = lengths[..deviation.act].iter().sum();
        prop_assert_eq!(before + deviation.heard, place as u64);
    }
}
