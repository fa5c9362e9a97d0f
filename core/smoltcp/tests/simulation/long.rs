//! Messages by the million over cables that lose, double, delay and corrupt frames: each comes
//! back as it was sent. Worlds differ in everything that their seed can decide, and a world
//! can be lived through again from its seed alone.

use std::time::Duration;

use echo_core::{Endpoint, Failure, Payload, Rules};
use echo_smoltcp::Service;

use crate::cable::{Faults, Noise};
use crate::series::Series;
use crate::world::{ClientEnd, SERVER, SERVER_V6, Setup, World};

/// Messages of one world, about.
const WORLD: u64 = 50_000;

/// Longer than any world takes in which something still happens.
const LIMIT: Duration = Duration::from_secs(365 * 86_400);

/// How many messages came back, and how many connections were given up: after 300 s without a
/// frame, which on the worst of cables is chance.
fn live(seed: u64) -> (u64, u64) {
    let mut noise = Noise::new(seed);
    let mut choose = |choices: &[usize]| choices[noise.below(choices.len())];
    let connections = choose(&[1, 2, 8]);
    let mut percent = || choose(&[0, 0, 1, 2, 5]) as u8;
    let (loss, duplication, reordering, corruption) = (percent(), percent(), percent(), percent());
    let delay = Duration::from_micros(choose(&[1, 50, 1000, 30_000]) as u64);
    let rules = Rules { exit: choose(&[0, 1]) == 1, ..Rules::default() };
    let ack_delay = (choose(&[0, 1]) == 1).then_some(Duration::from_millis(10));
    let nagle = choose(&[0, 0, 1]) == 1;
    let setup = Setup {
        slots: connections,
        ring: choose(&[64, 600, 2048, 8192]),
        send: 0,
        service: Service { rules, nagle, ack_delay, ..Service::default() },
        faults: Faults { delay, loss, duplication, reordering, corruption },
        seed,
        server: if choose(&[4, 6]) == 4 { SERVER } else { SERVER_V6 },
        ..Setup::default()
    };
    let length = choose(&[1, 8, 63, 64, 65, 100, 512, 600]) as u64;
    // Numbers of messages run over the borders of what bytes can tell of them.
    let first = choose(&[0, (1 << 20) - 1000, (1 << 32) - 1000]) as u64;
    let each = WORLD / connections as u64;
    let series = (0..connections as u16)
        .map(|connection| {
            let payload = Payload::Seq { run: seed as u16, connection };
            Series::new(payload, length, first..first + each)
        })
        .collect();
    let mut world = World::new(setup, series);
    let is_over = |end: &ClientEnd<Series>| end.failure.is_some() || end.endpoint.end().is_some();
    let all = world.run_until(LIMIT, |world| world.ends.iter().all(is_over));
    assert!(all, "world {seed} stands still at {:?}", world.now);
    let (mut echoed, mut given_up) = (0, 0);
    for ClientEnd { endpoint, failure, .. } in &world.ends {
        assert_eq!(endpoint.failure, None, "world {seed}");
        match failure {
            None => assert_eq!(endpoint.tally.echoed(), each, "world {seed}"),
            Some(failure) => assert_eq!(*failure, Failure::Reset, "world {seed}"),
        }
        echoed += endpoint.tally.echoed();
        given_up += u64::from(failure.is_some());
    }
    (echoed, given_up)
}

/// A number from the environment.
fn given(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// `MESSAGES` and `SEED`, if they are given, say how many, and with which world to begin.
#[test]
fn a_million_messages_over_bad_cables_come_back_as_they_were_sent() {
    let messages = given("MESSAGES").unwrap_or(1_000_000);
    let first = given("SEED").unwrap_or(1);
    let (mut echoed, mut given_up, mut seed) = (0, 0, first);
    while echoed < messages {
        let world = live(seed);
        (echoed, given_up, seed) = (echoed + world.0, given_up + world.1, seed + 1);
    }
    let worlds = seed - first;
    println!("{echoed} messages in {worlds} worlds, 0 wrong, {given_up} connections given up");
    assert!(given_up <= worlds / 50, "so many are no chance: {given_up}");
}
