//! Coordinated omission: a stall of the server delays one message of a closed loop, and all those
//! that would have been sent meanwhile are never asked. A planned rate asks them.

use std::time::Duration;

use echo_instruments::plan::{Pace, Plan};

use super::run::{MILLI, NATURE, Run, START, TRIP, plan, run, served};
use super::server::{AT_ONCE, Behaviour};
use super::world::Nature;

const STALL: Duration = Duration::from_millis(500);

/// A stall from one second after the load began.
const STALLS: Nature = Nature {
    server: Behaviour {
        stall: Some((START.saturating_add(Duration::from_secs(1)), STALL)),
        ..AT_ONCE
    },
    ..NATURE
};

#[test]
fn a_closed_loop_meets_a_stall_once() {
    let Run { out, .. } = run(STALLS, &Plan { count: Some(1_000), ..plan() });
    // Message 333 is sent at 999 ms, arrives at the very beginning of the stall.
    assert_eq!(out.times.slowest(), Some(TRIP + STALL));
    assert_eq!(out.times.mean(), Some((TRIP * 1_000 + STALL) / 1_000));
    assert_eq!(out.elapsed, TRIP * 1_000 + STALL);
}

/// Whoever was due within the stall waits for its end, however fast its own echo was.
#[test]
fn a_stall_is_felt_by_all_who_were_due() {
    let pace = Pace::Rate(200.0);
    let Run { out, samples, .. } = run(STALLS, &Plan { pace, count: Some(600), ..plan() });
    let mut free = Duration::ZERO;
    for (slot, sample) in (0..).zip(&samples) {
        let due = slot * 5 * MILLI;
        let sent = free.max(due);
        // Number 200 is the one that arrives during the stall, 1 ms after it began.
        let took = if slot == 200 { TRIP + STALL - MILLI } else { TRIP };
        free = sent + took;
        assert_eq!((sample.late, sample.end, sample.at), (sent - due, Ok(took), free), "{slot}");
    }
    // In service time it is one message; in response time each of them.
    assert_eq!((out.times.slowest(), out.unsent), (Some(TRIP + STALL - MILLI), 0));
    assert_eq!(samples.iter().filter(|sample| sample.end != Ok(TRIP)).count(), 1);
    assert_eq!(samples.iter().filter(|sample| !sample.late.is_zero()).count(), 249);
    let response = out.response.as_ref().expect("a planned rate has response times");
    assert_eq!(response.slowest(), Some(TRIP + STALL - MILLI));
    let late = out.late.as_ref().expect("a planned rate may be late");
    assert_eq!(late.slowest(), Some(TRIP + STALL - 6 * MILLI));
    let means = (out.times.mean(), late.mean(), response.mean());
    assert_eq!(means.2, Some(means.0.expect("some") + means.1.expect("some") + rounding(&means)));
}

/// Means are cut to whole nanoseconds.
fn rounding(means: &(Option<Duration>, Option<Duration>, Option<Duration>)) -> Duration {
    let (Some(times), Some(late), Some(response)) = *means else { return Duration::MAX };
    let rest = response.saturating_sub(times + late);
    assert!(rest <= Duration::from_nanos(1), "{means:?}");
    rest
}

/// With connections enough nothing waits at home: the stall is in the round trips themselves.
#[test]
fn many_connections_wait_at_the_server_instead() {
    let pace = Pace::Rate(200.0);
    let plan = Plan { pace, connections: 8, count: Some(600), ..plan() };
    let Run { out, samples, .. } = run(STALLS, &plan);
    let felt = |slot: u32| {
        let arrives = slot * 5 * MILLI + MILLI;
        let stalled = (1_000 * MILLI..1_500 * MILLI).contains(&arrives);
        TRIP + if stalled { 1_500 * MILLI - arrives } else { Duration::ZERO }
    };
    // Eight are in flight until the end of the stall.
    let mut first: Vec<_> = samples.iter().filter_map(|it| it.end.ok()).collect();
    first.retain(|time| *time > TRIP);
    first.sort_unstable();
    let mut planned: Vec<_> = (200..208).map(felt).collect();
    planned.sort_unstable();
    assert_eq!(first, planned);
    assert_eq!(out.response.expect("a rate").slowest(), Some(felt(200)));
    assert_eq!(out.times.fastest(), Some(TRIP));
}

/// A server that serves slower for everybody is not a stall.
#[test]
fn a_slow_server_is_not_late() {
    const SLOW: Behaviour = Behaviour { service: |_| 2 * MILLI, ..AT_ONCE };
    let pace = Pace::Rate(200.0);
    let Run { out, .. } = run(served(SLOW), &Plan { pace, count: Some(600), ..plan() });
    assert_eq!(out.response.expect("a rate").slowest(), Some(TRIP + 2 * MILLI));
    assert_eq!(out.late.expect("a rate").slowest(), Some(Duration::ZERO));
}
