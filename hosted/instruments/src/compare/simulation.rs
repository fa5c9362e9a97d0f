//! Comparisons of runs whose truth is known. Everything is made by seed, and no clock is read.
//!
//! A run has a pace of its own, which lasts for it (where its programs were placed, say), and its tail another; each percentile
//! adds what its own few messages do. The scatter is supposed; that of a machine is told by `cargo bench -p benchmarks -- compare`.

use serde_json::{Value, json};

use super::judge;
use crate::random::Random;

const THRESHOLD: f64 = 5.0;

/// How runs of one program scatter.
#[derive(Clone, Copy, Debug)]
struct Scatter {
    /// The deviation of the pace from run to run, as a share.
    pace: f64,
    /// How many times as slow a run is that was placed badly; one in three is.
    modes: f64,
}

#[test]
fn runs_of_one_program_are_rarely_told_apart() {
    for scatter in [
        Scatter { pace: 0.02, modes: 1.0 },
        Scatter { pace: 0.30, modes: 1.0 },
        Scatter { pace: 0.03, modes: 4.7 },
    ] {
        for (runs, comparisons) in [(4, 500), (5, 500), (7, 200)] {
            let alarms = (0..comparisons).filter(|seed| alarm(*seed, runs, scatter, 1.0)).count();
            let share = alarms as f64 / comparisons as f64;
            // Half of what differs by chance is better: 2.5 % are to be expected, and 500 comparisons tell that to 1.4 %.
            assert!(share <= 0.05, "{share} of {scatter:?}, {runs} a side");
        }
    }
}

#[test]
fn a_tenth_slower_is_found() {
    const COMPARISONS: u64 = 400;
    let scatter = Scatter { pace: 0.03, modes: 1.0 };
    let found = (0..COMPARISONS).filter(|seed| alarm(*seed, 5, scatter, 1.1)).count();
    let share = found as f64 / COMPARISONS as f64;
    assert!(share >= 0.95, "{share}");
    let better = (0..COMPARISONS).filter(|seed| alarm(*seed, 5, scatter, 1.0 / 1.1)).count();
    assert_eq!(better, 0, "who is faster is not worse");
}

#[test]
fn one_run_a_side_alarms_beyond_what_runs_of_one_program_show() {
    for modes in [1.0, 4.7] {
        let scatter = Scatter { pace: 0.03, modes };
        let alarms = (0..1_000).filter(|seed| alarm(*seed, 1, scatter, 1.0)).count();
        assert!(alarms <= 20, "{alarms} of 1000");
    }
    let scatter = Scatter { pace: 0.03, modes: 1.0 };
    assert!((0..100).all(|seed| alarm(seed, 1, scatter, 15.0)), "15 times as slow is no chance");
}

/// Whether so many runs a side, those of the second slower by a factor, pass for worse in any way.
fn alarm(seed: u64, runs: usize, scatter: Scatter, factor: f64) -> bool {
    let mut random = Random(seed.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ runs as u64);
    let sides = [1.0, factor]
        .map(|factor| -> Vec<_> { (0..runs).map(|_| run(&mut random, scatter, factor)).collect() });
    let sides = sides.each_ref().map(|runs| runs.iter().collect());
    judge(&sides, THRESHOLD).expect("numbers of runs").is_alarm()
}

fn run(random: &mut Random, scatter: Scatter, factor: f64) -> Value {
    let badly = if random.uniform() < 1.0 / 3.0 { scatter.modes } else { 1.0 };
    let pace = 70e3 * factor * badly * (scatter.pace * random.normal()).exp();
    let tail = (3.0 * scatter.pace * random.normal()).exp();
    let mut of = |place: f64, tail: f64, own: f64| {
        let value = pace * place * tail * (own * random.normal()).exp();
        let ends = [-2.0, 2.0].map(|deviations: f64| (value * (deviations * own).exp()) as u64);
        (value as u64, ends)
    };
    let numbers = [
        ("p50", of(1.0, 1.0, 0.002)),
        ("p75", of(1.1, 1.0, 0.002)),
        ("p90", of(1.2, 1.0, 0.005)),
        ("p95", of(1.4, tail.sqrt(), 0.01)),
        ("p99", of(1.7, tail, 0.02)),
        ("p99_9", of(3.0, tail, 0.06)),
        ("mean", of(1.1, 1.0, 0.002)),
    ];
    let values = numbers.iter().map(|(name, (value, _))| ((*name).to_owned(), json!(value)));
    let mut times: serde_json::Map<_, _> = values.collect();
    times.insert(
        "interval95".into(),
        numbers
            .iter()
            .map(|(name, (_, ends))| ((*name).to_owned(), json!(ends)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    );
    let rate = 8e12 / times["mean"].as_f64().expect("a number");
    json!({
        "service_ns": times,
        "response_ns": null,
        "rate_bps": rate,
        "rate_bps_interval95": [rate * 0.996, rate * 1.004],
        "fail_rate": 0.0,
        "fail_rate_interval95": [0.0, 3e-5],
    })
}
