//! Whose fault it is: bytes around an echo, and connections that are closed between two messages.

use std::time::Duration;

use echo_core::Failure;
use echo_instruments::measurement::Ended;
use echo_instruments::plan::{Pace, Plan};

use super::run::{MILLI, Run, TRIP, plan, run, served};
use super::server::{AT_ONCE, Answer, Behaviour, ECHO, Item};

const PAUSE: Duration = Duration::from_millis(20);

/// On the first message of each connection something follows.
macro_rules! behind_the_first {
    ($after:expr, $item:expr) => {
        Behaviour {
            answer: |_, message| Answer {
                behind: if message == 0 { Some(($after, $item)) } else { None },
                ..ECHO
            },
            ..AT_ONCE
        }
    };
}

#[test]
fn a_connection_that_was_closed_while_idle_is_opened_anew_and_no_failure() {
    for closes in [
        behind_the_first!(Duration::ZERO, Item::Fin),
        behind_the_first!(Duration::ZERO, Item::Reset),
        behind_the_first!(MILLI, Item::Fin),
        behind_the_first!(MILLI, Item::Reset),
        // As the next is due after a way to a new connection.
        behind_the_first!(14 * MILLI, Item::Fin),
    ] {
        for connections in [1, 3] {
            let count = 4 * u64::from(connections);
            let pace = Pace::Interval(PAUSE);
            let plan = Plan { connections, pace, count: Some(count), keep_going: false, ..plan() };
            let Run { out, accepted, .. } = run(served(closes), &plan);
            assert_eq!((out.tally.echoed(), out.ended), (count, Ended::AsPlanned));
            // Nobody asks whether the last one was closed, too.
            assert_eq!(out.closed_while_idle, 3 * u64::from(connections));
            assert_eq!(accepted, 4 * usize::from(connections));
            // The way to the new connection is no part of the round trip; it makes it late.
            assert_eq!((out.times.fastest(), out.times.slowest()), (Some(TRIP), Some(TRIP)));
            assert_eq!(out.late.expect("an interval").slowest(), Some(TRIP));
        }
    }
}

#[test]
fn a_connection_that_was_closed_before_its_first_message_is_opened_anew() {
    const ONE_IS_CLOSED: Behaviour = Behaviour {
        greeting: |connection| if connection == 1 { vec![Item::Fin] } else { Vec::new() },
        ..AT_ONCE
    };
    for pace in [Pace::Closed, Pace::Interval(PAUSE)] {
        let plan = Plan { connections: 2, pace, count: Some(2), keep_going: false, ..plan() };
        let Run { out, accepted, .. } = run(served(ONE_IS_CLOSED), &plan);
        assert_eq!((out.tally.echoed(), out.closed_while_idle, accepted), (2, 1, 3), "{pace:?}");
        assert_eq!(out.times.slowest(), Some(TRIP), "{pace:?}");
    }
}

/// What comes a moment too late to be seen has hit a message.
#[test]
fn a_connection_that_is_closed_under_a_message_has_failed_it() {
    let closes = behind_the_first!(17 * MILLI + Duration::from_nanos(1), Item::Fin);
    let plan = Plan { pace: Pace::Interval(PAUSE), count: Some(2), ..plan() };
    let Run { out, samples, .. } = run(served(closes), &plan);
    assert_eq!((out.tally.echoed(), out.closed_while_idle), (1, 0));
    assert_eq!(samples[1].end, Err(Failure::ClosedEarly { received: 0, length: 100 }));
}

#[test]
fn a_byte_behind_an_echo_is_the_fault_of_the_message_before() {
    let adds = behind_the_first!(MILLI, Item::Byte(b'!'));
    for connections in [1, 2] {
        for keep_going in [true, false] {
            let (pace, count) = (Pace::Interval(PAUSE), Some(2 * u64::from(connections)));
            let plan = Plan { connections, pace, count, keep_going, ..plan() };
            let Run { out, .. } = run(served(adds), &plan);
            let what = format!("{connections} connections, {:?}", out.incidents);
            let incident = out.incidents[0];
            assert_eq!(incident.failure, Failure::Extra { message: 0, bytes: 1 }, "{what}");
            assert_eq!((incident.connection, incident.at), (0, PAUSE), "{what}");
            let failures = if keep_going { connections.into() } else { 1 };
            assert_eq!(out.tally.failures(), failures, "{what}");
            let ended = if keep_going { Ended::AsPlanned } else { Ended::Failed };
            let sent = if keep_going { plan.count } else { Some(connections.into()) };
            assert_eq!((Some(out.tally.messages()), out.ended), (sent, ended), "{what}");
            assert_eq!(out.closed_while_idle, 0, "{what}");
        }
    }
}

/// Nobody looks at the connection before the send, nor could anything be seen then.
#[test]
fn a_byte_ahead_of_an_echo_is_the_fault_of_the_message_before() {
    const ADDS: Behaviour = Behaviour {
        answer: |connection, message| Answer {
            ahead: if (connection, message) == (0, 2) { b"!" } else { b"" },
            ..ECHO
        },
        ..AT_ONCE
    };
    for connections in [1, 2] {
        for keep_going in [true, false] {
            let plan = Plan { connections, count: Some(100), keep_going, ..plan() };
            let Run { out, samples, .. } = run(served(ADDS), &plan);
            let what = format!("{connections} connections, {:?}", out.incidents);
            let incident = out.incidents[0];
            assert_eq!(incident.failure, Failure::Extra { message: 1, bytes: 1 }, "{what}");
            assert_eq!((incident.connection, incident.at), (0, 3 * TRIP), "{what}");
            assert_eq!(out.tally.failures(), 1, "{what}");
            assert_eq!(out.times.len(), out.tally.echoed() + 1, "its round trip was one");
            assert_eq!(out.times.slowest(), Some(TRIP), "{what}");
            if keep_going {
                assert_eq!((out.tally.messages(), out.ended), (100, Ended::AsPlanned), "{what}");
                // Each message of the connection came back in its turn.
                let own = samples.iter().filter(|note| note.connection == 0 && note.end.is_ok());
                assert!(own.zip(0..).all(|(note, number)| note.message == number), "{what}");
            } else {
                assert_eq!(out.ended, Ended::Failed, "{what}");
            }
        }
    }
}

#[test]
fn bytes_ahead_of_the_first_message_are_its_failure() {
    const GREETS: Behaviour = Behaviour {
        greeting: |_| b"220 welcome to something else, which greets\r\n".map(Item::Byte).to_vec(),
        ..AT_ONCE
    };
    for connections in [1, 2] {
        for pace in [Pace::Closed, Pace::Interval(PAUSE)] {
            let plan = Plan { connections, pace, count: Some(4), ..plan() };
            let Run { out, .. } = run(served(GREETS), &plan);
            assert_eq!(
                (out.tally.failures(), out.closed_while_idle),
                (4, 0),
                "{:?}",
                out.incidents
            );
        }
    }
}

/// The message that ended before had another connection: it has nothing to do with it.
#[test]
fn a_greeting_on_a_later_connection_is_the_failure_of_its_first_message() {
    const GREETS_LATER: Behaviour = Behaviour {
        greeting: |connection| if connection == 0 { vec![] } else { vec![Item::Byte(b'!')] },
        answer: |_, message| Answer {
            behind: if message == 2 { Some((Duration::ZERO, Item::Fin)) } else { None },
            ..ECHO
        },
        ..AT_ONCE
    };
    for (per_message, echoed) in [(false, 3), (true, 1)] {
        for pace in [Pace::Closed, Pace::Interval(PAUSE)] {
            let plan = Plan { per_message, pace, count: Some(10), ..plan() };
            let Run { out, .. } = run(served(GREETS_LATER), &plan);
            let what = format!("{per_message}, {pace:?}: {:?}", out.incidents);
            assert_eq!((out.tally.echoed(), out.tally.messages()), (echoed, 10), "{what}");
            assert_eq!(out.ended, Ended::AsPlanned, "{what}");
        }
    }
}
