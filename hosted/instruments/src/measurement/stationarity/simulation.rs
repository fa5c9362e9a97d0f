//! Runs whose truth is known: how often one distribution is called several, and several one. Everything is made by
//! seed, and no clock is read.

use std::time::Duration;

use super::{Stationarity, stationarity};
use crate::made_up::recurring::Recurring;
use crate::measurement::{Measurement, Sample};
use crate::random::Random;

/// A closed loop of so many round trips around so many nanoseconds, by how much of the run is over.
fn run(
    seed: u64,
    messages: u32,
    memory: f64,
    usual: impl Fn(f64, &mut Random) -> f64,
) -> Measurement {
    let mut random = Random(seed);
    let mut level = Recurring::new(memory, 0.3).begun(&mut random);
    let mut out = Measurement::new();
    for number in 0..messages {
        level.step(&mut random);
        let over = f64::from(number) / f64::from(messages);
        let took = usual(over, &mut random) * level.value.exp();
        let took = Duration::from_nanos(took as u64);
        out.elapsed += took;
        out.record(&Sample::new(out.elapsed, 0, Ok(took)));
    }
    out
}

/// How many of so many runs are called several distributions.
fn alarms(runs: u64, run: impl Fn(u64) -> Measurement) -> usize {
    let is_one = |seed: &u64| {
        let told = stationarity(&run(*seed)).expect("long enough");
        told == Stationarity::One
    };
    (0..runs).filter(|seed| !is_one(seed)).count()
}

/// Where the sample is smallest, chance makes most: with 10 000 messages none of 1000 runs was called several.
#[test]
fn white_noise_is_one_distribution() {
    let found = alarms(1_000, |seed| run(seed, 1_300, 0.0, |_, _| 70e3));
    assert!(found <= 10, "{found} of 1000");
}

#[test]
fn two_modes_by_chance_are_one_distribution() {
    let found = alarms(200, |seed| {
        run(seed, 1_300, 0.0, |_, random| if random.uniform() < 0.5 { 15e3 } else { 70e3 })
    });
    assert!(found <= 3, "{found} of 200");
}

#[test]
fn round_trips_that_follow_each_other_are_one_distribution() {
    for (memory, messages) in [(0.5, 1_300), (0.9, 3_000)] {
        let found = alarms(200, |seed| run(seed, messages, memory, |_, _| 70e3));
        assert!(found <= 4, "{found} of 200 at {memory}");
    }
}

/// Half of the messages are of each sort; in time, the second is a fifth as long. All are found, within 2 % of the run.
#[test]
fn a_change_is_found_where_it_is() {
    for memory in [0.0, 0.9] {
        for seed in 0..20 {
            let run = run(seed, 3_000, memory, |over, _| if over < 0.5 { 70e3 } else { 15e3 });
            let Some(Stationarity::Changed { at, parts: [before, after], reason: None }) =
                stationarity(&run)
            else {
                panic!("seed {seed}, memory {memory}: {:?}", stationarity(&run))
            };
            // The same seed makes the same first half.
            let truth = self::run(seed, 1_500, memory, |_, _| 70e3).elapsed;
            let off = at.abs_diff(truth).div_duration_f64(run.elapsed);
            assert!(off < 0.02, "seed {seed}, memory {memory}: {at:?}, not {truth:?}");
            let off = [(before.p50, 70e3), (after.p50, 15e3)];
            let off = off.map(|(told, truth)| (told.as_nanos() as f64 / truth - 1.0).abs());
            assert!(off.iter().all(|off| *off < 0.25), "{before:?} {after:?}");
        }
    }
}

/// A fifth slower, among times that differ by 30 % themselves: found in at least 19 of 20.
#[test]
fn a_small_change_is_found() {
    let found =
        alarms(20, |seed| run(seed, 5_000, 0.0, |over, _| if over < 0.5 { 70e3 } else { 84e3 }));
    assert!(found >= 19, "{found} of 20");
}

#[test]
fn a_drift_is_told_from_a_step() {
    for seed in 0..20 {
        let run = run(seed, 5_000, 0.0, |over, _| 70e3 * (1.0 + 0.4 * over));
        let told = stationarity(&run).expect("long enough");
        assert!(matches!(told, Stationarity::Drifts { .. }), "seed {seed}: {told:?}");
    }
}

/// What nobody would call different is not, however surely it is.
#[test]
fn what_differs_by_little_is_one_distribution() {
    let found =
        alarms(10, |seed| run(seed, 5_000, 0.0, |over, _| if over < 0.5 { 70e3 } else { 72e3 }));
    assert_eq!(found, 0);
}

#[test]
fn a_run_that_is_too_short_is_not_judged() {
    assert_eq!(stationarity(&Measurement::new()), None);
    assert_eq!(stationarity(&run(1, 500, 0.0, |_, _| 70e3)), None);
}

/// Slices of each part that are alike to the last digit scatter by what a division leaves, and no more.
#[test]
fn a_change_without_any_scatter_is_one() {
    /// Of the messages of each slice so many are slow in the first half, and in the second.
    fn run(all: u32, slow: [u32; 2]) -> Measurement {
        let slice = Duration::from_nanos(1 << 20);
        let mut out = Measurement::new();
        for number in 0..40 {
            for message in 0..all {
                let is_slow = message < slow[usize::from(number >= 20)];
                let took = Duration::from_micros(if is_slow { 200 } else { 70 });
                let at = slice * number + (slice - took) / all * message + took;
                out.record(&Sample::new(at, 0, Ok(took)));
            }
        }
        out.elapsed = slice * 40;
        out
    }
    for all in [30, 31, 35, 49] {
        for slow in 3..=all * 2 / 5 {
            let told = stationarity(&run(all, [slow, all - slow]));
            assert!(
                matches!(told, Some(Stationarity::Changed { .. })),
                "{slow} of {all}: {told:?}"
            );
        }
    }
}
