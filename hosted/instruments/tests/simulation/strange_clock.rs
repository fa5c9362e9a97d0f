//! Clocks that do not go as clocks go: one that stands still, and one that jumps by days.

use std::time::Duration;

use echo_instruments::measurement::Ended;
use echo_instruments::plan::{Pace, Plan};

use super::run::{MILLI, NATURE, Run, TRIP, plan, run, run_seen};
use super::world::Nature;

const DAYS: Duration = Duration::from_secs(3 * 86_400);

/// Nothing takes any time, and the clock cannot be seen to move.
#[test]
fn a_clock_that_stands_still_ends_with_the_count_and_makes_no_rate() {
    let nature = Nature { way: (Duration::ZERO, Duration::ZERO), ..NATURE };
    for connections in [1, 4] {
        for limit in [None, Some(MILLI)] {
            let plan = Plan { connections, limit, count: Some(1000), ..plan() };
            let Run { out, looks, .. } = run(nature, &plan);
            assert_eq!((out.tally.echoed(), out.tally.failures()), (1000, 0));
            assert_eq!(
                (out.ended, out.elapsed, looks.len()),
                (Ended::AsPlanned, Duration::ZERO, 0)
            );
            assert_eq!((out.messages_per_second(), out.times.mean()), (None, Some(Duration::ZERO)));
        }
    }
}

/// As after each night of a machine that sleeps: the run is as long as was planned, and no
/// round trip, no schedule and no limit knows of the nights.
#[test]
fn a_clock_that_jumps_by_days_again_and_again_is_left_out() {
    let sleeps = |look: usize| (if look < 4 { DAYS } else { Duration::ZERO }, false);
    for pace in [Pace::Closed, Pace::Rate(100.0), Pace::Interval(10 * MILLI)] {
        let time = Duration::from_secs(2);
        let plan = Plan { pace, limit: Some(50 * MILLI), time: Some(time), ..plan() };
        let Run { out, .. } = run_seen(NATURE, &plan, &sleeps);
        assert_eq!((out.tally.failures(), out.unsent, out.ended), (0, 0, Ended::AsPlanned));
        assert_eq!((out.times.fastest(), out.times.slowest()), (Some(TRIP), Some(TRIP)));
        assert_eq!(out.stops.times, 4, "{pace:?}");
        assert!(out.stops.total >= 4 * DAYS && out.stops.total < 4 * DAYS + time, "{pace:?}");
        assert!(out.elapsed >= time && out.elapsed <= time + 2 * TRIP, "{:?}", out.elapsed);
        let planned = if pace == Pace::Closed { 640 } else { 200 };
        assert!(
            (planned - 4..=planned + 30).contains(&out.tally.echoed()),
            "{}",
            out.tally.echoed()
        );
    }
}
