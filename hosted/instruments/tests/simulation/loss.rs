//! Messages that fail are slow, not absent: whatever is told of all messages counts them.

use std::time::Duration;

use echo_instruments::measurement::arrival::{Arrival, arrival};
use echo_instruments::measurement::percentiles::{MEDIAN, P99, percentile};
use echo_instruments::measurement::times::Times;
use echo_instruments::plan::{Pace, Plan};

use super::air::{Flown, Sent, echo, fly, udp};
use super::run::{MILLI, NANO, Run, TRIP, plan, run, served};
use super::server::{AT_ONCE, Answer, Behaviour, Door, ECHO};

/// The last of fifty on each connection is lost, after which another one is opened: two in a hundred.
const LOSSY: Behaviour = Behaviour {
    answer: |_, message| Answer { bytes: if message == 49 { 0 } else { 100 }, ..ECHO },
    ..AT_ONCE
};

#[test]
fn two_in_a_hundred_that_are_lost_are_the_slowest() {
    let within = vec![TRIP, TRIP - NANO];
    let plan = Plan { limit: Some(20 * MILLI), count: Some(1_000), within, ..plan() };
    let Run { out, .. } = run(served(LOSSY), &plan);
    assert_eq!((out.tally.echoed(), out.tally.failures()), (980, 20));
    // What came back came at once: of it alone p99 is as good as p50.
    assert_eq!([MEDIAN, P99].map(|n| percentile(&out.times, n)), [Some(TRIP); 2]);
    let all = [MEDIAN, 20, P99, 1_000, 10_000].map(|one_in| arrival(&out, &out.times, one_in));
    let (came, never) = (Some(Arrival::After(TRIP)), Some(Arrival::Never));
    assert_eq!(all, [came, came, never, never, None]);
    let shares: Vec<_> = out.within.iter().map(|within| within.share(&out)).collect();
    assert_eq!(shares, [Some(0.98), Some(0.0)]);
}

/// At the service of a planned rate is who waits for a connection, too.
#[test]
fn within_counts_the_response_and_to_the_nanosecond() {
    const SLOW: Behaviour = Behaviour { service: |_| 2 * MILLI, ..AT_ONCE };
    // It takes 5 ms and one is due in each 4 ms: each is later than the one before by 1 ms.
    let within = vec![5 * MILLI, 104 * MILLI - NANO, 104 * MILLI, Duration::from_secs(1)];
    let plan = Plan { pace: Pace::Rate(250.0), count: Some(400), within, ..plan() };
    let Run { out, .. } = run(served(SLOW), &plan);
    let messages: Vec<_> = out.within.iter().map(|within| within.messages(&out)).collect();
    assert_eq!(messages, [1, 99, 100, 400]);
}

/// While a message times out, and while a connection that was refused rests, others become due: that they are sent late is
/// none of the instrument's doing.
#[test]
fn what_waits_behind_a_failure_is_not_late_because_of_the_instrument() {
    const SELDOM: Behaviour = Behaviour {
        answer: |connection, _| Answer { bytes: [0, 100][connection % 2], ..ECHO },
        ..AT_ONCE
    };
    let door = Door::Refuses;
    for (server, connections) in [(LOSSY, 1), (SELDOM, 3), (Behaviour { door, ..AT_ONCE }, 1)] {
        let pace = Pace::Rate(250.0);
        let plan = Plan { pace, connections, limit: Some(40 * MILLI), count: Some(500), ..plan() };
        let Run { out, .. } = run(served(server), &plan);
        assert!(out.tally.failures() > 0, "{out:?}");
        assert!(out.late.as_ref().and_then(Times::slowest) > Some(30 * MILLI));
        assert_eq!(out.effort.map(|effort| effort.late), Some(0));
        let waited = out.spacing.and_then(|spacing| spacing.waited());
        assert!(waited > Some(0.01), "{waited:?}");
    }
}

/// A lost message stands where it was due, and to wait for the last ones is no part of the run.
#[test]
fn waiting_for_what_was_lost_changes_no_rate() {
    let (pace, limit) = (Pace::Rate(500.0), Some(5_000 * MILLI));
    let second = 1_000 * MILLI;
    let ends = [(Some(1_000), None), (None, Some(2 * second)), (Some(1_000), Some(60 * second))];
    for (count, time) in ends {
        let plan = Plan { pace, limit, count, time, ..udp() };
        let Flown { out, samples, .. } =
            fly(
                &plan,
                |sent: &Sent<'_>| {
                    if sent.number % 10 == 9 { Ok(Vec::new()) } else { echo(sent) }
                },
            );
        assert_eq!((out.tally.echoed(), out.tally.failures()), (900, 100));
        assert!(samples.iter().all(|sample| sample.due == 2 * MILLI * sample.message as u32));
        assert!(out.elapsed <= 2 * second + TRIP, "{:?}", out.elapsed);
        assert_eq!(out.messages_per_second(), Some(450.0));
        // So many were due until the end of each column.
        let per_column = out.timeline.column_width().as_secs_f64() * 50.0;
        let mut failures = 0;
        for (number, column) in out.timeline.columns().enumerate() {
            failures += column.failures();
            let due = ((number + 1) as f64 * per_column).min(100.0);
            assert!((failures as f64 - due).abs() <= 1.0, "{failures} of {due}");
        }
    }
}

/// Nor is it of a closed loop, once one of its connections has nothing more to do; as long as all of them have, they wait.
#[test]
fn a_connection_that_waits_alone_holds_up_no_rate() {
    /// Nothing comes back on the connection of this number from its tenth message on.
    const MUTE: Behaviour = Behaviour {
        answer: |connection, message| Answer {
            bytes: if connection == 3 && message >= 9 { 0 } else { 100 },
            ..ECHO
        },
        ..AT_ONCE
    };
    let (limit, second) = (Some(10_000 * MILLI), 1_000 * MILLI);
    // What is lost is begun after 27 ms; seven others go on.
    for (count, time, echoed, elapsed) in [
        (Some(7_000), None, 6_999, 999 * TRIP),
        (None, Some(3 * second), 7_009, 3 * second),
        (Some(7_000), Some(60 * second), 6_999, 999 * TRIP),
    ] {
        let plan = Plan { connections: 8, limit, count, time, ..plan() };
        let Run { out, .. } = run(served(MUTE), &plan);
        assert_eq!((out.tally.echoed(), out.tally.failures()), (echoed, 1), "{count:?} {time:?}");
        assert_eq!(out.elapsed, elapsed, "{count:?} {time:?}");
        // What the instrument did meanwhile is not divided by the time of the run.
        let longer = run(served(MUTE), &Plan { limit: Some(60 * second), ..plan }).out;
        let looks = [out, longer].map(|out| out.effort.map(|effort| effort.looks));
        assert_eq!(looks[0], looks[1]);
    }
    // The only connection: what it waits for is its time, whichever message it is.
    const LAST: Behaviour = Behaviour {
        answer: |_, message| Answer { bytes: if message == 9 { 0 } else { 100 }, ..ECHO },
        ..AT_ONCE
    };
    for count in [10, 11] {
        let plan = Plan { limit, count: Some(count), ..plan() };
        let Run { out, .. } = run(served(LAST), &plan);
        let waits = 9 * TRIP + 10 * second;
        // The one after it opens another connection.
        assert_eq!(out.elapsed, waits + (count - 10) as u32 * 2 * TRIP, "{count}");
    }
}
