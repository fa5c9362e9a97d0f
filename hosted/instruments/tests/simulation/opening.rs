//! Opening connections: before the load, or as a part of each message.

use std::time::Duration;

use echo_core::Failure;
use echo_instruments::measurement::Ended;
use echo_instruments::plan::{Pace, Plan};

use super::run::{MICRO, MILLI, NANO, NATURE, Run, TRIP, WAY, plan, run, served};
use super::server::{AT_ONCE, Answer, Behaviour, Door, ECHO};
use super::world::{BEGINNING, Nature};

#[test]
fn a_connection_per_message_is_part_of_it_and_told_apart() {
    const WORKS: Behaviour = Behaviour { service: |_| 4 * MILLI, ..AT_ONCE };
    for (connections, pace) in [
        (1, Pace::Closed),
        (5, Pace::Closed),
        (1, Pace::Rate(50.0)),
        // What was due before is late, which is no part of opening.
        (1, Pace::Rate(1_000.0)),
    ] {
        let plan = Plan { per_message: true, connections, pace, count: Some(100), ..plan() };
        let Run { out, samples, accepted, .. } = run(served(WORKS), &plan);
        let what = format!("{connections} connections, {pace:?}");
        assert_eq!((out.tally.echoed(), accepted), (100, 100), "{what}");
        let each = Some((Some(TRIP), Ok(2 * TRIP + 4 * MILLI)));
        let seen = samples.iter().map(|sample| Some((sample.connecting, sample.end)));
        assert!(seen.clone().all(|seen| seen == each), "{what}: {samples:?}");
        let connecting = out.connecting.expect("asked for");
        assert_eq!((connecting.len(), connecting.mean()), (100, Some(TRIP)), "{what}");
        if pace == Pace::Closed {
            assert_eq!(out.elapsed, 100 / u32::from(connections) * 10 * MILLI, "{what}");
        }
    }
}

/// The first was opened to see whether anybody is there: it is the first message's.
#[test]
fn a_connection_that_was_ready_is_part_of_the_first_message() {
    let took = 7 * MILLI;
    let nature = Nature { ready: Some(took), ..NATURE };
    let run = run(nature, &Plan { per_message: true, count: Some(3), ..plan() });
    let connecting: Vec<_> = run.samples.iter().filter_map(|sample| sample.connecting).collect();
    assert_eq!(connecting, [took, TRIP, TRIP]);
    assert_eq!(run.times(), [took + TRIP, 2 * TRIP, 2 * TRIP]);
    // The run did not begin before.
    assert_eq!((run.out.elapsed, run.accepted), (5 * TRIP, 3));
}

/// Of connections that are kept, opening is no part of any message, not even after a failure.
#[test]
fn opening_anew_is_no_part_of_a_round_trip() {
    const LOSES: Behaviour = Behaviour {
        answer: |_, message| if message == 4 { Answer { bytes: 99, ..ECHO } } else { ECHO },
        ..AT_ONCE
    };
    let plan = Plan { limit: Some(10 * MILLI), count: Some(50), ..plan() };
    let Run { out, accepted, .. } = run(served(LOSES), &plan);
    assert_eq!((out.tally.echoed(), out.tally.failures(), accepted), (40, 10, 10));
    assert_eq!((out.times.fastest(), out.times.slowest()), (Some(TRIP), Some(TRIP)));
    assert_eq!(out.elapsed, 40 * TRIP + 10 * 10 * MILLI + 9 * TRIP);
}

#[test]
fn a_connection_may_take_as_long_as_a_message() {
    for (limit, opens) in [(TRIP - NANO, false), (TRIP, true)] {
        let plan = Plan { limit: Some(limit), count: Some(1), per_message: true, ..plan() };
        let Run { out, samples, .. } = run(NATURE, &plan);
        // With a connection of its own a message needs two round trips: it never comes in time.
        let failure = Failure::TimedOut { received: 0, length: 100, whole: None };
        assert_eq!((out.tally.failures(), samples[0].end), (1, Err(failure)), "{limit:?}");
        assert_eq!((samples[0].at, samples[0].connecting.is_some()), (limit, opens), "{limit:?}");
        assert_eq!(out.incidents[0].unopened, !opens, "{limit:?}");
    }
}

#[test]
fn who_is_not_answered_gives_up_at_the_limit() {
    const SILENT: Behaviour = Behaviour { door: Door::Silent, ..AT_ONCE };
    for per_message in [false, true] {
        for connections in [1, 3] {
            let limit = 50 * MILLI;
            let count = Some(2 * u64::from(connections));
            let plan = Plan { limit: Some(limit), count, connections, per_message, ..plan() };
            let Run { out, samples, .. } = run(served(SILENT), &plan);
            let what = format!("{connections} connections, one per message: {per_message}");
            let failure = Failure::TimedOut { received: 0, length: 100, whole: None };
            assert!(samples.iter().all(|sample| sample.end == Err(failure)), "{what}");
            assert!(out.incidents.iter().all(|incident| incident.unopened), "{what}");
            let ended = samples.iter().map(|sample| sample.at);
            let each = usize::from(connections);
            let planned = [limit, 2 * limit].into_iter().flat_map(|at| vec![at; each]);
            assert!(ended.clone().eq(planned), "{what}: {samples:?}");
            assert_eq!(out.elapsed, 2 * limit, "{what}");
        }
    }
}

#[test]
fn who_is_refused_tries_again_after_a_rest() {
    const REFUSES: Behaviour = Behaviour { door: Door::Refuses, ..AT_ONCE };
    for per_message in [false, true] {
        let plan = Plan { count: Some(5), per_message, ..plan() };
        let Run { out, samples, .. } = run(served(REFUSES), &plan);
        assert!(samples.iter().all(|sample| sample.end == Err(Failure::Refused)));
        let planned = (0..5).map(|turn| TRIP + turn * (100 * MILLI + TRIP));
        assert!(samples.iter().map(|sample| sample.at).eq(planned), "{samples:?}");
        let Run { out: ended, .. } = run(served(REFUSES), &Plan { keep_going: false, ..plan });
        assert_eq!((ended.tally.failures(), ended.ended), (1, Ended::Failed));
        assert_eq!((ended.elapsed, out.ended), (TRIP, Ended::AsPlanned));
    }
}

/// Few are begun at once, so a backlog that is short loses few, and nobody waits for the system to ask again.
#[test]
fn a_short_backlog_is_not_overrun() {
    for backlog in [1, 5, 128] {
        let door = Door::Open { each: 50 * MICRO, backlog };
        let plan = Plan { connections: 200, count: Some(200), ..plan() };
        let Run { out, accepted, looks, .. } = run(served(Behaviour { door, ..AT_ONCE }), &plan);
        assert_eq!((out.tally.echoed(), out.tally.failures()), (200, 0), "{backlog}");
        // Who is not accepted yet waits for that, and no longer.
        assert!(out.times.slowest() < Some(TRIP + 200 * 50 * MICRO), "{backlog}");
        assert!((200..400).contains(&accepted) && looks.is_empty(), "{backlog}: {accepted}");
    }
}

/// What a server that does nothing at first makes wait is no message.
#[test]
fn connections_are_open_before_the_load_begins() {
    const LATE: Behaviour =
        Behaviour { stall: Some((BEGINNING, Duration::from_secs(2))), ..AT_ONCE };
    let Run { out, .. } = run(served(LATE), &Plan { connections: 3, count: Some(30), ..plan() });
    // The system answers for it: only the messages themselves are made to wait.
    assert_eq!(out.times.fastest(), Some(TRIP));
    assert_eq!(out.times.slowest(), Some(2_000 * MILLI - TRIP + WAY.1));
}
