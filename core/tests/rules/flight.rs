//! What a datagram is that arrives: the rules one by one.

mod fates;

use std::time::Duration;

use echo_core::datagram::{Arrival, Flight, Slot, Undelivered};
use echo_core::{Failure, Fault, Instant, Payload};

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

/// As many are in flight as there is room for.
#[test]
fn no_more_are_in_flight_than_there_is_room_for() {
    for payload in [SEQ, Payload::Zero] {
        let mut flight = flight(payload, 8, 3);
        let sent = [(); 3].map(|()| flight.begin(at(0), ()).expect("room"));
        assert!(!flight.has_room() && flight.begin(at(0), ()).is_none());
        assert_eq!(flight.under_way().count(), 3);
        let echo = flight.datagram().to_vec();
        flight.handle_datagram(at(0), sent[2].port, true, 8, &echo);
        // Where content tells, they take turns, and the next place is that of the oldest.
        assert_eq!(flight.has_room(), payload != SEQ);
        assert!(flight.handle_timeout(at(0) + LIMIT).is_some() && flight.has_room());
        let last = flight.begin(at(1), ()).expect("room");
        flight.withdraw();
        flight.withdraw();
        assert!(flight.under_way().all(|sent| *sent != last) && flight.in_flight() == 1);
    }
}

/// A report is about the message that it quotes, and is told once; the echo of that message is none any more.
#[test]
fn a_report_is_about_what_it_quotes() {
    use Undelivered::{GivenUp, InFlight};
    for payload in [SEQ, RANDOM, Payload::Zero] {
        let mut flight = flight(payload, 64, 4);
        assert_eq!(flight.handle_report(0, &[]), None, "nothing was sent");
        let sent = [0, 1, 2].map(|number| {
            let sent = flight.begin(at(number), ()).expect("room");
            (sent, flight.datagram().to_vec())
        });
        let [(first, one), (second, two), (third, three)] = &sent;
        assert_eq!(flight.handle_report(second.port, &two[..8]), Some(InFlight(*second)));
        assert_eq!(flight.handle_report(second.port, two), None, "it is over");
        let message = 1;
        let again = flight.handle_datagram(at(3), second.port, true, 64, two);
        assert_eq!(again, Arrival::Duplicate { message });
        assert_eq!(flight.handle_timeout(at(0) + LIMIT), Some(*first));
        assert_eq!(flight.handle_report(first.port, one), Some(GivenUp(*first)));
        assert_eq!(flight.handle_report(first.port, one), None, "told already");
        let echo = flight.handle_datagram(at(103), third.port, true, 64, three);
        assert!(matches!(echo, Arrival::Late { message: 2 }), "{payload:?} {echo:?}");
        assert_eq!(flight.handle_report(third.port, three), Some(InFlight(*third)));
        assert_eq!((flight.in_flight(), flight.handle_timeout(at(500))), (0, None));
    }
}

/// One that quotes too little is taken to be about the oldest; none is about a message of others.
#[test]
fn a_report_that_does_not_tell_is_about_the_oldest() {
    for payload in [SEQ, RANDOM] {
        let mut flight = flight(payload, 64, 4);
        let sent = [(); 3].map(|()| flight.begin(at(0), ()).expect("room"));
        let last = flight.datagram().to_vec();
        for oldest in &sent[..2] {
            let expected = Some(Undelivered::InFlight(*oldest));
            assert_eq!(flight.handle_report(0, &last[..7]), expected, "{payload:?}");
        }
        let mut other = [0; 64];
        for others in [Payload::Seq { run: 4, connection: 7 }, SEQ.on(8)] {
            others.fill(2, 0, &mut other);
            if payload == SEQ {
                assert_eq!(flight.handle_report(0, &other), None);
            }
        }
    }
}

/// Where content is too short to tell, it still shows whose echo it is of the last two from a port.
#[test]
fn a_double_at_a_port_that_has_its_turn_again_is_not_its_echo() {
    for (payload, length) in [SEQ, RANDOM].into_iter().flat_map(|it| [(it, 3), (it, 7)]) {
        for (over, given_up) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut flight = flight(payload, length, 2);
            let first = flight.begin(at(0), ()).expect("room");
            let echo = flight.datagram().to_vec();
            if given_up {
                assert_eq!(flight.handle_timeout(at(0) + LIMIT), Some(first));
            } else {
                flight.handle_datagram(at(0), first.port, true, length, &echo);
            }
            let mut sent = flight.begin(at(200), ()).expect("room");
            while sent.port != first.port {
                assert!(flight.handle_timeout(sent.begun + LIMIT).is_some());
                sent = flight.begin(sent.begun + LIMIT, ()).expect("room");
            }
            let (port, now, last) = (sent.port, sent.begun, flight.datagram().to_vec());
            let arrive = |flight: &mut TestFlight, bytes: &[u8]| {
                flight.handle_datagram(now, port, true, bytes.len(), bytes)
            };
            let well = Arrival::Echo { sent, overtaken: false, end: Ok(Duration::ZERO) };
            if over {
                assert_eq!(arrive(&mut flight, &last), well);
            }
            let again = arrive(&mut flight, &echo);
            let message = first.message;
            let late =
                if given_up { Arrival::Late { message } } else { Arrival::Duplicate { message } };
            assert_eq!(again, late, "{payload:?} {length} {over}");
            if !over {
                assert_eq!(arrive(&mut flight, &last), well);
            }
        }
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
