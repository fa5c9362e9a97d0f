//! Limits and failures: when, on which connection, and what comes after them.

use std::time::Duration;

use echo_core::{Difference, Failure, FailureKind, Fault};
use echo_instruments::measurement::Ended;
use echo_instruments::plan::{Pace, Plan};

use super::run::{MILLI, NANO, Run, TRIP, plan, run, served};
use super::server::{AT_ONCE, Answer, Behaviour, ECHO, Item};
use super::world::Nature;

#[test]
fn a_message_has_timed_out_at_its_limit_and_not_a_nanosecond_before() {
    let timed_out = |received, whole| Err(Failure::TimedOut { received, length: 100, whole });
    for inside in [false, true] {
        for connections in [1, 4] {
            for pace in [Pace::Closed, Pace::Interval(500 * MILLI), Pace::Rate(8.0)] {
                let nature = Nature { inside: inside && connections == 1, ..served(AT_ONCE) };
                let end = |limit| {
                    let count = Some(connections.into());
                    let plan = Plan { limit: Some(limit), connections, pace, count, ..plan() };
                    let Run { out, samples, .. } = run(nature, &plan);
                    assert_eq!(
                        (out.tally.messages(), samples.len()),
                        (connections.into(), connections.into())
                    );
                    let sample = samples[0];
                    assert!(samples.iter().all(|other| other.end == sample.end));
                    (sample.end, sample.at)
                };
                let what = format!("{connections} connections, {pace:?}, inside {inside}");
                assert_eq!(end(TRIP + NANO), (Ok(TRIP), TRIP), "{what}");
                assert_eq!(end(TRIP), (timed_out(0, Some(TRIP)), TRIP), "{what}");
                assert_eq!(end(TRIP - NANO), (timed_out(0, None), TRIP - NANO), "{what}");
                assert_eq!(end(MILLI), (timed_out(0, None), MILLI), "{what}");
            }
        }
    }
}

/// Half of it comes in time, and helps nothing.
#[test]
fn the_limit_is_for_the_whole_echo() {
    const HALVES: Behaviour =
        Behaviour { answer: |_, _| Answer { pieces: (2, 7 * MILLI), ..ECHO }, ..AT_ONCE };
    let whole = TRIP + 7 * MILLI;
    for (limit, received, told) in
        [(whole, 50, Some(whole)), (whole - NANO, 50, None), (TRIP + NANO, 50, None)]
    {
        let plan = Plan { limit: Some(limit), count: Some(3), ..plan() };
        let Run { samples, .. } = run(served(HALVES), &plan);
        let failure = Failure::TimedOut { received, length: 100, whole: told };
        assert!(samples.iter().all(|sample| sample.end == Err(failure)), "{samples:?}");
        // After each a connection is opened anew, which is no part of the next.
        let planned = (0..3).map(|turn| limit + turn * (limit + TRIP));
        assert!(samples.iter().map(|sample| sample.at).eq(planned), "{samples:?}");
    }
    let Run { samples, .. } = run(served(HALVES), &Plan { count: Some(3), ..plan() });
    assert!(samples.iter().all(|sample| sample.end == Ok(whole)));
}

#[test]
fn each_failure_is_told_when_it_shows_and_ends_the_run_unless_it_is_to_go_on() {
    type Case = (fn(usize, u64) -> Answer, Failure, Duration);
    let limit = 50 * MILLI;
    let cases: [Case; 5] = [
        (
            |_, n| Answer { bytes: if n == 2 { 60 } else { 100 }, ..ECHO },
            Failure::TimedOut { received: 60, length: 100, whole: None },
            limit,
        ),
        (
            |_, n| {
                if n == 2 {
                    Answer { bytes: 0, behind: Some((MILLI, Item::Fin)), ..ECHO }
                } else {
                    ECHO
                }
            },
            Failure::ClosedEarly { received: 0, length: 100 },
            TRIP + MILLI,
        ),
        (
            |_, n| {
                if n == 2 {
                    Answer { bytes: 7, behind: Some((MILLI, Item::Fin)), ..ECHO }
                } else {
                    ECHO
                }
            },
            Failure::ClosedEarly { received: 7, length: 100 },
            TRIP + MILLI,
        ),
        (
            |_, n| {
                if n == 2 {
                    Answer { bytes: 7, behind: Some((MILLI, Item::Reset)), ..ECHO }
                } else {
                    ECHO
                }
            },
            Failure::Reset,
            TRIP + MILLI,
        ),
        (
            |_, n| Answer {
                behind: (n == 2).then_some((Duration::ZERO, Item::Byte(b'!'))),
                ..ECHO
            },
            Failure::Extra { message: 2, bytes: 1 },
            TRIP,
        ),
    ];
    for (answer, failure, after) in cases {
        let behaviour = Behaviour { answer, ..AT_ONCE };
        let plan = Plan { limit: Some(limit), count: Some(9), ..plan() };
        let Run { out, samples, .. } = run(served(behaviour), &plan);
        let ends: Vec<_> = samples.iter().map(|sample| sample.end).collect();
        // The message numbers go on, those of the connection begin anew: every third fails.
        let failures = ends.iter().filter_map(|end| end.err());
        assert_eq!((out.tally.echoed(), failures.count()), (6, 3), "{failure:?}: {ends:?}");
        assert_eq!((samples[2].end, samples[2].at), (Err(failure), 2 * TRIP + after));
        assert_eq!(samples[3].at, 2 * TRIP + after + TRIP + TRIP, "no rest, only the way");
        let Run { out, .. } = run(served(behaviour), &Plan { keep_going: false, ..plan });
        assert_eq!((out.tally.messages(), out.ended), (3, Ended::Failed), "{failure:?}");
        assert_eq!(out.elapsed, 2 * TRIP + after, "{failure:?}");
    }
}

#[test]
fn a_wrong_byte_is_told_with_its_place() {
    const WRONG: Behaviour = Behaviour {
        answer: |_, message| Answer { wrong: (message == 1).then_some(40), ..ECHO },
        ..AT_ONCE
    };
    let Run { out, samples, .. } = run(served(WRONG), &Plan { count: Some(2), ..plan() });
    let Err(Failure::Differs(Difference { message, offset, expected, received, fault })) =
        samples[1].end
    else {
        panic!("{samples:?}");
    };
    assert_eq!((message, offset, expected ^ received, fault), (1, 40, 1, Fault::Flipped));
    assert_eq!(out.tally.failed(FailureKind::Differs), 1);
}
