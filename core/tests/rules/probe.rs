//! The probe's verdicts.

use core::time::Duration;

use echo_core::{Difference, Endpoint, Failure, Fault, Instant, Origin, Payload, Probe, Tally};

const SEQ: Payload = Payload::Seq { run: 3, connection: 5 };
const LIMIT: Duration = Duration::from_secs(1);
const LENGTH: u64 = 100;
const MESSAGE: u64 = 8;

/// A probe that has sent message 8 whole, and the right echo of it.
fn sent() -> (Probe<'static, [u8; 32]>, Vec<u8>) {
    let mut probe = Probe::new(SEQ, LENGTH, Some(LIMIT), [0; 32]);
    probe.begin(Instant::START, MESSAGE);
    let echo = send_all(&mut probe);
    (probe, echo)
}

fn send_all<W: AsRef<[u8]> + AsMut<[u8]>>(probe: &mut Probe<'_, W>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !probe.to_send().is_empty() {
        bytes.extend(probe.to_send());
        probe.handle_sent(Instant::START, probe.to_send().len());
    }
    bytes
}

/// What message `message` consists of.
fn content(message: u64) -> Vec<u8> {
    let mut bytes = vec![0; LENGTH as usize];
    SEQ.fill(message, 0, &mut bytes);
    bytes
}

#[test]
fn before_its_first_message_it_is_at_an_end() {
    let probe = Probe::new(SEQ, LENGTH, Some(LIMIT), [0; 32]);
    assert_eq!(probe.end(), Some(Ok(Duration::ZERO)));
    assert_eq!((probe.to_send(), probe.room(), probe.deadline()), (&b""[..], 0, None));
}

#[test]
fn the_message_is_sent_whole_in_any_pieces() {
    for piece in 1..=LENGTH as usize {
        let mut probe = Probe::new(SEQ, LENGTH, None, [0; 32]);
        probe.begin(Instant::START, MESSAGE);
        let mut bytes: Vec<u8> = Vec::new();
        while !probe.to_send().is_empty() {
            let n = piece.min(probe.to_send().len());
            bytes.extend(&probe.to_send()[..n]);
            probe.handle_sent(Instant::START, n);
        }
        assert_eq!(bytes, content(MESSAGE), "pieces of {piece}");
    }
}

#[test]
fn the_window_decides_neither_what_is_sent_nor_what_is_right() {
    for payload in [SEQ, Payload::Zero, Payload::Bytes(b"some text")] {
        // On both sides of each window, and of the zeros that stand ready.
        for length in [1, 7, 64, 65, 1000, 1024, 1025, 3000] {
            let mut message = vec![0; length];
            payload.fill(MESSAGE, 0, &mut message);
            for window in [1, 7, 64, 1024, 4000] {
                let mut wrong = message.clone();
                wrong[length / 2] ^= 1;
                let ends = [&message, &wrong].map(|echo| {
                    let window = vec![0xee; window];
                    let mut probe = Probe::new(payload, length as u64, None, window);
                    probe.begin(Instant::START, MESSAGE);
                    assert_eq!(send_all(&mut probe), message);
                    for piece in echo.chunks(333) {
                        probe.handle_received(Instant::START, piece);
                    }
                    probe.end()
                });
                let what = format!("{payload:?}, {length} bytes, a window of {window}");
                assert_eq!(ends[0], Some(Ok(Duration::ZERO)), "{what}");
                let Some(Err(Failure::Differs(difference))) = ends[1] else { panic!("{what}") };
                assert_eq!(difference.offset, length as u64 / 2, "{what}");
            }
        }
    }
}

#[test]
fn without_a_window_nothing_is_sent() {
    let mut probe = Probe::new(SEQ, LENGTH, Some(LIMIT), []);
    probe.begin(Instant::START, MESSAGE);
    assert_eq!(probe.to_send(), b"");
    probe.handle_timeout(Instant::START + LIMIT);
    assert!(matches!(probe.end(), Some(Err(Failure::TimedOut { .. }))));
}

#[test]
fn the_round_trip_counts_from_the_planned_start() {
    let mut probe = Probe::new(SEQ, LENGTH, Some(LIMIT), [0; 32]);
    let planned = Instant::new(Duration::from_secs(7));
    probe.begin(planned, MESSAGE);
    assert_eq!(probe.deadline(), Some(planned + LIMIT));
    let echo = send_all(&mut probe);
    probe.handle_received(planned + LIMIT / 2, &echo);
    assert_eq!(probe.end(), Some(Ok(LIMIT / 2)));
    assert_eq!(probe.deadline(), None);
}

#[test]
fn timed_out_at_the_limit_and_not_a_nanosecond_before() {
    let (mut probe, echo) = sent();
    let limit = Instant::START + LIMIT;
    probe.handle_received(Instant::START, &echo[..60]);
    assert_eq!(probe.deadline(), Some(limit), "progress does not prolong it");
    probe.handle_timeout(Instant::new(LIMIT - Duration::from_nanos(1)));
    assert_eq!(probe.end(), None);
    probe.handle_timeout(limit);
    assert_eq!(probe.end(), Some(Err(late(60, None))));
}

/// What comes at the limit is late, whether or not the driver has noticed it.
#[test]
fn an_echo_is_held_against_its_limit() {
    let limit = Instant::START + LIMIT;
    let before = Instant::new(LIMIT - Duration::from_nanos(1));
    for (now, end) in [
        (before, Ok(LIMIT - Duration::from_nanos(1))),
        (limit, Err(late(60, Some(LIMIT)))),
        (limit + LIMIT, Err(late(60, Some(2 * LIMIT)))),
    ] {
        let (mut probe, echo) = sent();
        probe.handle_received(Instant::START, &echo[..60]);
        probe.handle_received(now, &echo[60..]);
        probe.handle_timeout(limit + LIMIT);
        assert_eq!(probe.end(), Some(end), "{now:?}");
        assert_eq!(probe.deadline(), None);
    }
    assert_eq!(late(60, Some(2 * LIMIT)).to_string(), "timed out: the whole echo took 2000.000 ms");
}

#[test]
fn nothing_else_that_comes_late_is_the_verdict() {
    type Event = fn(&mut Probe<'static, [u8; 32]>, Instant);
    let too_late: [(Event, &str); 5] = [
        (|probe, now| _ = probe.handle_received(now, &content(MESSAGE)[..99]), "a part"),
        (|probe, now| _ = probe.handle_received(now, &content(MESSAGE - 1)), "a stale echo"),
        (|probe, now| _ = probe.handle_received(now, &[0; 2 * LENGTH as usize]), "too much"),
        (|probe, now| probe.handle_eof(now), "a FIN"),
        (|probe, now| probe.fail(now, Failure::Reset), "a reset"),
    ];
    for (event, what) in too_late {
        let (mut probe, echo) = sent();
        event(&mut probe, Instant::START + LIMIT);
        assert_eq!(probe.end(), Some(Err(late(0, None))), "{what}");
        // And what follows changes nothing.
        probe.handle_received(Instant::START + LIMIT, &echo);
        assert_eq!(probe.end(), Some(Err(late(0, None))), "{what}");
    }
}

fn late(received: u64, whole: Option<Duration>) -> Failure {
    Failure::TimedOut { received, length: LENGTH, whole }
}

#[test]
fn closed_early() {
    let (mut probe, echo) = sent();
    probe.handle_received(Instant::START, &echo[..99]);
    probe.handle_eof(Instant::START);
    assert_eq!(probe.end(), Some(Err(Failure::ClosedEarly { received: 99, length: LENGTH })));
}

#[test]
fn a_close_after_the_whole_echo_is_no_failure() {
    let (mut probe, echo) = sent();
    probe.handle_received(Instant::START, &echo);
    probe.handle_eof(Instant::START);
    assert_eq!(probe.end(), Some(Ok(Duration::ZERO)));
}

#[test]
fn a_late_echo_of_an_earlier_message_is_told_as_stale() {
    let (mut probe, _) = sent();
    probe.handle_received(Instant::START, &content(MESSAGE - 1));
    let Some(Err(Failure::Differs(difference))) = probe.end() else { panic!("{:?}", probe.end()) };
    let origin = Origin { connection: 5, message: MESSAGE - 1, offset: 0 };
    assert_eq!((difference.offset, difference.fault), (0, Fault::Stale(origin)));
    assert!(difference.to_string().ends_with("stale: byte 0 of message 7 on connection 5"));
}

#[test]
fn a_lost_piece_is_told_as_missing() {
    let (mut probe, echo) = sent();
    probe.handle_received(Instant::START, &[&echo[..40], &echo[53..]].concat());
    let Some(Err(Failure::Differs(difference))) = probe.end() else { panic!("{:?}", probe.end()) };
    assert_eq!((difference.offset, difference.fault), (40, Fault::Skipped { bytes: 13 }));
}

#[test]
fn a_changed_byte_is_told_with_its_place() {
    let (mut probe, mut echo) = sent();
    let expected = echo[42];
    echo[42] ^= 1;
    probe.handle_received(Instant::START, &echo[..30]);
    probe.handle_received(Instant::START, &echo[30..]);
    let Some(Err(Failure::Differs(Difference { message, offset, expected: e, received, .. }))) =
        probe.end()
    else {
        panic!("{:?}", probe.end())
    };
    assert_eq!((message, offset, e, received), (MESSAGE, 42, expected, expected ^ 1));
}

#[test]
fn more_than_was_sent_is_extra() {
    let (mut probe, mut echo) = sent();
    echo.extend(b"more");
    probe.handle_received(Instant::START, &echo);
    assert_eq!(probe.end(), Some(Err(Failure::Extra { message: MESSAGE, bytes: 4 })));
}

#[test]
fn a_few_bytes_ahead_of_an_echo_are_no_part_of_it() {
    for few in 1..=8 {
        // However they come: with the echo, before it, or with its first half.
        for cuts in [&[][..], &[few], &[few + 50], &[few, few + 50]] {
            let (mut probe, echo) = sent();
            let stream = [&[b'!'; 8][..few], &echo].concat();
            let mut from = 0;
            for to in cuts.iter().copied().chain([stream.len()]) {
                probe.handle_received(Instant::START, &stream[from..to]);
                from = to;
            }
            let end = Err(Failure::Ahead { bytes: few as u64 });
            assert_eq!(probe.end(), Some(end), "{few} bytes, cut at {cuts:?}");
        }
    }
}

#[test]
fn wrong_bytes_are_not_ahead_of_what_does_not_follow() {
    type Event = fn(&mut Probe<'static, [u8; 32]>);
    let events: [(Event, &str); 7] = [
        (|probe| probe.handle_eof(Instant::START), "the FIN"),
        (|probe| probe.handle_timeout(Instant::START + LIMIT), "nothing"),
        (|probe| _ = probe.handle_received(Instant::START, &content(MESSAGE)[1..]), "the rest"),
        (|probe| _ = probe.handle_received(Instant::START, &content(MESSAGE)[..7]), "too little"),
        (|probe| _ = probe.handle_received(Instant::START, &[b'!'; 50]), "no better bytes"),
        (|probe| _ = probe.handle_received(Instant::START + LIMIT, &content(MESSAGE)), "it, late"),
        (|probe| probe.fail(Instant::START, Failure::Reset), "a reset"),
    ];
    for (event, what) in events {
        let (mut probe, _) = sent();
        probe.handle_received(Instant::START, b"!");
        assert_eq!(probe.end(), None, "it is not clear yet");
        event(&mut probe);
        let Some(Err(Failure::Differs(difference))) = probe.end() else {
            panic!("{what}: {:?}", probe.end())
        };
        assert_eq!((difference.offset, difference.received), (0, b'!'), "{what}");
    }
    // More than a few, or as many as the message has, are clear at once.
    for (length, bytes) in [(LENGTH, 9), (3, 3)] {
        let mut probe = Probe::new(SEQ, length, None, [0; 32]);
        probe.begin(Instant::START, MESSAGE);
        send_all(&mut probe);
        probe.handle_received(Instant::START, &[b'!'; 9][..bytes]);
        assert!(matches!(probe.end(), Some(Err(Failure::Differs(_)))), "{length}");
    }
}

/// Where a message is as right one byte later, its first byte may as well be wrong:
/// only the whole of it is too much then.
#[test]
fn zeros_tell_what_is_ahead_of_them_by_their_number() {
    for cut in [0, 1] {
        for (zeros, end) in [(99, None), (100, Some(Failure::Ahead { bytes: 1 }))] {
            let mut probe = Probe::new(Payload::Zero, LENGTH, None, [0; 32]);
            probe.begin(Instant::START, MESSAGE);
            send_all(&mut probe);
            let stream = [&b"!"[..], &[b'0'; 100][..zeros]].concat();
            for piece in [&stream[..cut], &stream[cut..]] {
                probe.handle_received(Instant::START, piece);
            }
            let Some(Err(failure)) = probe.end() else { panic!("{zeros} zeros") };
            match end {
                Some(end) => assert_eq!(failure, end),
                None => assert!(matches!(failure, Failure::Differs(_)), "{failure:?}"),
            }
        }
    }
}

#[test]
fn an_echo_ahead_of_its_message_is_extra() {
    // Zeros cannot tell a late echo from a right one, but nothing can come
    // back before it was sent.
    let mut probe = Probe::new(Payload::Zero, LENGTH, None, [0; 32]);
    probe.begin(Instant::START, MESSAGE);
    probe.handle_sent(Instant::START, 10);
    probe.handle_received(Instant::START, b"00000000000");
    assert_eq!(probe.end(), Some(Err(Failure::Extra { message: MESSAGE, bytes: 1 })));
}

#[test]
fn a_stale_echo_is_told_even_if_it_comes_before_anything_was_sent() {
    let mut probe = Probe::new(SEQ, LENGTH, None, [0; 32]);
    probe.begin(Instant::START, MESSAGE);
    probe.handle_received(Instant::START, &content(MESSAGE - 1));
    assert!(matches!(probe.end(), Some(Err(Failure::Differs(_)))));
}

#[test]
fn what_the_driver_saw_ends_the_message_once() {
    let (mut probe, echo) = sent();
    probe.fail(Instant::START, Failure::Reset);
    probe.fail(Instant::START, Failure::Refused);
    probe.handle_received(Instant::START, &echo);
    probe.handle_eof(Instant::START);
    probe.handle_timeout(Instant::START + LIMIT * 2);
    assert_eq!(probe.end(), Some(Err(Failure::Reset)));
    assert_eq!((probe.to_send(), probe.room(), probe.deadline()), (&b""[..], 0, None));
}

#[test]
fn one_probe_serves_message_after_message() {
    let mut probe = Probe::new(SEQ, LENGTH, Some(LIMIT), [0; 32]);
    let mut tally = Tally::default();
    for message in 0..10 {
        probe.begin(Instant::START, message);
        let mut echo = send_all(&mut probe);
        assert_eq!(echo, content(message));
        if message == 4 {
            echo[99] ^= 1;
        }
        probe.handle_received(Instant::START, &echo);
        tally.record(&probe.end().expect("the whole echo is back"));
    }
    assert_eq!((tally.messages(), tally.echoed(), tally.recent(5)), (10, 9, Some(1.0)));
}

#[test]
fn an_empty_message_is_one_byte_long() {
    let mut probe = Probe::new(SEQ, 0, None, [0; 32]);
    probe.begin(Instant::START, 0);
    assert_eq!(probe.to_send().len(), 1);
}
