//! What holds for every session and every probe, whatever is done to them.

use std::time::Duration;

use echo_core::{
    CloseReason, Endpoint, Failure, Instant, LINGER, Payload, Probe, Rules, SILENCE, Session,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseResult;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn a_small_session_keeps_its_promises(rules in rules(), ops in vec(op(), 0..60)) {
        keeps_its_promises::<8>(rules, &ops)?;
    }

    #[test]
    fn an_odd_session_keeps_its_promises(rules in rules(), ops in vec(op(), 0..60)) {
        keeps_its_promises::<9>(rules, &ops)?;
    }

    #[test]
    fn a_session_keeps_its_promises(rules in rules(), ops in vec(op(), 0..60)) {
        keeps_its_promises::<64>(rules, &ops)?;
    }

    #[test]
    fn chunks_do_not_matter(
        rules in rules(),
        bursts in vec((bytes(), select(PAUSES.as_slice())), 0..8),
        cuts in vec(any::<Index>(), 1..20),
    ) {
        let whole = converse::<64>(rules, &bursts, &[]);
        prop_assert_eq!(&converse::<64>(rules, &bursts, &cuts), &whole);
        prop_assert_eq!(&converse::<8>(rules, &bursts, &cuts), &whole);
    }

    #[test]
    fn any_pieces_of_a_right_echo_are_right(
        payload in payload(),
        length in 1..600_usize,
        cuts in vec(any::<Index>(), 1..20),
    ) {
        let (mut probe, echo) = sent(payload, length);
        let mut now = Instant::START;
        for piece in pieces(&echo, &cuts) {
            prop_assert_eq!(probe.end(), None);
            now = now + Duration::from_millis(1);
            prop_assert_eq!(probe.handle_received(now, piece), piece.len());
        }
        prop_assert_eq!(probe.end(), Some(Ok(now.since_start())));
    }

    #[test]
    fn any_changed_byte_is_found_where_it_is(
        payload in payload(),
        length in 1..600_usize,
        place in any::<Index>(),
        change in 1..=u8::MAX,
        cuts in vec(any::<Index>(), 1..20),
    ) {
        let (mut probe, mut echo) = sent(payload, length);
        let place = place.index(length);
        let expected = echo[place];
        echo[place] ^= change;
        for piece in pieces(&echo, &cuts) {
            probe.handle_received(Instant::START, piece);
        }
        let Some(Err(Failure::Differs(difference))) = probe.end() else {
            return Err(TestCaseError::fail(format!("{:?}", probe.end())));
        };
        prop_assert_eq!(difference.offset, place as u64);
        prop_assert_eq!((difference.expected, difference.received), (expected, expected ^ change));
    }
}

/// Something that can happen to a session.
#[derive(Debug, Clone)]
enum Op {
    Receive(Vec<u8>),
    /// The stream accepts so many bytes, or all that there are.
    Send(usize),
    /// The peer took bytes; the driver hears of it this much later.
    Deliver(Duration),
    Quiet,
    Eof,
    Sleep(Duration),
    Timeout,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => bytes().prop_map(Op::Receive),
        6 => prop_oneof![0..12_usize, Just(usize::MAX)].prop_map(Op::Send),
        2 => select(PAUSES.as_slice()).prop_map(Op::Deliver),
        4 => Just(Op::Quiet),
        1 => Just(Op::Eof),
        2 => select(PAUSES.as_slice()).prop_map(Op::Sleep),
        3 => Just(Op::Timeout),
    ]
}

/// Around the limits, which decide.
const PAUSES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    SILENCE.checked_sub(Duration::from_nanos(1)).expect("it is longer"),
    SILENCE,
    Duration::from_secs(1),
    LINGER,
];

/// Pieces of the word, alone or among other data.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 10] =
        [b"e", b"ex", b"it", b"exit", b"exit\n", b"exit\r\n", b"\r", b"\n", b"t", b"it\r"];
    prop_oneof![
        4 => select(PIECES.as_slice()).prop_map(<[u8]>::to_vec),
        1 => vec(select(PIECES.as_slice()), 1..5).prop_map(|pieces| pieces.concat()),
        2 => vec(any::<u8>(), 0..40),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let idle = prop_oneof![Just(None), select(PAUSES.as_slice()).prop_map(Some)];
    let chunk = prop_oneof![0..10_usize, Just(usize::MAX)];
    (idle, chunk, any::<bool>(), any::<bool>()).prop_map(|(idle, chunk, one_shot, exit)| Rules {
        idle,
        chunk,
        one_shot,
        exit,
    })
}

fn keeps_its_promises<const N: usize>(rules: Rules, ops: &[Op]) -> TestCaseResult {
    let mut now = Instant::START;
    let mut session = Session::<N>::new(now, rules);
    // What was received until the session closed, and what it echoed.
    let (mut input, mut output) = (Vec::new(), Vec::new());
    let (mut eof, mut closed) = (false, false);
    for op in ops {
        let end = session.end();
        match op {
            Op::Receive(_) if eof => {}
            Op::Receive(bytes) => {
                let expected = bytes.len().min(session.room());
                prop_assert_eq!(session.handle_received(now, bytes), expected);
                if !closed {
                    input.extend(&bytes[..expected]);
                }
            }
            Op::Send(n) => {
                let n = session.to_send().len().min(*n);
                output.extend(&session.to_send()[..n]);
                session.handle_sent(now, n);
            }
            Op::Deliver(late) => {
                let at = now.saturating_sub(*late);
                let before = session.deadline();
                session.handle_delivered(at);
                prop_assert!(session.deadline() >= before, "progress takes no time away");
                prop_assert_eq!(session.deadline().is_some(), before.is_some());
            }
            Op::Quiet => session.handle_quiet(now),
            Op::Eof => {
                session.handle_eof(now);
                (eof, closed) = (true, true);
            }
            Op::Sleep(duration) => now = now + *duration,
            Op::Timeout => {
                let due = session.deadline().is_some_and(|deadline| deadline <= now);
                closed |= due;
                let before = format!("{session:?}");
                session.handle_timeout(now);
                prop_assert!(due || format!("{session:?}") == before, "an early call changes");
                prop_assert!(session.deadline().is_none_or(|deadline| deadline > now));
                let settled = format!("{session:?}");
                session.handle_timeout(now);
                prop_assert_eq!(format!("{session:?}"), settled, "a repeated call changes");
            }
        }
        prop_assert!(input.starts_with(&output), "the echo is a prefix of the input");
        prop_assert_eq!(session.echoed(), output.len() as u64);
        let pending = session.to_send().len();
        prop_assert!(pending <= N, "memory is bounded");
        prop_assert!(rules.chunk == 0 || session.room() <= rules.chunk);
        prop_assert!(end.is_none() || session.end() == end, "an end stays");
        if session.end().is_some() {
            let inert = (session.to_send(), session.room(), session.deadline());
            prop_assert_eq!(inert, (&b""[..], 0, None));
            prop_assert!(session.finished());
        } else if !session.finished() {
            prop_assert!(pending > 0 || session.room() > 0, "it waits for nobody");
        } else {
            prop_assert!(session.deadline().is_some(), "lingering has a limit");
        }
    }

    // The peer fetches everything and leaves.
    for _ in 0..2 {
        output.extend(session.to_send());
        session.handle_sent(now, session.to_send().len());
        session.handle_eof(now);
    }
    let end = session.end();
    prop_assert!(end.is_some(), "whoever gets everything and leaves ends the session");
    prop_assert!(input.starts_with(&output));
    let missing = &input[output.len()..];
    match end {
        Some(CloseReason::TimedOut) => {}
        Some(CloseReason::Exit) => {
            let is_its_end = |word: &[u8]| input.ends_with(word) && word.ends_with(missing);
            let words = [&b"exit"[..], b"exit\n", b"exit\r\n"];
            prop_assert!(rules.exit && !missing.is_empty());
            prop_assert!(words.into_iter().any(is_its_end), "only the word is not echoed");
        }
        Some(CloseReason::Answered) => prop_assert!(rules.one_shot && missing.is_empty()),
        _ => prop_assert!(missing.is_empty(), "nothing is lost"),
    }
    Ok(())
}

/// Why a session ended, and its echo. Each burst arrives in pieces, then input
/// is quiet for a while; everything is accepted for sending at once.
fn converse<const N: usize>(
    rules: Rules,
    bursts: &[(Vec<u8>, Duration)],
    cuts: &[Index],
) -> (Option<CloseReason>, Vec<u8>) {
    let mut now = Instant::START;
    let mut session = Session::<N>::new(now, rules);
    let mut output = Vec::new();
    let mut send = |session: &mut Session<N>, now| {
        output.extend(session.to_send());
        session.handle_sent(now, session.to_send().len());
    };
    for (bytes, pause) in bursts {
        for mut rest in pieces(bytes, cuts) {
            while !rest.is_empty() && session.room() > 0 {
                rest = &rest[session.handle_received(now, rest)..];
                send(&mut session, now);
            }
        }
        session.handle_quiet(now);
        send(&mut session, now);
        now = now + *pause;
        session.handle_timeout(now);
    }
    session.handle_eof(now);
    send(&mut session, now);
    (session.end(), output)
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        Just(Payload::Zero),
        any::<(u16, u16)>().prop_map(|(run, connection)| Payload::Seq { run, connection }),
        any::<u64>().prop_map(|seed| Payload::Random { seed }),
        Just(Payload::Bytes(&b"some bytes, again and again"[..])),
    ]
}

/// A probe that has sent a message whole, and the message.
fn sent(payload: Payload, length: usize) -> (Probe<'static, [u8; 64]>, Vec<u8>) {
    let mut probe = Probe::new(payload, length as u64, None, [0; 64]);
    probe.begin(Instant::START, 3);
    let mut message = Vec::new();
    while !probe.to_send().is_empty() {
        let n = probe.to_send().len().div_ceil(2);
        message.extend(&probe.to_send()[..n]);
        probe.handle_sent(Instant::START, n);
    }
    (probe, message)
}

/// `bytes`, cut at these places.
fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}
