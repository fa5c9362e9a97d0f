//! What holds for every session and every probe, whatever is done to them; more of it is in
//! `core/adversity`, where it is fuzzed, too.

use std::time::Duration;

use echo_core::{
    CloseReason, Defect, Endpoint, Failure, Faulty, Instant, LINGER, Odds, Payload, Probe, Rules,
    SILENCE, Session, Spoiler,
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
    fn chunks_do_not_matter(
        rules in rules(),
        bursts in vec((bytes(), select(PAUSES.as_slice())), 0..8),
        cuts in vec(any::<Index>(), 1..20),
    ) {
        fn echo<const N: usize>(
            rules: Rules,
            bursts: &[(Vec<u8>, Duration)],
            cuts: &[Index],
        ) -> (Option<CloseReason>, Vec<u8>) {
            converse(&mut Session::<N>::new(Instant::START, rules), bursts, cuts)
        }
        let whole = echo::<64>(rules, &bursts, &[]);
        prop_assert_eq!(&echo::<64>(rules, &bursts, &cuts), &whole);
        prop_assert_eq!(&echo::<8>(rules, &bursts, &cuts), &whole);
    }

    #[test]
    fn without_odds_a_faulty_session_is_a_session(rules in rules(), ops in vec(op(), 0..60)) {
        is_the_same::<8>(rules, &ops)?;
        is_the_same::<64>(rules, &ops)?;
    }

    #[test]
    fn a_faulty_session_keeps_to_its_driver(
        rules in rules(),
        odds in odds(),
        seed in any::<u64>(),
        ops in vec(op(), 0..60),
    ) {
        keeps_to_its_driver::<8>(rules, odds, seed, &ops)?;
        keeps_to_its_driver::<64>(rules, odds, seed, &ops)?;
    }

    #[test]
    fn faults_are_the_same_however_the_reads_are_cut(
        odds in odds(),
        seed in any::<u64>(),
        bursts in vec((vec(any::<u8>(), 0..40), select(PAUSES.as_slice())), 0..8),
        cuts in vec(any::<Index>(), 1..20),
    ) {
        let rules = Rules { exit: false, ..Rules::default() };
        let spoilt = |cuts: &[Index]| {
            let mut spoiler = Spoiler::<64>::new(odds, seed, 0);
            let session = &mut Session::<64>::new(Instant::START, rules);
            let echo = converse(&mut Faulty::new(session, &mut spoiler), &bursts, cuts);
            (echo, spoiler.planted())
        };
        prop_assert_eq!(spoilt(&cuts), spoilt(&[]));
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
    /// The stream accepts this many bytes, or all that there are.
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

/// Why a session ended, and its echo. Each burst arrives in pieces, then input
/// is quiet for a while; everything is accepted for sending at once.
fn converse<E: Endpoint>(
    session: &mut E,
    bursts: &[(Vec<u8>, Duration)],
    cuts: &[Index],
) -> (Option<E::End>, Vec<u8>) {
    let mut now = Instant::START;
    let mut output = Vec::new();
    let mut send = |session: &mut E, now| {
        while !session.to_send().is_empty() {
            output.extend(session.to_send());
            session.handle_sent(now, session.to_send().len());
        }
    };
    for (bytes, pause) in bursts {
        for mut rest in pieces(bytes, cuts) {
            while !rest.is_empty() && session.room() > 0 {
                rest = &rest[session.handle_received(now, rest)..];
                send(session, now);
            }
        }
        session.handle_quiet(now);
        send(session, now);
        now = now + *pause;
        session.handle_timeout(now);
        send(session, now);
    }
    session.handle_eof(now);
    send(session, now);
    (session.end(), output)
}

fn odds() -> impl Strategy<Value = Odds> {
    vec(prop_oneof![Just(0.0), 0.0..0.3_f64, Just(1.0)], Defect::OF_STREAMS.len()).prop_map(
        |shares| {
            let odds = Odds::default().holding(SILENCE / 2);
            Defect::OF_STREAMS
                .into_iter()
                .zip(shares)
                .fold(odds, |odds, (it, share)| odds.with(it, share))
        },
    )
}

/// Does the same to both, as far as the endpoint allows it.
fn apply(op: &Op, endpoint: &mut impl Endpoint, now: &mut Instant, eof: &mut bool) -> usize {
    match op {
        Op::Receive(bytes) if !*eof => return endpoint.handle_received(*now, bytes),
        Op::Send(n) => {
            let n = endpoint.to_send().len().min(*n);
            endpoint.handle_sent(*now, n);
        }
        Op::Deliver(late) => {
            let at = now.since_start().saturating_sub(*late);
            endpoint.handle_delivered(Instant::new(at));
        }
        Op::Quiet => endpoint.handle_quiet(*now),
        Op::Eof => {
            endpoint.handle_eof(*now);
            *eof = true;
        }
        Op::Sleep(duration) => *now = *now + *duration,
        Op::Timeout => endpoint.handle_timeout(*now),
        Op::Receive(_) => {}
    }
    0
}

fn is_the_same<const N: usize>(rules: Rules, ops: &[Op]) -> TestCaseResult {
    let mut plain = Session::<N>::new(Instant::START, rules);
    let mut wrapped = Session::<N>::new(Instant::START, rules);
    let mut spoiler = Spoiler::<N>::new(Odds::default(), 1, 0);
    let (mut now, mut eof) = (Instant::START, false);
    for op in ops {
        let (mut at, mut end) = (now, eof);
        let taken = apply(op, &mut plain, &mut at, &mut end);
        let mut faulty = Faulty::new(&mut wrapped, &mut spoiler);
        prop_assert_eq!(apply(op, &mut faulty, &mut now, &mut eof), taken);
        prop_assert_eq!(faulty.to_send(), plain.to_send());
        let asked = (faulty.room(), faulty.deadline(), faulty.finished(), faulty.end());
        prop_assert_eq!(asked, (plain.room(), plain.deadline(), plain.finished(), plain.end()));
        prop_assert_eq!(format!("{wrapped:?}"), format!("{plain:?}"));
    }
    Ok(())
}

/// What a driver relies on, whatever is planted.
fn keeps_to_its_driver<const N: usize>(
    rules: Rules,
    odds: Odds,
    seed: u64,
    ops: &[Op],
) -> TestCaseResult {
    let mut session = Session::<N>::new(Instant::START, rules);
    let mut spoiler = Spoiler::<N>::new(odds, seed, 0);
    let (mut now, mut eof) = (Instant::START, false);
    for op in ops {
        let mut faulty = Faulty::new(&mut session, &mut spoiler);
        let (room, end) = (faulty.room(), faulty.end());
        let taken = apply(op, &mut faulty, &mut now, &mut eof);
        if let Op::Receive(bytes) = op
            && !eof
        {
            prop_assert_eq!(taken, bytes.len().min(room), "it takes what it has room for");
        }
        if matches!(op, Op::Timeout) {
            prop_assert!(faulty.deadline().is_none_or(|deadline| deadline > now), "it would spin");
        }
        prop_assert!(!eof || faulty.room() == 0, "nothing comes after the end");
        prop_assert!(end.is_none() || faulty.end() == end, "an end stays");
        if faulty.end().is_some() {
            let inert = (faulty.to_send(), faulty.room(), faulty.deadline());
            prop_assert_eq!(inert, (&b""[..], 0, None));
        } else {
            let waits = faulty.room() > 0 || faulty.deadline().is_some();
            prop_assert!(waits || !faulty.to_send().is_empty(), "it waits for nobody");
        }
    }
    // The peer fetches everything, in its time, and leaves.
    let mut faulty = Faulty::new(&mut session, &mut spoiler);
    faulty.handle_eof(now);
    for _ in 0..2 * N {
        faulty.handle_sent(now, faulty.to_send().len());
        now = now + LINGER;
        faulty.handle_timeout(now);
    }
    prop_assert!(faulty.end().is_some(), "whoever leaves ends it");
    Ok(())
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        Just(Payload::Zero),
        any::<(u16, u16)>().prop_map(|(run, connection)| Payload::Seq { run, connection }),
        any::<u64>().prop_map(|seed| Payload::Random { seed }),
        any::<u16>().prop_map(|connection| Payload::Marks { connection }),
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
