//! `Probe` against `Session` over a cable that loses, doubles, reorders and
//! corrupts frames: the echo stays right, it only takes longer. Every run can
//! be repeated from its seed.

use std::fmt::Write;
use std::time::Duration;

use echo_core::{Endpoint, Failure, Instant, Payload, Probe};

use crate::cable::Faults;
use crate::world::{Setup, World};

const LIMIT: Duration = Duration::from_secs(600);
const DELAY: Duration = Duration::from_micros(500);

/// How long one message takes, and how many frames were lost meanwhile.
fn echo(
    faults: Faults,
    ring: usize,
    length: u64,
    seed: u64,
) -> (Option<Result<Duration, Failure>>, u64) {
    let mut probe = Probe::new(Payload::Random { seed }, length, Some(LIMIT), [0; 1460]);
    probe.begin(Instant::START, 0);
    let setup = Setup { faults, ring, seed, ..Setup::default() };
    let mut world = World::new(setup, vec![probe]);
    world.run_until(2 * LIMIT, |world| {
        world.ends[0].endpoint.end().is_some() || world.ends[0].failure.is_some()
    });
    if let Some(failure) = world.ends[0].failure {
        return (Some(Err(failure)), world.cable.borrow().lost);
    }
    (world.ends[0].endpoint.end(), world.cable.borrow().lost)
}

#[test]
fn the_echo_is_right_whatever_the_cable_does() {
    let none = Faults { delay: DELAY, ..Faults::default() };
    let all = [
        Faults { loss: 1, ..none },
        Faults { loss: 20, ..none },
        Faults { duplication: 30, ..none },
        Faults { reordering: 30, ..none },
        Faults { corruption: 10, ..none },
        Faults { loss: 5, duplication: 5, reordering: 10, corruption: 5, ..none },
    ];
    for faults in all {
        for seed in 0..5 {
            let (end, _) = echo(faults, 8192, 20_000, seed);
            assert!(matches!(end, Some(Ok(_))), "{faults:?}, seed {seed}: {end:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let faults = Faults { delay: DELAY, loss: 10, reordering: 10, ..Faults::default() };
    let run = |seed| echo(faults, 8192, 20_000, seed);
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn loss_and_buffer_decide_how_long_it_takes() {
    let mut table =
        String::from("100 000 bytes echoed, 1 ms there and back, median of 5 seeds\n\n");
    let rings = [1024, 4096, 16_384, 65_536];
    table.push_str("loss  ");
    for ring in rings {
        write!(table, "{:>12}", format!("{ring} bytes")).expect("a string takes all");
    }
    for loss in [0, 1, 2, 5, 10, 20] {
        write!(table, "\n{:<6}", format!("{loss} %")).expect("a string takes all");
        for ring in rings {
            let faults = Faults { delay: DELAY, loss, ..Faults::default() };
            let mut times: Vec<_> = (0..5)
                .map(|seed| match echo(faults, ring, 100_000, seed) {
                    (Some(Ok(time)), _) => time,
                    failed => panic!("{loss} %, {ring} bytes, seed {seed}: {failed:?}"),
                })
                .collect();
            times.sort();
            write!(table, "{:>12}", format!("{:.3} s", times[2].as_secs_f64()))
                .expect("a string takes all");
        }
    }
    insta::assert_snapshot!(table);
}
