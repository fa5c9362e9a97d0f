//! Random arrivals: what is due follows from the seed, whatever becomes of it.

use std::time::Duration;

use echo_instruments::measurement::spacing::Verdict;
use echo_instruments::measurement::times::Times;
use echo_instruments::plan::{Arrivals, Pace, Plan};

use super::run::{MICRO, MILLI, NATURE, Run, TRIP, plan, run, run_seen};
use super::world::Nature;

const RATE: f64 = 200.0;

fn poisson(seed: u64, connections: u16) -> Plan {
    let arrivals = Arrivals::Poisson { seed };
    let time = Some(Duration::from_secs(20));
    Plan { pace: Pace::Rate(RATE), arrivals, connections, time, ..plan() }
}

/// When the messages that were sent were due, in the order of their turns.
fn due(run: &Run) -> Vec<Duration> {
    let due = |sample: &echo_instruments::measurement::Sample| {
        sample.at - sample.end.expect("echoed") - sample.late
    };
    let mut due: Vec<_> = run.samples.iter().map(due).collect();
    due.sort_unstable();
    due
}

#[test]
fn messages_are_sent_when_the_seed_says() {
    let free = run(NATURE, &poisson(1, 64));
    assert_eq!(free.out.late.as_ref().and_then(Times::slowest), Some(Duration::ZERO));
    assert_eq!((free.out.times.slowest(), free.out.unsent), (Some(TRIP), 0));
    let spacing = free.out.spacing.as_ref().expect("a rate");
    assert_eq!((spacing.verdict(), spacing.waited()), (Verdict::AsPlanned, Some(0.0)));
    // A planned number of 4000 scatters by 63.
    assert!((3_800..4_200).contains(&free.samples.len()), "{}", free.samples.len());
    assert_eq!(due(&run(NATURE, &poisson(1, 64))), due(&free), "the seed repeats it");
    assert_ne!(due(&run(NATURE, &poisson(2, 64))), due(&free));
    // Who is as long as it lasts is no faster.
    let rate = free.out.messages_per_second().expect("a rate");
    assert!((rate - free.samples.len() as f64 / 20.0).abs() < 1.0, "{rate}");
}

/// A connection that is busy sends later what was due all the same.
#[test]
fn messages_that_wait_for_their_connection_were_due_when_the_seed_says() {
    let (free, one) = (run(NATURE, &poisson(1, 64)), run(NATURE, &poisson(1, 1)));
    assert_eq!(due(&one), due(&free));
    let response = one.out.response.as_ref().expect("a rate");
    let late = one.out.late.as_ref().expect("a rate");
    assert_eq!(
        response.mean().map(|mean| mean.as_micros()),
        late.mean().map(|late| { (late + TRIP).as_micros() })
    );
    // A server that is busy for 60 % of the time makes as many wait.
    let spacing = one.out.spacing.expect("a rate");
    let waited = spacing.waited().expect("sent");
    assert!((0.55..0.65).contains(&waited), "{waited}");
    assert_eq!(spacing.verdict(), Verdict::Distances);
}

/// The mean wait in a queue of random arrivals and equal services is known (Pollaczek and Khinchine).
#[test]
fn the_queue_is_as_long_as_the_theory_says() {
    let time = Some(Duration::from_secs(400));
    let out = run(NATURE, &Plan { time, ..poisson(5, 1) }).out;
    let load = RATE * TRIP.as_secs_f64();
    let expected = load * TRIP.as_secs_f64() / (2.0 * (1.0 - load));
    let waited = out.late.and_then(|late| late.mean()).expect("a rate").as_secs_f64();
    assert!((waited / expected - 1.0).abs() < 0.03, "{waited} {expected}");
}

#[test]
fn what_is_left_out_unsent_or_interrupted_is_counted_by_the_same_schedule() {
    let all = due(&run(NATURE, &poisson(1, 64)));
    let omit = Duration::from_secs(5);
    let later = run(NATURE, &Plan { omit, time: Some(15 * 1000 * MILLI), ..poisson(1, 64) });
    let (left_out, measured): (Vec<_>, Vec<_>) = all.iter().copied().partition(|due| *due < omit);
    assert_eq!(later.out.omitted, left_out.len() as u64);
    assert!(due(&later).into_iter().eq(measured.iter().map(|due| *due - omit)));
    // A server that is slower than the load: what was due is sent or unsent.
    let slow = Nature { way: (10 * MILLI, 10 * MILLI), ..NATURE };
    let out = run(slow, &poisson(1, 1)).out;
    assert_eq!(out.tally.messages() + out.unsent, all.len() as u64);
    assert!(out.tally.messages() <= 1_000 && out.unsent_rate() > Some(0.7));
    assert_eq!(out.spacing.expect("a rate").verdict(), Verdict::Rate);
    // A count ends it, and the rate is that of the slots that were used.
    let short = run(NATURE, &Plan { count: Some(10), ..poisson(1, 64) }).out;
    assert_eq!((short.tally.echoed(), short.unsent, short.scheduled), (10, 0, all[10]));
    // The schedule stands still while the process is stopped.
    let stop = |look| (if look == 0 { Duration::from_secs(5) } else { Duration::ZERO }, false);
    let stopped = run_seen(NATURE, &poisson(1, 64), &stop);
    assert_eq!(stopped.out.tally.echoed() + stopped.out.interrupted, all.len() as u64);
    assert_eq!(stopped.out.unsent, 0);
}

/// Who wakes up a little late sends two that were due meanwhile at once: that is told.
#[test]
fn distances_that_the_instrument_spoils_are_noticed() {
    let costs = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let exact = Nature { costs, ..NATURE };
    let verdict = |nature| run(nature, &poisson(3, 64)).out.spacing.expect("a rate").verdict();
    assert_eq!(verdict(exact), Verdict::AsPlanned);
    // It takes two milliseconds to send a message; the next one waits for that.
    let slow = Nature { costs: (MICRO, 2 * MILLI, MICRO), ..NATURE };
    assert_eq!(verdict(slow), Verdict::Distances);
}
