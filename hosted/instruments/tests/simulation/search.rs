//! The search for the highest rate finds what the nature of a server says it is.

use std::time::Duration;

use echo_instruments::load;
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::arrival::Arrival;
use echo_instruments::plan::Plan;
use echo_instruments::search::{Answer, Breach, Goal, Hunt, Outcome, Step};
use echo_instruments::signals::Stop;

use super::run::{MILLI, NATURE, TRIP, plan, served};
use super::server::{AT_ONCE, Answer as Reply, Behaviour, ECHO};
use super::world::{Nature, World};

/// It works on one message at a time, a millisecond each: a thousand a second.
const ONE: Behaviour = Behaviour { service: |_| MILLI, shared: true, ..AT_ONCE };

/// What a search found, and all its steps.
struct Found {
    answer: Answer,
    steps: Vec<Step>,
    complete: bool,
}

/// Searches; ended by the user after so many looks.
fn search(nature: Nature, goal: &str, connections: u16, looks: usize) -> Found {
    let goal: Goal = goal.parse().expect("a goal");
    let plan = Plan { connections, limit: Some(Duration::from_secs(1)), ..plan() };
    let base = Hunt::base(&goal, &plan);
    let mut world = World::new(nature, connections);
    let stop = Stop::new().expect("a pipe");
    let mut seen = 0;
    let mut hunt = Hunt::new(&goal, &base);
    while let Some(plan) = hunt.next() {
        let mut look = |_: &Measurement| {
            seen += 1;
            if seen == looks {
                stop.request();
            }
        };
        let run = load::run(&plan, &mut world, &stop, &mut look).expect("waits");
        hunt.tell(plan, run);
        assert!(hunt.steps().len() < 50, "no end is in sight");
    }
    Found { answer: hunt.answer(), steps: hunt.steps().to_vec(), complete: hunt.is_complete() }
}

fn find(nature: Nature, goal: &str, connections: u16) -> Found {
    search(nature, goal, connections, usize::MAX)
}

/// Whether the highest rate is between two that differ by no more than 5 %, of which the lower exceeds it by no more
/// than 0.5 %.
fn is_found(answer: Answer, truth: f64) -> bool {
    let Answer::Between(kept, broken) = answer else { return false };
    kept <= truth * 1.005 && truth < broken && broken <= kept * 1.05
}

#[test]
fn the_capacity_of_a_server_is_found() {
    for (service, truth) in
        [(|_| MILLI) as fn(u64) -> Duration, |_| 2 * MILLI].into_iter().zip([1_000.0, 500.0])
    {
        let found = find(served(Behaviour { service, ..ONE }), "p99<20ms", 16);
        assert!(found.complete && is_found(found.answer, truth), "{truth}: {:?}", found.answer);
        for step in &found.steps {
            let kept = step.rate <= truth;
            assert!(!kept || step.outcome() == Some(Outcome::Kept), "{step:?}");
            assert!(step.sent >= 368 && step.elapsed >= Duration::from_secs(2), "{step:?}");
            // Below it nothing waits.
            let alone = TRIP + Duration::from_secs_f64(1.0 / truth);
            assert!(!kept || step.p99.is_some_and(|p99| is(p99, alone)), "{step:?}");
        }
    }
}

/// Within three digits, as a histogram knows it.
fn is(told: Arrival, exact: Duration) -> bool {
    let Arrival::After(told) = told else { return false };
    (told.as_secs_f64() / exact.as_secs_f64() - 1.0).abs() <= 1e-3
}

/// Now and then a few messages in a row take long, and how long the last of them waits depends on the rate: the bound is
/// broken long before the server is at its limit, which is 1632 a second.
#[test]
fn where_a_queue_reaches_the_bound_is_found() {
    fn service(number: u64) -> Duration {
        if number % 400 < 10 { 5 * MILLI } else { MILLI / 2 }
    }
    // Lindley's recursion: a message waits for what is left of the one before.
    let p99 = |rate: f64| {
        let (mut wait, mut times) = (0.0_f64, Vec::new());
        for takes in (0..4_000).map(|number| service(number).as_secs_f64()) {
            times.push(wait + takes + TRIP.as_secs_f64());
            wait = (wait + takes - 1.0 / rate).max(0.0);
        }
        times.sort_by(f64::total_cmp);
        times[times.len() - times.len() / 100 - 1]
    };
    for (goal, bound) in [("p99<25ms", 0.025), ("p99<35ms", 0.035)] {
        let found = find(served(Behaviour { service, shared: true, ..AT_ONCE }), goal, 64);
        let Answer::Between(kept, broken) = found.answer else { panic!("{:?}", found.answer) };
        assert!(broken <= kept * 1.05 && (200.0..1_300.0).contains(&kept), "{kept} {broken}");
        // A step holds some of these rows, and not always whole ones.
        let ends = [kept * 0.97, broken * 1.03].map(p99);
        assert!(ends[0] < bound && ends[1] >= bound, "{kept} {broken}: {ends:?}");
    }
}

/// The service is fast for ever; it is the connections that are all busy.
#[test]
fn a_rate_for_which_there_are_too_few_connections_is_broken_by_what_is_never_sent() {
    let found = find(NATURE, "service p99<10ms", 2);
    let truth = 2.0 / TRIP.as_secs_f64();
    assert!(is_found(found.answer, truth * 1.005), "{:?}", found.answer);
    let mut breaches = found.steps.iter().filter_map(|step| step.breach);
    assert!(breaches.all(|breach| breach == Breach::Unsent), "{:?}", found.steps);
    let of = |step: &Step| step.bounded.is_some_and(|bounded| is(bounded, TRIP));
    assert!(found.steps.iter().all(of), "{:?}", found.steps);
}

#[test]
fn one_late_echo_ends_no_search() {
    /// The only one that takes long is in the second step, in which 400 a second are sent.
    fn service(number: u64) -> Duration {
        if number == 700 { 300 * MILLI } else { MILLI }
    }
    let found = find(served(Behaviour { service, ..ONE }), "p99<20ms", 16);
    let disturbed = &found.steps[1];
    assert_eq!((disturbed.rate, disturbed.breach), (400.0, Some(Breach::Slow)));
    assert_eq!((found.steps[2].rate, found.steps[2].breach), (400.0, None));
    assert!(is_found(found.answer, 1_000.0), "{:?}", found.answer);
    // It is what is found without it.
    assert_eq!(found.answer, find(served(ONE), "p99<20ms", 16).answer);
}

#[test]
fn a_bound_below_the_round_trip_is_kept_at_no_rate() {
    let found = find(served(ONE), "p99<3ms", 16);
    assert_eq!((found.answer, found.complete), (Answer::Below(25.0), true));
    // Nothing was faster: that is no disturbance.
    let tried: Vec<_> = found.steps.iter().map(|step| step.rate).collect();
    assert_eq!(tried, [200.0, 100.0, 50.0, 25.0]);
    assert!(found.steps.iter().all(|step| step.sent >= 368), "{:?}", found.steps);
}

#[test]
fn a_message_that_fails_breaks_the_bound() {
    // Those of the fifth step and later are not answered.
    const DEAF: Behaviour = Behaviour {
        answer: |connection, _| Reply { bytes: if connection < 64 { 100 } else { 0 }, ..ECHO },
        ..AT_ONCE
    };
    let found = find(served(DEAF), "p99<20ms", 16);
    let Answer::Between(kept, broken) = found.answer else { panic!("{:?}", found.answer) };
    assert!(kept == 1_600.0 && broken > kept && broken <= kept * 1.05, "{kept} {broken}");
    let breaches: Vec<_> = found.steps.iter().map(|step| step.breach).collect();
    assert_eq!(breaches[..4], [None; 4]);
    assert!(breaches[4..].iter().all(|breach| *breach == Some(Breach::Failed)), "{breaches:?}");
}

#[test]
fn a_search_that_is_broken_off_says_what_it_has_found() {
    let whole = find(served(ONE), "p99<20ms", 16);
    for looks in [1, 15, 30, 60, 100] {
        let found = search(served(ONE), "p99<20ms", 16, looks);
        let (last, before) = found.steps.split_last().expect("a step");
        assert!(!found.complete && last.outcome().is_none(), "{looks}: {:?}", found.answer);
        let alike = before.iter().zip(&whole.steps).all(|(step, other)| step.rate == other.rate);
        assert!(alike, "{looks}");
        let kept = before.iter().filter(|step| step.breach.is_none()).map(|step| step.rate);
        match (
            kept.fold(None, |most, rate: f64| Some(rate.max(most.unwrap_or(rate)))),
            found.answer,
        ) {
            (None, Answer::Unknown) => {}
            (Some(most), Answer::AtLeast(kept) | Answer::Between(kept, _)) => {
                assert_eq!(kept, most);
            }
            other => panic!("{looks}: {other:?}"),
        }
    }
}
