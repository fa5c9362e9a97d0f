//! A server that is spoilt on purpose: over a whole stack, too, what is planted is what is found.

use std::time::Duration;

use echo_core::{
    CloseReason, Defect, Endpoint, Failure, FailureKind, Haste, Instant, Odds, Payload, Planted,
    Probe,
};
use echo_smoltcp::smoltcp::wire::IpEndpoint;
use echo_smoltcp::{Event, Service};

use crate::world::{SERVER, Setup, World};

const LIMIT: Duration = Duration::from_secs(5);
const HOLD: Duration = Duration::from_millis(300);
const MESSAGES: u64 = 60;

/// What became of messages, one after the other, after a failure on a new connection; what was
/// planted; and how the sessions ended.
fn run(odds: Odds, length: u64) -> (Vec<Result<Duration, Failure>>, Planted, Vec<Event<'static>>) {
    let payload = Payload::Seq { run: 1, connection: 0 };
    let mut probe = Probe::new(payload, length, Some(LIMIT), [0; 512]);
    probe.begin(Instant::START, 0);
    let odds = Some(odds.holding(HOLD));
    let mut world = World::new(Setup { slots: 64, odds, ..Setup::default() }, vec![probe]);
    let mut verdicts = Vec::new();
    for message in 1..=MESSAGES {
        let limit = world.now.since_start() + 2 * LIMIT;
        let over = |world: &World<Probe<'_, _>>| {
            let end = &world.ends[0];
            end.endpoint.end().is_some() || end.failure.is_some()
        };
        assert!(world.run_until(limit, over), "message {message}");
        let now = world.now;
        let end = &mut world.ends[0];
        if let Some(failure) = end.failure {
            end.endpoint.fail(now, failure);
        }
        verdicts.extend(end.endpoint.end());
        end.endpoint.begin(now, message);
        if verdicts.last().is_some_and(Result::is_err) {
            world.connect_again(0, IpEndpoint::new(SERVER, Service::default().port));
        }
    }
    let events = world.events.into_iter().map(|(_, event)| event).collect();
    (verdicts, world.server.planted(), events)
}

#[test]
fn what_is_planted_is_found() {
    for (defect, kind) in [
        (Defect::Flip, Some(FailureKind::Differs)),
        (Defect::Drop, Some(FailureKind::TimedOut)),
        (Defect::Repeat, Some(FailureKind::Extra)),
        (Defect::Stale, Some(FailureKind::Differs)),
        (Defect::Hold, None),
        (Defect::Stall, Some(FailureKind::TimedOut)),
        (Defect::Cut, Some(FailureKind::ClosedEarly)),
        (Defect::Reset, Some(FailureKind::Reset)),
    ] {
        let (verdicts, planted, events) = run(Odds::default().with(defect, 0.2), 1000);
        let spoilt: Vec<_> = verdicts
            .iter()
            .filter(|end| end.is_err() || end.is_ok_and(|took| took >= HOLD))
            .collect();
        assert!(planted.of(defect) > 3, "{planted}");
        assert_eq!(spoilt.len() as u64, planted.of(defect), "{planted}: {spoilt:?}");
        for end in spoilt {
            assert_eq!(end.err().map(|failure| failure.kind()), kind, "{defect}: {end:?}");
        }
        let resets = events
            .iter()
            .filter(|event| matches!(event, Event::Closed { end: Ok(CloseReason::Reset), .. }));
        let due = if defect == Defect::Reset { planted.of(defect) } else { 0 };
        assert_eq!(resets.count() as u64, due, "{defect}");
    }
}

/// What is held and does not fit stays in the receive ring, and is read when the time has come.
#[test]
fn a_message_that_is_held_comes_whole_and_no_later_than_it_must() {
    let (verdicts, planted, _) = run(Odds::default().with(Defect::Hold, 1.0), 8000);
    assert!(planted.of(Defect::Hold) >= MESSAGES, "{planted}");
    for end in verdicts {
        let took = end.expect("it comes whole");
        assert!(took >= HOLD && took < HOLD + Duration::from_millis(50), "{took:?}");
    }
}

#[test]
fn a_fault_that_is_planted_survives_a_stop() {
    let payload = Payload::Seq { run: 1, connection: 0 };
    let mut probe = Probe::new(payload, 1000, Some(LIMIT), [0; 512]);
    probe.begin(Instant::START, 0);
    let odds = Some(Odds::default().with(Defect::Hold, 1.0).holding(2 * LIMIT));
    let mut world = World::new(Setup { odds, ..Setup::default() }, vec![probe]);
    let is_held = |world: &World<_>| world.server.planted().of(Defect::Hold) > 0;
    assert!(world.run_until(LIMIT, is_held));
    world.server.leave(world.now, 0, Haste::Now);
    world.run_until(LIMIT, |world| world.ends[0].endpoint.end().is_some());
    let end = world.ends[0].endpoint.end();
    assert!(end.is_some_and(|end| end.is_ok()), "{end:?}");
}
