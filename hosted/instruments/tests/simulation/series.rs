//! Runs one after another over one stack: each is what it would be alone.

use std::time::Duration;

use echo_core::Payload;
use echo_instruments::load;
use echo_instruments::measurement::{Ended, Measurement};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::signals::Stop;

use super::run::{MILLI, NATURE, TRIP, plan, run, served};
use super::server::{AT_ONCE, Answer, Behaviour, ECHO, Item};
use super::world::{Nature, World};

/// So many runs in one world; and how many connections its server took.
fn runs(nature: Nature, plan: &Plan, number: u16) -> (Vec<Measurement>, usize) {
    let mut world = World::new(nature, plan.connections);
    let stop = Stop::new().expect("a pipe");
    let outs = (0..number).map(|number| {
        let plan = plan.renewed(number);
        load::run(&plan, &mut world, &stop, &mut |_: &Measurement| {}).expect("waits")
    });
    (outs.collect(), world.server.accepted)
}

/// All that counts, in one text.
fn told(out: &Measurement) -> String {
    let Measurement { elapsed, tally, omitted, unsent, times, ended, under_way, .. } = out;
    let times = (times.len(), times.fastest(), times.mean(), times.slowest());
    format!("{elapsed:?} {tally:?} {omitted} {unsent} {times:?} {ended:?} {under_way:?}")
}

#[test]
fn a_run_after_another_is_what_it_is_alone() {
    for pace in [Pace::Closed, Pace::Interval(10 * MILLI), Pace::Rate(500.0)] {
        for (connections, per_message) in [(1, false), (5, false), (2, true)] {
            let omit = 20 * MILLI;
            let plan = Plan { pace, connections, per_message, omit, count: Some(100), ..plan() };
            let alone = told(&run(NATURE, &plan).out);
            let (outs, _) = runs(NATURE, &plan, 3);
            outs.iter().for_each(|out| assert_eq!(told(out), alone, "{pace:?} {connections}"));
        }
    }
}

#[test]
fn each_has_connections_of_its_own() {
    for connections in [1, 3] {
        let plan = Plan { connections, count: Some(30), ..plan() };
        assert_eq!(runs(NATURE, &plan, 4).1, 4 * usize::from(connections));
    }
}

/// What comes after the end of a run is lost with its connections.
#[test]
fn nothing_of_one_run_is_left_to_the_next() {
    // Behind each echo another byte comes a moment later, which would be extra.
    const CHATTY: Behaviour = Behaviour {
        answer: |_, _| Answer { behind: Some((MILLI, Item::Byte(7))), ..ECHO },
        ..AT_ONCE
    };
    // In flight at the end: its echo comes when nobody waits for it.
    const SLOW: Behaviour = Behaviour { service: |_| Duration::from_millis(50), ..AT_ONCE };
    let one = Plan { count: Some(1), ..plan() };
    let cut = Plan { limit: Some(20 * MILLI), count: Some(1), ..plan() };
    for (behaviour, plan, echoed) in [(CHATTY, one, 1), (SLOW, cut, 0)] {
        let (outs, accepted) = runs(served(behaviour), &plan, 3);
        for out in &outs {
            assert_eq!((out.tally.echoed(), out.tally.failures()), (echoed, 1 - echoed));
            assert_eq!(out.ended, Ended::AsPlanned);
        }
        assert_eq!(accepted, 3);
    }
}

#[test]
fn a_failure_of_one_run_is_none_of_the_next() {
    const CUT: Behaviour = Behaviour {
        answer: |connection, _| Answer { bytes: [0, 100][usize::from(connection > 0)], ..ECHO },
        ..AT_ONCE
    };
    let plan = Plan { keep_going: false, limit: Some(20 * MILLI), count: Some(10), ..plan() };
    let (outs, _) = runs(served(CUT), &plan, 2);
    assert_eq!([outs[0].ended, outs[1].ended], [Ended::Failed, Ended::AsPlanned]);
    assert_eq!((outs[1].tally.echoed(), outs[1].elapsed), (10, 10 * TRIP));
}

#[test]
fn messages_of_one_run_are_not_those_of_another() {
    let contents = [Payload::Seq { run: u16::MAX, connection: 0 }, Payload::Random { seed: 7 }];
    for payload in contents {
        let plan = Plan { payload, ..plan() };
        let [mut first, mut next] = [[0; 64]; 2];
        plan.renewed(0).payload.on(1).fill(0, 0, &mut first);
        plan.renewed(1).payload.on(1).fill(0, 0, &mut next);
        assert!(first.iter().zip(&next).filter(|(a, b)| a == b).count() < 16, "{first:?}");
    }
}
