//! Intervals and rates: each message is sent when it is due, and what is not is reported.

use std::time::Duration;

use echo_instruments::measurement::times::Times;
use echo_instruments::plan::{Pace, Plan};

use super::run::{MILLI, NANO, NATURE, Run, TRIP, plan, run, served};
use super::server::{AT_ONCE, Behaviour};

const SECOND: Duration = Duration::from_secs(1);

fn longest(times: Option<&Times>) -> Option<Duration> {
    times.and_then(Times::slowest)
}

#[test]
fn messages_are_sent_when_they_are_due_and_no_error_adds_up() {
    // A third of a second is no whole number of nanoseconds.
    for (pace, connections, gap) in [
        (Pace::Interval(20 * MILLI), 1, 0.02),
        (Pace::Interval(40 * MILLI), 4, 0.01),
        (Pace::Rate(3.0), 1, 1.0 / 3.0),
        (Pace::Rate(700.0), 5, 1.0 / 700.0),
    ] {
        let run = run(NATURE, &Plan { pace, connections, count: Some(2_000), ..plan() });
        let what = format!("{pace:?}, {connections} connections");
        for (slot, sent) in (0..).zip(run.sent()) {
            let due = Duration::from_secs_f64(f64::from(slot) * gap);
            assert!(sent.abs_diff(due) <= NANO, "{what}: {slot} at {sent:?}");
        }
        let turns = run.samples.iter().map(|sample| sample.connection);
        assert!(turns.eq((0..connections.into()).cycle().take(2_000)), "{what}");
        let out = &run.out;
        assert_eq!((out.times.fastest(), out.times.slowest()), (Some(TRIP), Some(TRIP)), "{what}");
        assert_eq!(longest(out.late.as_ref()), Some(Duration::ZERO), "{what}");
        assert_eq!((out.late.as_ref().map(Times::len), out.unsent), (Some(2_000), 0), "{what}");
        let last = Duration::from_secs_f64(1_999.0 * gap);
        assert!(out.elapsed.abs_diff(last + TRIP) <= NANO, "{what}: {:?}", out.elapsed);
        let response = matches!(pace, Pace::Rate(_)).then_some(TRIP);
        assert_eq!(longest(out.response.as_ref()), response, "{what}");
    }
}

/// A server that needs 3 ms is asked once in each 2 ms: each message is 1 ms later than the one before.
#[test]
fn a_rate_that_cannot_be_kept_is_late_and_says_what_was_not_sent() {
    let pace = Pace::Rate(500.0);
    let plan = Plan { pace, time: Some(3 * SECOND), ..plan() };
    let Run { out, samples, unsent, looks, .. } = run(NATURE, &plan);
    assert_eq!((out.tally.echoed(), out.unsent, out.elapsed), (1_000, 500, 3 * SECOND));
    // It is seen to fall behind: by one message in each 6 ms.
    assert!(looks.len() > 15, "{looks:?}");
    for (at, unsent) in looks.iter().zip(unsent) {
        let behind = at.as_millis() as u64 / 6;
        assert!(behind.abs_diff(unsent) <= 1, "{unsent} at {at:?}");
    }
    assert_eq!(out.unsent_rate(), Some(1.0 / 3.0));
    for (slot, sample) in (0..).zip(&samples) {
        assert_eq!((sample.late, sample.end), (slot * MILLI, Ok(TRIP)));
    }
    assert_eq!(out.times.mean(), Some(TRIP));
    let response = out.response.expect("a planned rate has response times");
    assert_eq!(response.mean(), Some(TRIP + 999 * MILLI / 2));
    assert_eq!(response.slowest(), Some(TRIP + 999 * MILLI));
}

/// The last message of a schedule stands for its whole slot.
#[test]
fn a_short_run_is_no_faster_than_its_schedule() {
    for (pace, count, connections) in [
        (Pace::Rate(10.0), 1, 1),
        (Pace::Rate(10.0), 2, 1),
        (Pace::Rate(10.0), 7, 3),
        (Pace::Interval(100 * MILLI), 2, 1),
        (Pace::Interval(SECOND), 25, 10),
    ] {
        let Run { out, .. } =
            run(NATURE, &Plan { pace, count: Some(count), connections, ..plan() });
        assert_eq!(out.tally.echoed(), count);
        let rate = out.messages_per_second().expect("a rate");
        assert!((rate - 10.0).abs() < 1e-6, "{pace:?}, {count}: {rate}");
        assert!(out.elapsed < out.scheduled, "nobody waits for the end of it");
    }
    let served = Plan { pace: Pace::Rate(500.0), count: Some(10), ..plan() };
    let Run { out, .. } = run(NATURE, &served);
    assert_eq!(out.elapsed, 10 * TRIP, "a server that is slower");
    let rate = out.messages_per_second().expect("a rate");
    assert!((rate - 1_000.0 / 3.0).abs() < 1e-6, "{rate}");
}

/// An interval leaves out what is due while another is in flight, and stays on its grid.
#[test]
fn an_interval_that_cannot_be_kept_leaves_out() {
    let pace = Pace::Interval(2 * MILLI);
    let run = run(NATURE, &Plan { pace, time: Some(3 * SECOND), ..plan() });
    // One in two is sent: as soon as the one before has ended, which is 1 ms after it was due.
    assert!(run.samples[1..].iter().all(|sample| sample.late == MILLI || sample.late.is_zero()));
    assert!(run.times().iter().all(|time| *time == TRIP));
    assert_eq!(run.out.tally.messages() + run.out.unsent, 1_500);
    assert!(run.out.response.is_none());
}

#[test]
fn only_what_was_asked_for_and_measured_can_be_left_unsent() {
    const SLOW: Behaviour = Behaviour { service: |_| 97 * MILLI, ..AT_ONCE };
    for (pace, omit, count, due) in [
        (Pace::Rate(1e6), Duration::ZERO, None, 1_000_000),
        (Pace::Rate(1e6), SECOND, None, 1_000_000),
        (Pace::Rate(1e6), Duration::ZERO, Some(1_000), 1_000),
        (Pace::Interval(MILLI), Duration::ZERO, None, 1_000),
    ] {
        let plan = Plan { pace, omit, count, time: Some(SECOND), ..plan() };
        let Run { out, .. } = run(served(SLOW), &plan);
        let what = format!("{pace:?}, {omit:?}, {count:?}");
        assert_eq!(out.tally.messages() + out.unsent, due, "{what}");
        assert!(out.tally.messages() <= 10, "{what}");
    }
}
