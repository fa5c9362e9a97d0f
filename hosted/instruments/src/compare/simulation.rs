//! Pairs of runs whose truth is known: round trips that depend on each other, on a machine that is now faster,
//! now slower. Everything is made by seed, and no clock is read.

use std::time::Duration;

use super::{Value, changes};
use crate::made_up::recurring::Recurring;
use crate::measurement::{Measurement, Sample};
use crate::plan::Plan;
use crate::random::Random;
use crate::report::{self, Subject};

const PAIRS: u64 = 30;

/// The number of messages in a run.
const MESSAGES: u32 = 10_000;

/// The number of times that the machine changes its pace in a run.
const PHASES: u32 = 50;

#[test]
fn runs_of_the_same_program_are_rarely_told_apart() {
    for swing in [0.0, 0.3] {
        let alarms = (0..PAIRS).filter(|pair| worse(*pair, swing, 1.0)).count();
        assert!(alarms <= 2, "{alarms} of {PAIRS} pairs");
    }
}

#[test]
fn a_fifth_slower_is_found() {
    let found = (0..PAIRS).filter(|pair| worse(*pair, 0.05, 1.2)).count();
    assert!(found >= 28, "{found} of {PAIRS} pairs");
}

/// Whether the second run of a pair, which is slower by a factor, passes for worse in any way.
fn worse(pair: u64, swing: f64, factor: f64) -> bool {
    let (before, after) = (run(2 * pair, swing, 1.0), run(2 * pair + 1, swing, factor));
    let changes = changes(&before, &after).expect("numbers of runs");
    let judged = changes.iter().filter(|change| change.sure().is_some()).count();
    assert!(judged >= 4, "only {judged} numbers are known well enough");
    changes.iter().any(|change| change.is_worse(5.0))
}

/// The report of a closed loop on a machine whose pace scatters by `swing`.
fn run(seed: u64, swing: f64, factor: f64) -> Value {
    let mut random = Random(seed);
    let mut phase = Recurring::new(0.5, swing);
    let mut message = Recurring::new(0.9, 0.3);
    let mut measurement = Measurement::new();
    let mut at = Duration::ZERO;
    for number in 0..MESSAGES {
        if number % (MESSAGES / PHASES) == 0 {
            phase.step(&mut random);
        }
        message.step(&mut random);
        let took = Duration::from_secs_f64(70e-6 * factor * (phase.value + message.value).exp());
        at += took;
        measurement.record(&Sample::new(at, 0, Ok(took)));
    }
    measurement.elapsed = at;
    let plan = Plan::new();
    let subject = Subject {
        program: "hosted",
        command: "rate",
        name: String::new(),
        address: ([127, 0, 0, 1], 7).into(),
        sources: Vec::new(),
        payload: String::new(),
        plan: &plan,
    };
    report::json(&subject, &measurement)
}
