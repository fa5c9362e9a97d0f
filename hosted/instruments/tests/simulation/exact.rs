//! Every number of a report is the planned one, and a bias in either direction is noticed.

use std::time::Duration;

use echo_core::{Instant, random};
use echo_instruments::measurement::percentiles::{MEDIAN, P99, PERCENTILES, percentile};
use echo_instruments::measurement::times::Times;
use echo_instruments::plan::{Pace, Plan};

use super::run::{MICRO, MILLI, NANO, NATURE, Run, TRIP, plan, run, served};
use super::server::{AT_ONCE, Behaviour};
use super::world::Nature;

const COUNT: u32 = 1_000;

/// One in ten takes 20 ms instead of 2 ms.
const MIXED: Behaviour = Behaviour {
    service: |number| if number % 10 == 9 { Duration::from_millis(20) } else { 2 * MILLI },
    ..AT_ONCE
};

const USUAL: Duration = Duration::from_millis(5);
const SLOW: Duration = Duration::from_millis(23);
const MEAN: Duration = Duration::from_micros(6_800);

/// Within three digits, as a histogram knows it.
fn agrees(told: Option<Duration>, exact: Duration) -> bool {
    told.is_some_and(|told| (told.as_secs_f64() / exact.as_secs_f64() - 1.0).abs() <= 1e-3)
}

/// Which numbers of a closed loop against [`MIXED`] on one connection are not as planned.
fn wrong(Run { out, samples, .. }: &Run) -> Vec<&'static str> {
    let every = |number: usize| if number % 10 == 9 { SLOW } else { USUAL };
    let times = |times: &Times| (times.fastest(), times.slowest(), times.mean());
    let elapsed = MEAN * COUNT;
    let rate = f64::from(COUNT) / elapsed.as_secs_f64();
    let mut at = Duration::ZERO;
    let ended = samples.iter().enumerate().all(|(number, sample)| {
        at += every(number);
        sample.at == at
    });
    let each = samples.iter().enumerate().all(|(n, sample)| sample.end == Ok(every(n)));
    let checks = [
        ("count", out.tally.echoed() == u64::from(COUNT) && out.tally.failures() == 0),
        ("each", each),
        ("ends", ended),
        ("extremes and mean", times(&out.times) == (Some(USUAL), Some(SLOW), Some(MEAN))),
        ("deviation", out.times.deviation() == Some(5_400 * MICRO)),
        ("p50", agrees(percentile(&out.times, MEDIAN), USUAL)),
        ("p90", agrees(percentile(&out.times, 10), USUAL)),
        ("p99", agrees(percentile(&out.times, P99), SLOW)),
        ("elapsed", out.elapsed == elapsed),
        ("rate", out.messages_per_second() == Some(rate)),
        ("payload", out.bits_per_second(100) == Some(rate * 800.0)),
    ];
    checks.iter().filter(|(_, right)| !right).map(|(name, _)| *name).collect()
}

fn closed() -> Plan {
    Plan { count: Some(COUNT.into()), ..plan() }
}

#[test]
fn a_report_says_what_was_planned() {
    for inside in [false, true] {
        let nothing: [&str; 0] = [];
        let nature = Nature { inside, ..served(MIXED) };
        assert_eq!(wrong(&run(nature, &closed())), nothing, "inside the read: {inside}");
    }
}

/// The checks above are worth what they notice.
#[test]
fn a_bias_in_either_direction_is_noticed() {
    type Lie = (fn(Instant) -> Instant, &'static str);
    let lies: [Lie; 4] = [
        (|at| at + MILLI, "1 ms too long"),
        (|at| at.saturating_sub(MILLI), "1 ms too short"),
        (|at| at + NANO, "1 ns too long"),
        (|at| at.saturating_sub(NANO), "1 ns too short"),
    ];
    for (dated, what) in lies {
        for inside in [false, true] {
            let wrong = wrong(&run(Nature { dated, inside, ..served(MIXED) }, &closed()));
            assert!(wrong.starts_with(&["each", "ends", "extremes and mean"]), "{what}: {wrong:?}");
            // What is rounded to three digits notices what lies beyond them.
            let coarse = wrong.contains(&"p50") && wrong.contains(&"p99");
            assert_eq!(coarse, what.contains("ms"), "{what}: {wrong:?}");
        }
    }
}

/// Nor is it only a clock that they notice.
#[test]
fn a_server_that_takes_longer_is_not_the_one_that_was_planned() {
    const SLOWER: Behaviour = Behaviour {
        service: |number| if number % 10 == 9 { Duration::from_millis(20) } else { 3 * MILLI },
        ..AT_ONCE
    };
    let wrong = wrong(&run(served(SLOWER), &closed()));
    assert_eq!(wrong.len(), 9, "all but the count and p99: {wrong:?}");
}

/// What the own machine needs between the send and the look at the clock is part of a round trip; the
/// rest of what it does is not.
#[test]
fn system_calls_count_where_they_lie_between_the_send_and_its_echo() {
    let (reading, sending, receiving) = (25 * NANO, 3 * MICRO, 5 * MICRO);
    let nature = Nature { costs: (reading, sending, receiving), ..NATURE };
    for pace in [Pace::Closed, Pace::Interval(50 * MILLI), Pace::Rate(20.0)] {
        let Run { out, .. } = run(nature, &Plan { pace, count: Some(100), ..plan() });
        // Waiting ends with a look at the clock, and so does the read.
        let exact = Some(sending + TRIP + receiving + 2 * reading);
        assert_eq!((out.times.fastest(), out.times.slowest()), (exact, exact), "{pace:?}");
        let instrument = out.instrument.expect("it was examined");
        assert_eq!((instrument.clock, instrument.resolution), (reading, reading));
    }
}

/// Neither the work of sending for others is part of it.
#[test]
fn each_message_begins_when_it_is_sent() {
    let sending = 3 * MICRO;
    let nature = Nature { costs: (Duration::ZERO, sending, Duration::ZERO), ..NATURE };
    for pace in [Pace::Closed, Pace::Rate(1e9)] {
        let run = run(nature, &Plan { pace, connections: 8, count: Some(8), ..plan() });
        assert!(run.sent().into_iter().eq((0..8).map(|turn| turn * sending)), "{pace:?}");
        assert!(run.times().iter().all(|time| *time == sending + TRIP), "{pace:?}");
    }
}

/// Times without any order: each percentile is that of the sorted list.
#[test]
fn percentiles_are_those_of_the_times() {
    /// Pseudo-random, up to 34 ms, most of them short.
    fn service(number: u64) -> Duration {
        let bits = random::next(&mut random::after(0, number));
        Duration::from_nanos((bits >> 39) >> (bits % 8))
    }
    let Run { out, .. } =
        run(served(Behaviour { service, ..AT_ONCE }), &Plan { count: Some(20_000), ..plan() });
    let mut times: Vec<_> = (0..20_000).map(|number| TRIP + service(number)).collect();
    let sum: Duration = times.iter().sum();
    assert_eq!((out.elapsed, out.times.mean()), (sum, Some(sum / 20_000)));
    times.sort_unstable();
    assert_eq!(
        (out.times.fastest(), out.times.slowest()),
        (times.first().copied(), times.last().copied())
    );
    for (name, one_in) in PERCENTILES {
        let exact = times.len() - times.len().div_ceil(one_in as usize) - 1;
        let told = percentile(&out.times, one_in);
        let enough = one_in <= 20_000;
        assert_eq!(told.is_some(), enough, "{name}");
        assert!(!enough || agrees(told, times[exact]), "{name}: {told:?} {:?}", times[exact]);
    }
}

#[test]
fn connections_do_not_disturb_each_other() {
    for connections in [2, 7, 8] {
        let count = 10 * u64::from(connections);
        let Run { out, samples, accepted, .. } =
            run(NATURE, &Plan { connections, count: Some(count), ..plan() });
        assert_eq!((out.times.fastest(), out.times.slowest()), (Some(TRIP), Some(TRIP)));
        assert_eq!((out.times.len(), out.elapsed), (count, 10 * TRIP));
        assert_eq!(accepted, usize::from(connections));
        for connection in 0..connections.into() {
            let own = samples.iter().filter(|sample| sample.connection == connection);
            assert!(own.map(|sample| sample.message).eq(0..10));
        }
    }
}

/// In a closed loop the response time is the number of connections over the rate (Little's law).
#[test]
fn connections_queue_at_a_server_that_serves_one_at_a_time() {
    const ONE: Behaviour = Behaviour { service: |_| MILLI, shared: true, ..AT_ONCE };
    let run = run(served(ONE), &Plan { connections: 6, count: Some(600), ..plan() });
    let (first, rest) = run.samples.split_at(6);
    let first: Vec<_> = first.iter().map(|sample| sample.end.expect("echoed")).collect();
    assert_eq!(first, [4, 5, 6, 7, 8, 9].map(|time| time * MILLI));
    assert!(rest.iter().all(|sample| sample.end == Ok(6 * MILLI)));
    assert_eq!(run.out.elapsed, TRIP + 600 * MILLI);
}

#[test]
fn a_run_ends_after_its_count_or_its_time() {
    for (count, time, messages, elapsed) in [
        (Some(5), None, 5, 15),
        // One begins just before the end, and is waited for.
        (None, Some(100), 34, 102),
        // None begins at the end.
        (None, Some(99), 33, 99),
        (Some(5), Some(100), 5, 15),
        (Some(50), Some(99), 33, 99),
        (Some(0), None, 0, 0),
        (None, Some(0), 0, 0),
    ] {
        let time = time.map(|time| time * MILLI);
        let Run { out, .. } = run(NATURE, &Plan { count, time, ..plan() });
        assert_eq!(
            (out.tally.echoed(), out.elapsed),
            (messages, elapsed * MILLI),
            "{count:?} {time:?}"
        );
    }
}
