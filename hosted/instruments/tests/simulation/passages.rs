//! Where the time goes, where every time is known.

use std::time::Duration;

use echo_instruments::plan::{Pace, Plan};

use super::run::{MICRO, MILLI, NANO, NATURE, Run, TRIP, plan, run, served};
use super::server::{AT_ONCE, Behaviour};
use super::world::Nature;

/// What the peer holds belongs to the way between the kernels, what this process takes to neither of them.
#[test]
fn each_part_is_what_was_planned() {
    const HOLDS: Behaviour = Behaviour { service: |_| 5 * MILLI, ..AT_ONCE };
    let (reading, sending, receiving) = (25 * NANO, 3 * MICRO, 7 * MICRO);
    let nature = Nature { costs: (reading, sending, receiving), ..served(HOLDS) };
    for pace in [Pace::Closed, Pace::Interval(50 * MILLI), Pace::Rate(20.0)] {
        let plan = Plan { follows: true, count: Some(200), pace, ..plan() };
        let Run { out, .. } = run(nature, &plan);
        let passages = out.passages.expect("asked for");
        // Waiting ends with a look at the clock, and so does the read.
        let parts = [
            (&passages.sending, sending),
            (&passages.away, TRIP + 5 * MILLI),
            (&passages.waking, receiving + 2 * reading),
            (&passages.whole, sending + TRIP + 5 * MILLI + receiving + 2 * reading),
        ];
        for (times, exact) in parts {
            assert_eq!((times.fastest(), times.slowest()), (Some(exact), Some(exact)), "{pace:?}");
        }
        assert_eq!((passages.lost, passages.error), (0, Duration::ZERO));
        // A message takes 8 ms: each second one is followed, 10 ms after the one before, or each.
        assert!(passages.whole.len() >= 99, "{pace:?}: {}", passages.whole.len());
        // To follow a message is not part of it, nor of any other.
        assert_eq!(
            (out.times.fastest(), out.times.slowest()),
            (parts[3].0.fastest(), parts[3].0.slowest())
        );
    }
}

#[test]
fn a_fast_load_is_followed_in_one_message_of_a_hundred() {
    let nature = Nature { way: (20 * MICRO, 20 * MICRO), ..NATURE };
    let Run { out, .. } = run(nature, &Plan { follows: true, count: Some(50_000), ..plan() });
    let followed = out.passages.expect("asked for").whole.len();
    // One in each 10 ms would be 200.
    assert!((400..700).contains(&followed), "{followed}");
}

#[test]
fn who_cannot_follow_says_why_and_measures_all_the_same() {
    let inside = Nature { inside: true, ..NATURE };
    let Run { out, .. } = run(inside, &Plan { follows: true, count: Some(50), ..plan() });
    let passages = out.passages.expect("asked for");
    assert_eq!(passages.unseen.as_deref(), Some("nobody looks inside"));
    assert_eq!((passages.whole.len(), out.times.len(), out.times.slowest()), (0, 50, Some(TRIP)));
    let Run { out, .. } = run(NATURE, &Plan { count: Some(50), ..plan() });
    assert!(out.passages.is_none(), "nobody asked");
}
