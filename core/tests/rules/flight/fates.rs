//! Planted equals found, by class, whatever the network does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use echo_core::datagram::{Arrival, Sent};
use echo_core::{Failure, Instant, Payload};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{LIMIT, RANDOM, SEQ, TestFlight, flight};

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
