//! What a datagram is that arrives: planted equals found, by class, whatever the network does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use echo_core::datagram::{Arrival, Flight, Sent, Slot};
use echo_core::{Failure, Fault, Instant, Payload};
use proptest::collection::vec;
use proptest::prelude::*;

const LIMIT: Duration = Duration::from_millis(100);
const MILLI: Duration = Duration::from_millis(1);
const NANO: Duration = Duration::from_nanos(1);

const SEQ: Payload<&[u8]> = Payload::Seq { run: 3, connection: 7 };
const RANDOM: Payload<&[u8]> = Payload::Random { seed: 5 };

type TestFlight = Flight<'static, (), Vec<u8>, Vec<Slot<()>>>;

fn flight(payload: Payload<&'static [u8]>, length: usize, slots: usize) -> TestFlight {
    Flight::new(payload, Some(LIMIT), vec![0; length], vec![Slot::NEW; slots])
}

fn at(millis: u32) -> Instant {
    Instant::START + MILLI * millis
}

/// What the network does with a message.
#[derive(Debug, Clone)]
struct Fate {
    /// When its copies arrive, after it was sent: none if it is lost.
    arrives: Vec<u64>,
    /// What is wrong with them.
    spoilt: Spoilt,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Spoilt {
    Not,
    Cut,
    Grown,
    Flipped,
}

impl Spoilt {
    fn apply(self, datagram: &mut Vec<u8>, seed: usize) {
        match self {
            Self::Not => {}
            // A word is left of it.
            Self::Cut => datagram.truncate(8 + seed % (datagram.len() - 8)),
            Self::Grown => datagram.extend([0; 3]),
            Self::Flipped => {
                let byte = seed % datagram.len();
                datagram[byte] ^= 1 << (seed % 8);
            }
        }
    }

    fn of(end: &Result<Duration, Failure>) -> Self {
        match end {
            Ok(_) => Self::Not,
            Err(Failure::Cut { .. }) => Self::Cut,
            Err(Failure::Extra { .. }) => Self::Grown,
            // A flipped digit of a mark looks like another place.
            Err(Failure::Differs(_)) => Self::Flipped,
            other => panic!("{other:?}"),
        }
    }
}

/// What was found of each message, by its number.
#[derive(Debug, Default, PartialEq)]
struct Found {
    echoed: BTreeMap<u64, (Duration, Spoilt)>,
    overtaken: BTreeSet<u64>,
    given_up: BTreeSet<u64>,
    late: Vec<u64>,
    duplicates: Vec<u64>,
}

impl Found {
    fn note(&mut self, arrival: Arrival<()>, now: Instant) {
        match arrival {
            Arrival::Echo { sent, overtaken, end } => {
                let took = now.saturating_duration_since(sent.begun);
                assert!(end.is_err() || end == Ok(took));
                self.echoed.insert(sent.message, (took, Spoilt::of(&end)));
                if overtaken {
                    self.overtaken.insert(sent.message);
                }
            }
            Arrival::Late { message } => self.late.push(message),
            Arrival::Duplicate { message } => self.duplicates.push(message),
            other => panic!("{other:?}"),
        }
    }

    fn give_up(&mut self, flight: &mut TestFlight, now: Instant) {
        while let Some(Sent { message, .. }) = flight.handle_timeout(now) {
            assert!(self.given_up.insert(message), "{message} is given up twice");
        }
    }
}

/// Sends a message in each `gap`, or if it is none after the end of the one before. A driver that is not
/// `punctual` looks for time-outs only when it must.
fn fly(mut flight: TestFlight, fates: &[Fate], gap: Option<u64>, punctual: bool) -> (Found, Found) {
    let (mut found, mut planted) = (Found::default(), Found::default());
    let mut arrivals: BTreeMap<(u64, usize), (usize, usize, Vec<u8>)> = BTreeMap::new();
    let (mut begun, mut now, mut free) = (Vec::new(), 0, 0);
    let mut seen = BTreeSet::new();
    let nanos = |nanos| Instant::START + Duration::from_nanos(nanos);
    let limit = LIMIT.as_nanos() as u64;
    loop {
        let idle = flight.in_flight() == 0;
        let due = gap.map_or(idle.then_some(free), |gap| Some(begun.len() as u64 * gap));
        let due = due.filter(|_| begun.len() < fates.len());
        let deadline = flight.deadline().map(|at| at.since_start().as_nanos() as u64);
        let must = deadline.filter(|_| punctual || (gap.is_none() && arrivals.is_empty()));
        let first = arrivals.keys().next().map(|(at, _)| *at);
        let Some(next) = [due, must, first].into_iter().flatten().min() else { break };
        now = next.max(now);
        if punctual {
            found.give_up(&mut flight, nanos(now));
        }
        if first.is_some_and(|first| first <= now) {
            let ((at, _), (number, port, datagram)) = arrivals.pop_first().expect("one");
            let room = &datagram[..datagram.len().min(flight.datagram().len())];
            let arrival = flight.handle_datagram(nanos(now), port, true, datagram.len(), room);
            found.note(arrival, nanos(now));
            let message = number as u64;
            if !seen.insert(number) {
                planted.duplicates.push(message);
            } else if at - begun[number] >= limit {
                planted.late.push(message);
            } else {
                if planted.echoed.keys().next_back() > Some(&message) {
                    planted.overtaken.insert(message);
                }
                let took = Duration::from_nanos(at - begun[number]);
                planted.echoed.insert(message, (took, fates[number].spoilt));
            }
            if !punctual {
                found.give_up(&mut flight, nanos(now));
            }
        } else if due.is_some_and(|due| due <= now) {
            let sent = flight.begin(nanos(now), ()).expect("room");
            let number = begun.len();
            assert_eq!(sent.message, number as u64);
            begun.push(now);
            for (copy, after) in fates[number].arrives.iter().enumerate() {
                let mut datagram = flight.datagram().to_vec();
                fates[number].spoilt.apply(&mut datagram, *after as usize);
                let key = (now + after, number * 8 + copy);
                arrivals.insert(key, (number, sent.port, datagram));
            }
        } else {
            found.give_up(&mut flight, nanos(now));
        }
        if flight.in_flight() == 0 {
            free = now + 1;
        }
    }
    found.give_up(&mut flight, nanos(u64::MAX));
    let came = planted.echoed.keys().copied().collect();
    planted.given_up = &(0..fates.len() as u64).collect::<BTreeSet<_>>() - &came;
    (found, planted)
}

/// Copies that arrive within `longest` nanoseconds, or as long after the limit.
fn fates(longest: u64) -> impl Strategy<Value = Vec<Fate>> {
    let limit = LIMIT.as_nanos() as u64;
    let after = prop_oneof![
        6 => 1..longest,
        1 => limit - 1..limit + 2,
        2 => limit..limit + 3 * longest,
    ];
    let arrives = prop_oneof![
        8 => vec(after.clone(), 1..2),
        1 => vec(after, 2..4),
        1 => Just(Vec::new()),
    ];
    use Spoilt::{Cut, Flipped, Grown, Not};
    let spoilt = prop_oneof![6 => Just(Not), 1 => Just(Cut), 1 => Just(Grown), 1 => Just(Flipped)];
    let fate = (arrives, spoilt).prop_map(|(arrives, spoilt)| Fate { arrives, spoilt });
    vec(fate, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// In any order, with any number in flight.
    #[test]
    fn content_that_tells_its_message_is_known_whatever_becomes_of_it(
        fates in fates(60_000_000),
        random in any::<bool>(),
        gap in prop_oneof![Just(None), (1..10_000_000_u64).prop_map(Some)],
        punctual in any::<bool>(),
    ) {
        let payload = if random { RANDOM } else { SEQ };
        let (found, planted) = fly(flight(payload, 64, 64), &fates, gap, punctual);
        prop_assert_eq!(found, planted);
    }

    /// All are alike, one is in flight, and eight ports take turns. Half of them may wait for what was given up, and a
    /// double comes before its port has its next turn.
    #[test]
    fn where_all_are_alike_the_port_tells_the_message(
        mut fates in fates(60_000_000),
        content in prop_oneof![
            Just(Payload::Zero),
            Just(Payload::Marks { connection: 7 }),
            Just(Payload::Bytes(&b"text"[..])),
        ],
        punctual in any::<bool>(),
    ) {
        let mut left = 4;
        for Fate { arrives, .. } in &mut fates {
            arrives.sort_unstable();
            let in_time = arrives.first().is_some_and(|after| *after < LIMIT.as_nanos() as u64);
            left -= i32::from(!in_time);
            if !in_time && left < 0 {
                *arrives = vec![1_000];
            }
            if let [first, ..] = **arrives {
                *arrives = if first.is_multiple_of(4) { vec![first, first + 1] } else { vec![first] };
            }
        }
        let (found, planted) = fly(flight(content, 64, 8), &fates, None, punctual);
        prop_assert_eq!(found, planted);
    }
}

#[test]
fn an_echo_has_come_in_time_until_a_nanosecond_before_the_limit() {
    for payload in [SEQ, RANDOM, Payload::Zero] {
        for (after, late) in [(LIMIT - NANO, false), (LIMIT, true), (LIMIT + NANO, true)] {
            let mut flight = flight(payload, 16, 4);
            let sent = flight.begin(at(5), ()).expect("room");
            assert_eq!(flight.deadline(), Some(at(5) + LIMIT));
            let echo = flight.datagram().to_vec();
            let arrival = flight.handle_datagram(at(5) + after, sent.port, true, 16, &echo);
            let message = 0;
            let expected = if late {
                Arrival::Late { message }
            } else {
                Arrival::Echo { sent, overtaken: false, end: Ok(after) }
            };
            assert_eq!(arrival, expected);
            assert_eq!(flight.in_flight(), usize::from(late), "the time-out is told all the same");
            assert_eq!(flight.handle_timeout(at(5) + after).is_some(), late);
            let again = flight.handle_datagram(at(500), sent.port, true, 16, &echo);
            assert_eq!(again, Arrival::Duplicate { message });
        }
    }
}

#[test]
fn what_was_never_sent_here_touches_no_message() {
    for payload in [SEQ, RANDOM, Payload::Marks { connection: 7 }] {
        let mut flight = flight(payload, 64, 4);
        flight.begin(at(0), ());
        let mut other = [0; 64];
        payload.on(8).fill(0, 0, &mut other);
        let crossed = flight.handle_datagram(at(1), 0, true, 64, &other);
        if payload != RANDOM {
            assert_eq!(crossed, Arrival::OtherConnection, "{payload:?}");
            assert_eq!(flight.in_flight(), 1);
        }
        let echo = flight.datagram().to_vec();
        let elsewhere = flight.handle_datagram(at(1), 0, false, 64, &echo);
        assert_eq!(elsewhere, Arrival::Foreign, "from another address");
        // Nobody listens at a port from which nothing was sent.
        if !payload.tells(64) {
            assert_eq!(flight.handle_datagram(at(1), 3, true, 64, &echo), Arrival::Foreign);
        }
    }
    let mut flight = flight(SEQ, 64, 4);
    (0..2).for_each(|_| _ = flight.begin(at(0), ()));
    let mut noise = [0; 64];
    for (payload, message) in [(RANDOM, 0), (Payload::Seq { run: 2, connection: 7 }, 0), (SEQ, 2)] {
        payload.fill(message, 0, &mut noise);
        assert_eq!(flight.handle_datagram(at(1), 0, true, 64, &noise), Arrival::Foreign);
    }
    assert_eq!(flight.in_flight(), 2);
}

/// What does not say whose it is belongs to the only one that it can belong to.
#[test]
fn a_cut_that_leaves_less_than_a_word_is_known_by_its_beginning() {
    for left in [1, 7] {
        let mut flight = flight(SEQ, 64, 4);
        let sent = [(); 2].map(|()| flight.begin(at(0), ()).expect("room"));
        let mut bytes = [0; 7];
        SEQ.fill(0, 0, &mut bytes);
        let arrival = flight.handle_datagram(at(1), 0, true, left, &bytes[..left]);
        let failure = Failure::Cut { message: 0, received: left as u64, length: 64 };
        let expected = Arrival::Echo { sent: sent[0], overtaken: false, end: Err(failure) };
        assert_eq!(arrival, expected);
        // Only one is left, so that it is even known by nothing.
        let nothing = flight.handle_datagram(at(1), 0, true, 0, &[]);
        let failure = Failure::Cut { message: 1, received: 0, length: 64 };
        assert_eq!(nothing, Arrival::Echo { sent: sent[1], overtaken: false, end: Err(failure) });
    }
    let mut flight = flight(SEQ, 64, 4);
    (0..2).for_each(|_| _ = flight.begin(at(0), ()));
    assert_eq!(flight.handle_datagram(at(1), 0, true, 0, &[]), Arrival::Foreign);
}

/// However many are in flight, a message that is not one of them is not judged as the echo of one; one of which no whole
/// word is right is judged if the rest of it is.
#[test]
fn the_only_one_in_flight_is_not_blamed_for_what_is_of_another() {
    for payload in [SEQ, RANDOM] {
        let (mut before, mut later, mut noise) = ([0; 67], [0; 64], [0; 64]);
        payload.fill(0, 0, &mut before[3..]);
        payload.fill(2, 0, &mut later);
        Payload::Random { seed: 6 }.fill(0, 0, &mut noise);
        let others = [&before[..], &later, &noise, &noise[..9], &noise[..7], &[0; 64], &later[1..]];
        for (other, in_flight) in others.into_iter().flat_map(|other| [(other, 1), (other, 2)]) {
            let mut flight = flight(payload, 64, 4);
            flight.begin(at(0), ());
            let echo = flight.datagram().to_vec();
            if in_flight == 1 {
                flight.handle_datagram(at(0), 0, true, 64, &echo);
            }
            flight.begin(at(1), ());
            let arrival =
                flight.handle_datagram(at(2), 0, true, other.len(), &other[..other.len().min(64)]);
            assert_eq!(
                (arrival, flight.in_flight()),
                (Arrival::Foreign, in_flight),
                "{payload:?} {other:?}"
            );
        }
        // One bit is wrong, and the only word says nothing.
        let mut flight = flight(payload, 8, 4);
        let sent = flight.begin(at(0), ()).expect("room");
        let mut echo = flight.datagram().to_vec();
        echo[3] ^= 4;
        let arrival = flight.handle_datagram(at(1), 0, true, 8, &echo);
        let Arrival::Echo { sent: told, end: Err(Failure::Differs(wrong)), .. } = arrival else {
            panic!("{arrival:?}")
        };
        assert_eq!((told, wrong.offset, wrong.fault), (sent, 3, Fault::Flipped));
    }
}

/// The search for it has an end, however many are in flight.
#[test]
fn a_cut_that_leaves_less_than_a_word_is_known_among_the_last_ones() {
    for (later, known) in [(1023, true), (1024, false)] {
        let mut flight = flight(SEQ, 64, 2000);
        let sent = flight.begin(at(0), ()).expect("room");
        (0..later).for_each(|_| _ = flight.begin(at(0), ()));
        let mut bytes = [0; 7];
        SEQ.fill(0, 0, &mut bytes);
        let failure = Failure::Cut { message: 0, received: 7, length: 64 };
        let cut = Arrival::Echo { sent, overtaken: false, end: Err(failure) };
        let expected = if known { cut } else { Arrival::Foreign };
        assert_eq!(flight.handle_datagram(at(1), 0, true, 7, &bytes), expected);
    }
}

#[test]
fn an_empty_datagram_has_an_echo() {
    let mut flight = flight(Payload::Zero, 0, 4);
    let sent = flight.begin(at(0), ()).expect("room");
    let grown = flight.handle_datagram(at(1), 0, true, 1, &[]);
    let failure = Failure::Extra { message: 0, bytes: 1 };
    assert_eq!(grown, Arrival::Echo { sent, overtaken: false, end: Err(failure) });
    let sent = flight.begin(at(2), ()).expect("room");
    assert_eq!(sent.port, 1);
    let echo = flight.handle_datagram(at(3), 1, true, 0, &[]);
    assert_eq!(echo, Arrival::Echo { sent, overtaken: false, end: Ok(MILLI) });
}

/// Ports whose messages were given up rest until more than half of them do; then the one that has rested longest is next.
#[test]
fn ports_take_turns() {
    let mut flight = flight(Payload::Zero, 8, 4);
    let mut ports = Vec::new();
    for turn in 0..12 {
        let now = at(200 * turn);
        let sent = flight.begin(now, ()).expect("room");
        ports.push(sent.port);
        if sent.port.is_multiple_of(2) || turn > 6 {
            assert!(flight.handle_timeout(now + LIMIT).is_some());
        } else {
            flight.handle_datagram(now, sent.port, true, 8, b"00000000");
        }
    }
    assert_eq!(ports, [0, 1, 2, 3, 1, 3, 1, 3, 0, 2, 3, 0]);
}

/// As many are in flight as there is room for; a failure ends the oldest of a port.
#[test]
fn no_more_are_in_flight_than_there_is_room_for() {
    for payload in [SEQ, Payload::Zero] {
        let mut flight = flight(payload, 8, 3);
        assert_eq!(flight.fail(0), None);
        let sent = [(); 3].map(|()| flight.begin(at(0), ()).expect("room"));
        assert!(!flight.has_room() && flight.begin(at(0), ()).is_none());
        assert_eq!(flight.under_way().count(), 3);
        assert_eq!(flight.fail(sent[2].port), Some(if payload == SEQ { sent[0] } else { sent[2] }));
        assert!(flight.has_room());
        let last = flight.begin(at(1), ()).expect("room");
        flight.withdraw();
        flight.withdraw();
        assert!(flight.under_way().all(|sent| *sent != last) && flight.in_flight() == 2);
    }
}

/// A slot remembers the last message in it that was given up, and those before it are not taken for doubles.
#[test]
fn more_are_given_up_than_there_are_slots_and_all_of_them_are_late() {
    for payload in [SEQ, RANDOM] {
        let mut flight = flight(payload, 16, 4);
        let echoes: Vec<_> = (0..8)
            .map(|turn| {
                let now = at(200 * turn);
                flight.begin(now, ()).expect("room");
                assert!(flight.handle_timeout(now + LIMIT).is_some());
                flight.datagram().to_vec()
            })
            .collect();
        for expected in [
            |message| Arrival::<()>::Late { message },
            |message| Arrival::<()>::Duplicate { message },
        ] {
            for (message, echo) in (0..).zip(&echoes) {
                let arrival = flight.handle_datagram(at(2000), 0, true, 16, echo);
                assert_eq!(arrival, expected(message), "{payload:?}");
            }
        }
    }
}
