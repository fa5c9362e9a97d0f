//! What holds for every session and every probe, whatever is done to them; more of it is in
//! `core/adversity`, where it is fuzzed, too.

mod faulty;

use std::time::Duration;

use echo_core::{
    CloseReason, Endpoint, Failure, Haste, Instant, LINGER, Payload, Probe, Rules, SILENCE, Session,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

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
    Leave(Haste),
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
        1 => select(&[Haste::AtPause, Haste::Now][..]).prop_map(Op::Leave),
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
