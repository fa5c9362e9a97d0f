//! How often the intervals hold the truth, on runs whose truth is known: closed loops whose round trips follow each
//! other, from not at all to closely, recorded as in a run. Everything is made by seed, and no clock is read.

use std::time::Duration;

use super::blocks::Blocks;
use super::percentiles::{MEDIAN, P99};
use super::{Measurement, Sample};
use crate::made_up::recurring::Recurring;
use crate::random::Random;

/// The number of messages in a run: of those that follow each other most closely, 500 independent ones tell as much.
const MESSAGES: u32 = 10_000;

const USUAL: f64 = 70_000.0;

/// Enough to know a coverage of 95 % to 1.8 %.
const RUNS: u64 = 150;

#[test]
fn of_independent_round_trips() {
    assert_holds(0.0, RUNS, 0.038);
}

#[test]
fn of_round_trips_that_follow_each_other() {
    assert_holds(0.5, RUNS, 0.038);
}

#[test]
fn of_round_trips_that_follow_each_other_closely() {
    assert_holds(0.9, RUNS, 0.038);
}

/// The same with so many runs that a coverage of 95 % is known to 0.35 %: within 2 % of 95 % is what is claimed.
#[test]
#[ignore = "takes minutes"]
fn of_all_to_a_third_of_a_per_cent() {
    for memory in [0.0, 0.3, 0.5, 0.7, 0.9] {
        assert_holds(memory, 4_000, 0.02);
    }
}

/// What the blocks are for: as if round trips were independent, intervals would hold the truth in less than half of
/// such runs.
#[test]
fn without_blocks_they_would_seldom_hold_it() {
    let mean = USUAL * (SPREAD * SPREAD / 2.0).exp();
    let held = (0..100).filter(|seed| {
        let times = run(*seed, 0.9).times;
        let nanos = |time: Option<Duration>| time.expect("times").as_nanos() as f64;
        let half = 1.96 * nanos(times.deviation()) / (times.len() as f64).sqrt();
        (nanos(times.mean()) - mean).abs() <= half
    });
    assert!(held.count() < 50);
}

/// Runs of round trips whose logarithms have this `memory`, that is autocorrelation: the intervals of 95 % hold the
/// truth in 95 % of them, up to so much.
fn assert_holds(memory: f64, runs: u64, off: f64) {
    let mean = USUAL * (SPREAD * SPREAD / 2.0).exp();
    // One in a hundred of a normal distribution is 2.326 deviations above its mean.
    let truth = [mean, USUAL, USUAL * (SPREAD * 2.326_348).exp(), 1e9 / mean];
    let mut held = [(0_u32, 0_u32); 4];
    for seed in 0..runs {
        let run = run(seed, memory);
        let blocks = Blocks::of(&run).expect("long enough");
        let nanos =
            |ends: Option<[Duration; 2]>| ends.map(|ends| ends.map(|end| end.as_nanos() as f64));
        let [p50, p99] = [MEDIAN, P99].map(|one_in| nanos(blocks.percentile(one_in)));
        let ends = [nanos(blocks.mean()), p50, p99, blocks.messages_per_second()];
        for (((all, held), ends), truth) in held.iter_mut().zip(ends).zip(truth) {
            let Some([low, high]) = ends else { continue };
            *all += 1;
            *held += u32::from(low <= truth && truth <= high);
        }
    }
    for ((all, held), name) in held.into_iter().zip(["mean", "p50", "p99", "rate"]) {
        let share = f64::from(held) / f64::from(all);
        assert!(u64::from(all) >= runs / 2, "{name}: only {all} runs have an interval");
        assert!((share - 0.95).abs() <= off, "{name}, memory {memory}: {held} of {all} hold it");
    }
}

/// The deviation of the logarithm of a round trip.
const SPREAD: f64 = 0.3;

fn run(seed: u64, memory: f64) -> Measurement {
    let mut random = Random(seed);
    let mut level = Recurring::new(memory, SPREAD).begun(&mut random);
    let mut out = Measurement::new();
    for _ in 0..MESSAGES {
        level.step(&mut random);
        let took = Duration::from_nanos((USUAL * level.value.exp()) as u64);
        out.elapsed += took;
        out.record(&Sample::new(out.elapsed, 0, Ok(took)));
    }
    out
}
