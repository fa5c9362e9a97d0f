//! Who looks at a run, stops it, or keeps it from running.

use std::time::Duration;

use echo_instruments::measurement::Ended;
use echo_instruments::plan::{Pace, Plan};

use super::run::{MILLI, NATURE, Run, TRIP, plan, run, run_seen, served};
use super::server::{AT_ONCE, Answer, Behaviour, Door, ECHO, Item};
use super::world::Nature;

const TICK: Duration = Duration::from_millis(125);

#[test]
fn the_observer_looks_eight_times_a_second() {
    for pace in [Pace::Interval(100 * MILLI), Pace::Rate(10.0)] {
        let Run { looks, .. } =
            run(NATURE, &Plan { pace, connections: 8, time: Some(8 * TICK), ..plan() });
        assert!(looks.iter().copied().eq((1..=8).map(|tick| tick * TICK)), "{pace:?}: {looks:?}");
    }
    // A message that is in flight is let come back first.
    for connections in [1, 8] {
        let plan = Plan { connections, time: Some(8 * TICK), ..plan() };
        let Run { looks, .. } = run(NATURE, &plan);
        assert_eq!(looks.len(), 7, "{looks:?}");
        let pairs = looks.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(pairs.clone().all(|gap| (TICK..TICK + TRIP).contains(&gap)), "{looks:?}");
    }
}

/// Nor does it make the clock of the next one begin too soon.
#[test]
fn what_the_observer_does_is_not_part_of_a_round_trip() {
    for inside in [false, true] {
        for pace in [Pace::Closed, Pace::Interval(25 * MILLI), Pace::Rate(40.0)] {
            let nature = Nature { inside, ..NATURE };
            let plan = Plan { pace, time: Some(Duration::from_secs(2)), ..plan() };
            let Run { out, looks, .. } = run_seen(nature, &plan, &|_| (10 * MILLI, false));
            let what = format!("{pace:?}, inside {inside}");
            assert!(looks.len() > 10, "{what}");
            assert_eq!(
                (out.times.fastest(), out.times.slowest()),
                (Some(TRIP), Some(TRIP)),
                "{what}"
            );
        }
    }
}

/// Who waits for an echo that does not come is shown that.
#[test]
fn a_server_that_keeps_silent_is_looked_at_all_the_same() {
    const SLOW: Behaviour = Behaviour { service: |_| Duration::from_secs(10), ..AT_ONCE };
    for inside in [false, true] {
        let nature = Nature { inside, ..served(SLOW) };
        let Run { looks, .. } = run(nature, &Plan { count: Some(1), ..plan() });
        assert!((50..=80).contains(&looks.len()), "{}", looks.len());
    }
}

#[test]
fn who_still_waits_when_a_stop_is_asked_for_is_told_of() {
    const SLOW: Behaviour = Behaviour { service: |_| Duration::from_secs(10), ..AT_ONCE };
    for pace in [Pace::Closed, Pace::Rate(100.0)] {
        let plan = Plan { connections: 2, pace, ..plan() };
        let Run { out, looks, .. } =
            run_seen(served(SLOW), &plan, &|look| (Duration::ZERO, look == 3));
        assert_eq!((out.ended, out.tally.messages(), looks.len()), (Ended::Stopped, 0, 4));
        assert_eq!(out.elapsed, looks[3], "{pace:?}");
        let second = if pace == Pace::Closed { Duration::ZERO } else { 10 * MILLI };
        assert_eq!(out.under_way, [out.elapsed, out.elapsed - second], "{pace:?}");
        assert_eq!(out.longest_wait(), Some(out.elapsed), "{pace:?}");
    }
}

#[test]
fn a_stop_while_connections_are_opened_starts_no_message() {
    const SILENT: Behaviour = Behaviour { door: Door::Silent, ..AT_ONCE };
    for pace in [Pace::Closed, Pace::Interval(MILLI)] {
        let plan = Plan { connections: 20, pace, ..plan() };
        let Run { out, .. } = run_seen(served(SILENT), &plan, &|_| (Duration::ZERO, true));
        assert_eq!((out.under_way.len(), out.ended), (0, Ended::Stopped), "{pace:?}");
    }
}

/// For so long the process is stopped, as by Ctrl+Z.
const STOPPED: Duration = Duration::from_secs(5);

fn is_stopped_once(look: usize) -> (Duration, bool) {
    (if look == 0 { STOPPED } else { Duration::ZERO }, false)
}

#[test]
fn what_is_under_way_while_the_process_is_stopped_is_told_apart() {
    const SLOW: Behaviour = Behaviour { service: |_| 197 * MILLI, ..AT_ONCE };
    let trip = TRIP + 197 * MILLI;
    for (connections, pace) in [(1, Pace::Closed), (4, Pace::Closed), (1, Pace::Interval(MILLI))] {
        for (limit, keep_going) in [(None, true), (Some(2 * trip), true), (Some(2 * trip), false)] {
            // The limit is shorter than the stop: who lets the clock run finds it exceeded.
            let plan = Plan { connections, pace, limit, keep_going, count: Some(40), ..plan() };
            let Run { out, samples, .. } = run_seen(served(SLOW), &plan, &is_stopped_once);
            let what = format!("{connections} connections, {pace:?}, {limit:?}, {keep_going}");
            assert_eq!((out.tally.failures(), out.ended), (0, Ended::AsPlanned), "{what}");
            assert_eq!(
                (out.interrupted, out.tally.echoed()),
                (connections.into(), 40 - u64::from(connections)),
                "{what}"
            );
            assert_eq!(
                (out.times.fastest(), out.times.slowest()),
                (Some(trip), Some(trip)),
                "{what}"
            );
            assert_eq!(samples.iter().filter(|it| it.interrupted).count() as u64, out.interrupted);
            assert_eq!(out.stops.times, 1, "{what}");
            assert!(
                (STOPPED..STOPPED + 2 * TICK).contains(&out.stops.total),
                "{what}: {:?}",
                out.stops
            );
            // The run does not count the time.
            assert!(out.elapsed <= trip * 40 / u32::from(connections), "{what}: {:?}", out.elapsed);
        }
    }
}

/// What was due while nobody could send it comes later, each at its distance.
#[test]
fn the_schedule_stands_still_while_the_process_is_stopped() {
    for pace in [Pace::Rate(100.0), Pace::Interval(10 * MILLI)] {
        let plan = Plan { pace, time: Some(Duration::from_secs(1)), ..plan() };
        let Run { out, looks, samples, .. } = run_seen(NATURE, &plan, &is_stopped_once);
        let numbers = (out.tally.echoed(), out.tally.failures(), out.interrupted, out.unsent);
        assert_eq!(numbers, (100, 0, 0, 0), "{pace:?}");
        assert!(looks[1] >= STOPPED + 2 * TICK, "{pace:?}: the peer's time went on");
        assert!(samples.iter().all(|sample| sample.late.is_zero() && sample.end == Ok(TRIP)));
        assert!(
            samples.iter().zip(0..).all(|(sample, slot)| sample.at == slot * 10 * MILLI + TRIP)
        );
    }
}

/// A server with an idle limit closes meanwhile what the process has left alone.
#[test]
fn what_was_closed_while_the_process_is_stopped_is_opened_anew() {
    const LEAVES: Behaviour = Behaviour {
        service: |_| 197 * MILLI,
        answer: |connection, message| Answer {
            behind: if connection == 0 && message == 0 {
                Some((STOPPED.saturating_sub(TICK), Item::Fin))
            } else {
                None
            },
            ..ECHO
        },
        ..AT_ONCE
    };
    let plan = Plan { count: Some(10), keep_going: false, ..plan() };
    let Run { out, .. } = run_seen(served(LEAVES), &plan, &is_stopped_once);
    assert_eq!((out.tally.failures(), out.ended), (0, Ended::AsPlanned), "{:?}", out.incidents);
    assert_eq!((out.closed_while_idle, out.stops.times), (1, 1));
}
