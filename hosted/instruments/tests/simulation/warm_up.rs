//! What starts in the warm-up is left out, and nothing else.

use std::time::Duration;

use echo_core::{Failure, FailureKind};
use echo_instruments::measurement::Ended;
use echo_instruments::plan::{Pace, Plan};

use super::air::{Flown, Sent, fly, udp};
use super::run::{MILLI, NATURE, Run, TRIP, plan, run, served};
use super::server::{AT_ONCE, Answer, Behaviour, ECHO};

const OMIT: Duration = Duration::from_secs(1);

#[test]
fn what_starts_before_its_end_is_left_out() {
    let run = run(NATURE, &Plan { omit: OMIT, count: Some(100), ..plan() });
    // The last of the warm-up begins at 999 ms and ends at 1002 ms.
    assert_eq!((run.out.omitted, run.out.tally.echoed()), (334, 100));
    assert_eq!(run.sent()[0], 2 * MILLI);
    assert_eq!(run.out.elapsed, 2 * MILLI + 100 * TRIP);
    assert_eq!((run.out.times.len(), run.samples.len()), (100, 100));
}

#[test]
fn what_starts_at_its_end_is_measured() {
    const FOUR: Behaviour = Behaviour { service: |_| MILLI, ..AT_ONCE };
    let run = run(served(FOUR), &Plan { omit: OMIT, count: Some(100), ..plan() });
    assert_eq!((run.out.omitted, run.sent()[0]), (250, Duration::ZERO));
    assert_eq!(run.out.elapsed, 400 * MILLI);
}

#[test]
fn a_server_that_is_slow_at_first_does_not_show() {
    const COLD: Behaviour =
        Behaviour { service: |number| if number < 50 { 17 * MILLI } else { MILLI }, ..AT_ONCE };
    let plan = Plan { omit: OMIT, time: Some(OMIT), ..plan() };
    let Run { out, .. } = run(served(COLD), &plan);
    assert_eq!((out.omitted, out.tally.echoed()), (50, 250));
    assert_eq!((out.times.fastest(), out.times.slowest()), (Some(4 * MILLI), Some(4 * MILLI)));
    assert_eq!((out.elapsed, out.messages_per_second()), (OMIT, Some(250.0)));
}

#[test]
fn a_schedule_goes_on_through_its_end() {
    for pace in [Pace::Rate(100.0), Pace::Interval(10 * MILLI)] {
        let omit = 995 * MILLI;
        let run = run(NATURE, &Plan { pace, omit, count: Some(50), ..plan() });
        assert_eq!(run.out.omitted, 100, "{pace:?}");
        let due = (0..50).map(|slot| 5 * MILLI + slot * 10 * MILLI);
        assert!(run.sent().into_iter().eq(due), "{pace:?}: {:?}", run.sent());
        assert_eq!(run.out.unsent, 0, "{pace:?}");
    }
}

/// A plan that was late in the warm-up owes nothing to the measurement but what was due in it.
#[test]
fn what_was_due_in_the_warm_up_is_sent_and_left_out() {
    const COLD: Behaviour = Behaviour {
        service: |number| if number == 0 { Duration::from_millis(1_047) } else { Duration::ZERO },
        ..AT_ONCE
    };
    let pace = Pace::Rate(100.0);
    let plan = Plan { pace, omit: OMIT, time: Some(OMIT), ..plan() };
    let Run { out, samples, .. } = run(served(COLD), &plan);
    // Of the warm-up 99 are due and late; they are sent one after another from 1050 ms on.
    assert_eq!((out.omitted, out.tally.echoed(), out.unsent), (100, 100, 0));
    assert_eq!(samples[0].late, (1_050 + 99 * 3 - 1_000) * MILLI);
}

#[test]
fn failures_are_left_out_too_unless_they_end_the_run() {
    const DEAF: Behaviour = Behaviour { answer: |_, _| Answer { bytes: 0, ..ECHO }, ..AT_ONCE };
    let limit = Some(20 * MILLI);
    let plan = Plan { limit, omit: 500 * MILLI, count: Some(2), ..plan() };
    let Run { out, .. } = run(served(DEAF), &plan);
    assert_eq!(out.tally.failed(FailureKind::TimedOut), 2);
    assert!(out.omitted > 0 && out.ended == Ended::AsPlanned);
    let Run { out, .. } = run(served(DEAF), &Plan { keep_going: false, ..plan });
    assert_eq!((out.omitted, out.tally.failures(), out.ended), (0, 1, Ended::Failed));
    let failure = Failure::TimedOut { received: 0, length: 100, whole: None };
    assert_eq!(out.incidents[0].failure, failure);
}

/// Nor does the run go on for the sake of one of them.
#[test]
fn a_late_echo_of_the_warm_up_makes_no_run_longer() {
    let omit = 20 * MILLI;
    for (count, time) in [(Some(10), None), (None, Some(10 * MILLI))] {
        let pace = Pace::Rate(1_000.0);
        let plan = Plan { pace, omit, count, time, limit: Some(Duration::from_secs(1)), ..udp() };
        let slow = |sent: &Sent<'_>| {
            Ok(vec![sent.echo(if sent.number == 5 { 500 * MILLI } else { TRIP })])
        };
        let Flown { out, .. } = fly(&plan, slow);
        assert_eq!((out.omitted, out.tally.echoed()), (20, 10));
        assert_eq!(out.elapsed, 9 * MILLI + TRIP, "{count:?} {time:?}");
    }
}
