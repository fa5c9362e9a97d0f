//! Whether a run is one distribution, on the load loop: a server that stays as it is, and one that does not.

use std::time::Duration;

use echo_instruments::measurement::Measurement;
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::report::{Layout, Subject, text};
use echo_instruments::stack::Placement;

use super::run::{MILLI, Run, plan, run, served};
use super::server::{AT_ONCE, Behaviour};
use super::world::{BEGINNING, Nature};

/// Echoes at once from the 1000th message on.
const CHANGES: Behaviour = Behaviour {
    service: |number| if number < 1_000 { 4 * MILLI } else { Duration::ZERO },
    ..AT_ONCE
};

/// The line that says that a run is not one distribution.
fn told(out: &Measurement, plan: &Plan) -> Option<String> {
    let subject = Subject {
        program: "hosted",
        command: "rate",
        name: String::new(),
        address: ([127, 0, 0, 1], 7).into(),
        sources: Vec::new(),
        payload: String::new(),
        labels: &[],
        hosts: None,
        plan,
    };
    let report = text(&subject, out, Layout::default());
    report.lines().find(|line| line.starts_with("not one distribution")).map(str::to_owned)
}

#[test]
fn a_server_that_stays_as_it_is_is_one_distribution() {
    /// Pseudo-random, up to 8 ms.
    const VARIES: Behaviour = Behaviour {
        service: |number| {
            Duration::from_nanos((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 41)
        },
        ..AT_ONCE
    };
    for server in [AT_ONCE, VARIES] {
        for pace in [Pace::Closed, Pace::Interval(20 * MILLI), Pace::Rate(50.0)] {
            let plan = Plan { pace, count: Some(2_000), ..plan() };
            let Run { out, .. } = run(served(server), &plan);
            assert_eq!(told(&out, &plan), None, "{pace:?}");
        }
    }
}

#[test]
fn a_server_that_changes_is_told_with_the_time_when_it_did() {
    let plan = Plan { count: Some(3_000), ..plan() };
    let Run { out, .. } = run(served(CHANGES), &plan);
    // A thousand messages of 7 ms each; a column is 67 ms wide.
    let line = "not one distribution: p50 7.00 ms until 6.98 s, 3.00 ms after";
    assert_eq!(told(&out, &plan).as_deref(), Some(line));
}

#[test]
fn the_reason_is_told_where_both_ends_have_moved() {
    let together = Nature {
        placed: |at| {
            let before = at.saturating_sub(BEGINNING) < Duration::from_secs(7);
            Some(if before { Placement::Apart } else { Placement::Together })
        },
        ..served(CHANGES)
    };
    let apart = Nature {
        placed: |at| {
            let before = at.saturating_sub(BEGINNING) < Duration::from_secs(7);
            Some(if before { Placement::Together } else { Placement::Apart })
        },
        ..served(CHANGES)
    };
    let always = Nature { placed: |_| Some(Placement::Apart), ..served(CHANGES) };
    for (nature, reason) in [
        (together, " after (both ends share one processor since then)"),
        (apart, " after (both ends shared one processor until then)"),
        (always, " ms after"),
    ] {
        let plan = Plan { count: Some(3_000), ..plan() };
        let told = told(&run(nature, &plan).out, &plan).expect("it changes");
        assert!(told.ends_with(reason), "{told}");
    }
}
