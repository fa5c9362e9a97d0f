//! Two smoltcp stacks on a faultless cable, in virtual time: what the server
//! promises, seen from a client.

use std::time::Duration;

use echo_core::script::{Act, Body};
use echo_core::{CloseReason, Endpoint, LINGER, Payload, Probe, Rules, SILENCE, Script};
use echo_smoltcp::smoltcp::wire::IpEndpoint;
use echo_smoltcp::{Broken, Event, Service};

use crate::talker::Talker;
use crate::world::{SERVER, SERVER_V6, Setup, World};

const SECOND: Duration = Duration::from_secs(1);

fn probes(count: u16, length: u64) -> Vec<Probe<'static, [u8; 512]>> {
    (0..count)
        .map(|connection| {
            let payload = Payload::Seq { run: 1, connection };
            let mut probe = Probe::new(payload, length, Some(30 * SECOND), [0; 512]);
            probe.begin(echo_core::Instant::START, 0);
            probe
        })
        .collect()
}

fn rules(rules: Rules) -> Setup {
    Setup { service: Service { rules, ..Service::default() }, ..Setup::default() }
}

fn ends(world: &World<Talker>) -> Vec<Result<CloseReason, Broken>> {
    let ends = world.events.iter().filter_map(|(_, event)| match event {
        Event::Closed { end, .. } => Some(*end),
        Event::Connected { .. }
        | Event::Received { .. }
        | Event::Echoed { .. }
        | Event::Datagram { .. } => None,
    });
    ends.collect()
}

/// Until the first session of the server is over.
fn run_to_the_end(world: &mut World<Talker>) {
    assert!(world.run_until(10 * SECOND, |world| !ends(world).is_empty()));
}

#[test]
fn one_to_64_connections_get_their_own_bytes_back() {
    for connections in [1, 2, 64] {
        for server in [SERVER, SERVER_V6] {
            let setup = Setup { slots: connections.into(), server, ..Setup::default() };
            let mut world = World::new(setup, probes(connections, 20_000));
            world.run_until(30 * SECOND, |world| {
                world.ends.iter().all(|end| end.endpoint.end().is_some())
            });
            for end in &world.ends {
                assert!(matches!(end.endpoint.end(), Some(Ok(_))), "{:?}", end.endpoint.end());
            }
            assert_eq!(world.server.connections(), connections.into());
        }
    }
}

#[test]
fn a_port_that_is_taken_is_passed_over() {
    let setup = Setup { slots: 2, ..Setup::default() };
    let mut world = World::new(setup, probes(2, 1_000));
    // Once round all of the ports: the next would be that of the first connection.
    for _ in 49_152..65_535 {
        world.connect_again(1, IpEndpoint::new(SERVER, Service::default().port));
    }
    world.run_until(30 * SECOND, |world| world.ends.iter().all(|end| end.endpoint.end().is_some()));
    for end in &world.ends {
        assert!(matches!(end.endpoint.end(), Some(Ok(_))), "{:?}", end.endpoint.end());
    }
}

#[test]
fn a_connection_without_a_slot_gets_in_once_one_is_vacant() {
    let talkers = [b"first".as_slice(), b"second"].map(|line| Talker::saying(line).then_fin());
    let mut world = World::new(Setup::default(), talkers.into());
    assert!(world.run_until(5 * SECOND, |world| {
        world.ends.iter().all(|end| end.endpoint.eof.is_some())
    }));
    assert_eq!(world.ends[0].endpoint.heard, b"first");
    assert_eq!(world.ends[1].endpoint.heard, b"second");
    assert_eq!(world.server.turned_away(), 1);
    assert!(world.ends[1].endpoint.eof >= world.ends[0].endpoint.eof);
}

#[test]
fn the_idle_limit_is_met_to_the_microsecond() {
    let limit = Duration::from_micros(2_345_678);
    let setup = rules(Rules { idle: Some(limit), ..Rules::default() });
    let mut world = World::new(setup, vec![Talker::saying(b"hello")]);
    assert!(world.run_until(10 * SECOND, |world| world.ends[0].endpoint.eof.is_some()));
    assert_eq!(world.ends[0].endpoint.heard, b"hello");
    assert_eq!(ends(&world), [Ok(CloseReason::TimedOut)]);
    // The line goes there, its echo back, and the acknowledgement, which the client
    // delays, there again.
    let said = world.ends[0].endpoint.said.expect("it said hello");
    let taken = said + Duration::from_micros(3 * 100) + Duration::from_millis(10);
    let (closed, _) = world.events[1];
    assert_eq!(closed, taken + limit);
}

#[test]
fn a_half_closed_peer_gets_its_whole_echo_and_then_a_fin() {
    let body: Vec<u8> = (0..100_000u32).map(|i| (i % 251) as u8).collect();
    let mut world = World::new(Setup::default(), vec![Talker::saying(&body).then_fin()]);
    assert!(world.run_until(10 * SECOND, |world| world.ends[0].endpoint.eof.is_some()));
    assert_eq!(world.ends[0].endpoint.heard, body);
    assert_eq!(ends(&world), [Ok(CloseReason::Disconnected)]);
    world.run_until(20 * SECOND, |world| world.server.connections() == 0);
    assert_eq!(world.server.connections(), 0);
    assert!(world.told == body, "what came is told, each byte once");
}

#[test]
fn a_peer_that_reads_late_loses_nothing() {
    let body = [7; 100_000];
    let mut talker = Talker::saying(&body).then_fin();
    talker.deaf = true;
    let mut world = World::new(Setup::default(), vec![talker]);
    assert!(!world.run_until(6 * SECOND, |world| world.ends[0].endpoint.eof.is_some()));
    world.ends[0].endpoint.deaf = false;
    assert!(world.run_until(60 * SECOND, |world| world.ends[0].endpoint.eof.is_some()));
    assert_eq!(world.ends[0].endpoint.heard, body);
}

#[test]
fn what_waits_for_an_endpoint_is_read_when_its_pause_is_over() {
    let body = Body::own(100);
    let acts = &[Act::Say(body), Act::Wait(SECOND), Act::Hear(body)];
    let payload = Payload::Random { seed: 1 };
    let now = echo_core::Instant::START;
    let script = Script::new(now, acts, payload, Some(60 * SECOND), [0; 512]);
    let mut world = World::new(Setup::default(), vec![script]);
    assert!(world.run_until(2 * SECOND, |world| world.ends[0].endpoint.end().is_some()));
    assert_eq!(world.ends[0].endpoint.end(), Some(Ok(())));
}

/// Everything lies in the server's send ring from the start.
fn slow_reader() -> (World<Talker>, Vec<u8>) {
    let body: Vec<u8> = (0..40_000u32).map(|i| (i % 251) as u8).collect();
    let mut talker = Talker::saying(&body);
    talker.appetite = Some(0);
    let rules = rules(Rules { idle: Some(SECOND), ..Rules::default() });
    let mut world = World::new(Setup { ring: 1024, send: 65_536, ..rules }, vec![talker]);
    assert!(world.run_until(SECOND / 2, |world| world.ends[0].endpoint.said_all()));
    (world, body)
}

/// Reads a little, and then not for so long.
fn bite(world: &mut World<Talker>, pause: Duration) {
    world.ends[0].endpoint.appetite = Some(512);
    let until = world.now.since_start() + pause;
    world.run_until(until, |_| false);
}

#[test]
fn a_slow_reader_behind_a_large_ring_is_not_idle_and_a_dead_one_is() {
    let (mut world, body) = slow_reader();
    for _ in 0..50 {
        bite(&mut world, SECOND * 9 / 10);
        assert_eq!(ends(&world), [], "after {:?}", world.now);
    }
    let last = world.now;
    bite(&mut world, 10 * SECOND);
    assert_eq!(ends(&world), [Ok(CloseReason::TimedOut)]);
    let (closed, _) = world.events[1];
    let after = closed.saturating_duration_since(last);
    assert!(after >= SECOND && after < SECOND + Duration::from_millis(20), "{after:?}");
    assert!(body.starts_with(&world.ends[0].endpoint.heard));
}

#[test]
fn the_tail_of_a_session_lasts_as_long_as_it_is_taken() {
    let (mut world, body) = slow_reader();
    bite(&mut world, 10 * SECOND);
    assert_eq!(ends(&world), [Ok(CloseReason::TimedOut)]);
    // The client's ring holds the last two bites.
    for _ in 0..body.len() / 512 - 3 {
        assert_eq!(world.server.connections(), 1, "at {:?}", world.now);
        bite(&mut world, 100 * SECOND);
    }
    world.ends[0].endpoint.appetite = None;
    let until = world.now.since_start() + SECOND;
    world.run_until(until, |_| false);
    assert_eq!(world.ends[0].endpoint.heard, body);
    assert!(world.ends[0].endpoint.eof.is_some());
    assert_eq!(world.server.connections(), 0);
}

#[test]
fn the_word_exit_ends_a_session_after_silence() {
    let lines = [(Duration::ZERO, b"hello".as_slice()), (SECOND, b"exit\n")];
    let mut world = World::new(Setup::default(), vec![Talker::new(lines)]);
    run_to_the_end(&mut world);
    assert_eq!(world.ends[0].endpoint.heard, b"hello");
    assert_eq!(ends(&world), [Ok(CloseReason::Exit)]);
    let (eof, said) = (world.ends[0].endpoint.eof, world.ends[0].endpoint.said);
    let waited = eof.expect("a FIN").saturating_duration_since(said.expect("the word"));
    assert_eq!(waited, SILENCE + Duration::from_micros(200));
}

#[test]
fn one_shot_answers_the_first_message_and_closes() {
    let setup = rules(Rules { one_shot: true, ..Rules::default() });
    let lines = [(Duration::ZERO, b"first".as_slice()), (SECOND, b"second")];
    let mut world = World::new(setup, vec![Talker::new(lines)]);
    run_to_the_end(&mut world);
    assert_eq!(world.ends[0].endpoint.heard, b"first");
    assert_eq!(ends(&world), [Ok(CloseReason::Answered)]);
}

#[test]
fn a_peer_that_never_closes_does_not_keep_its_slot() {
    let mut talker = Talker::saying(b"exit");
    talker.deaf = true;
    let mut world = World::new(Setup::default(), vec![talker]);
    run_to_the_end(&mut world);
    assert_eq!(world.server.connections(), 0);
    let (closed, _) = world.events[1];
    assert!(closed.since_start() < SILENCE + LINGER + Duration::from_millis(10), "{closed:?}");
}

#[test]
fn a_reset_frees_the_slot_at_once() {
    let mut world = World::new(Setup::default(), vec![Talker::saying(b"hello")]);
    world.run_until(SECOND, |world| !world.ends[0].endpoint.heard.is_empty());
    world.abort(0);
    world.run_until(2 * SECOND, |world| world.server.connections() == 0);
    assert_eq!(ends(&world), [Ok(CloseReason::Disconnected)], "nothing is pending");
    let (closed, _) = world.events[1];
    assert!(closed.since_start() < Duration::from_millis(10), "{closed:?}");
}

#[test]
fn a_reset_with_an_echo_pending_breaks_it_off() {
    let mut talker = Talker::saying(&[7; 100_000]);
    talker.deaf = true;
    let mut world = World::new(Setup::default(), vec![talker]);
    world.run_until(SECOND, |_| false);
    world.abort(0);
    world.run_until(2 * SECOND, |world| world.server.connections() == 0);
    assert_eq!(ends(&world), [Err(Broken)]);
}

/// TIME-WAIT lasts 10 s; a server with one slot serves the next peer at once.
#[test]
fn a_slot_in_time_wait_takes_the_next_connection() {
    let mut world = World::new(Setup::default(), vec![Talker::saying(b"exit")]);
    for round in 1..=20 {
        assert!(world.run_until(10 * SECOND, |world| ends(world).len() == round), "{round}");
        world.ends[0].endpoint = Talker::saying(b"exit");
        world.connect_again(0, IpEndpoint::new(SERVER, Service::default().port));
    }
    assert_eq!(world.server.turned_away(), 0);
}

#[test]
fn a_server_that_stops_accepting_resets_new_peers_and_serves_the_old() {
    let mut world = World::new(
        Setup { slots: 2, ..Setup::default() },
        vec![Talker::new([(Duration::ZERO, b"one".as_slice()), (SECOND, b"two")]).then_fin()],
    );
    world.run_until(SECOND / 2, |world| !world.ends[0].endpoint.heard.is_empty());
    world.server.stop_accepting();
    assert!(world.run_until(5 * SECOND, |world| world.ends[0].endpoint.eof.is_some()));
    assert_eq!(world.ends[0].endpoint.heard, b"onetwo");
    world.ends[0].endpoint = Talker::saying(b"late");
    world.connect_again(0, IpEndpoint::new(SERVER, Service::default().port));
    assert!(world.run_until(6 * SECOND, |world| world.ends[0].failure.is_some()));
    assert_eq!(world.ends[0].failure, Some(echo_core::Failure::Refused));
}

#[test]
fn a_peer_that_is_gone_without_a_word_does_not_keep_its_slot() {
    let mut world = World::new(Setup::default(), vec![Talker::saying(b"hello")]);
    world.run_until(SECOND, |world| !world.ends[0].endpoint.heard.is_empty());
    world.cable.borrow_mut().cut();
    world.run_until(400 * SECOND, |world| world.server.connections() == 0);
    assert_eq!(ends(&world), [Err(Broken)]);
    let (closed, _) = world.events[1];
    assert!(closed.since_start() > 299 * SECOND, "{closed:?}");
}

#[test]
fn a_peer_that_goes_on_talking_to_nobody_is_reset() {
    let lines = [(Duration::ZERO, b"exit".as_slice()), (5 * SECOND, b"is anybody there?")];
    let mut talker = Talker::new(lines);
    talker.deaf = true;
    let mut world = World::new(Setup::default(), vec![talker]);
    world.run_until(10 * SECOND, |world| world.ends[0].failure.is_some());
    assert_eq!(world.ends[0].failure, Some(echo_core::Failure::Reset));
}

#[test]
fn a_peer_that_never_reads_does_not_keep_its_slot() {
    let mut talker = Talker::saying(&[7; 100_000]);
    talker.deaf = true;
    let setup = rules(Rules { idle: Some(SECOND), ..Rules::default() });
    let mut world = World::new(setup, vec![talker]);
    world.run_until(200 * SECOND, |world| {
        !ends(world).is_empty() && world.server.connections() == 0
    });
    assert_eq!(ends(&world), [Ok(CloseReason::TimedOut)]);
    assert_eq!(world.server.connections(), 0);
    let freed = world.now.since_start();
    assert!(freed > 120 * SECOND && freed < 125 * SECOND, "{freed:?}");
}
