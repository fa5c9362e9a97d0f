//! Clocks that do not go as clocks go: one that stands still, and one that jumps by days.

use std::time::Duration;

use echo_core::{Endpoint, Instant, Payload, Rules};
use echo_smoltcp::Service;
use echo_smoltcp::smoltcp::wire::TcpControl;

use crate::bench::Bench;
use crate::cable::Faults;
use crate::segment::Heard;
use crate::series::Series;
use crate::world::{SERVER, SERVER_V6, Setup, World};

const SECOND: Duration = Duration::from_secs(1);
const DAYS: Duration = Duration::from_secs(3 * 86_400);

#[test]
fn a_clock_that_stands_still_holds_no_echo_back() {
    for server in [SERVER, SERVER_V6] {
        let setup = Setup { faults: Faults::default(), slots: 2, server, ..Setup::default() };
        let series = [0, 1]
            .map(|connection| Series::new(Payload::Seq { run: 1, connection }, 1000, 0..1000));
        let mut world = World::new(setup, series.into());
        world.run_until(SECOND, |world| world.ends.iter().all(|end| end.endpoint.end().is_some()));
        assert!(world.ends.iter().all(|end| end.endpoint.tally.echoed() == 1000));
        assert_eq!(world.now, Instant::START, "{server}");
    }
}

/// The machine slept: the peer's bytes came before, or woke it, and are read late.
#[test]
fn what_came_before_the_clock_jumped_is_echoed_whatever_the_limit() {
    for idle in [None, Some(30 * SECOND)] {
        let mut bench = Bench::new(2, Rules { idle, ..Rules::default() });
        let mut peer = bench.open(1, 1);
        for _ in 0..3 {
            bench.now = bench.now + DAYS;
            let echo = bench.ask(&peer.bytes(b"hello"));
            assert!(matches!(echo[..], [Heard { bytes: 5, .. }]), "{idle:?}: {echo:?}");
            peer.acknowledged += 5;
            bench.say(&peer.frame(TcpControl::None));
            assert_eq!(bench.closed, [], "{idle:?}");
        }
    }
}

#[test]
fn who_was_silent_while_the_clock_jumped_is_given_up_and_the_next_is_served() {
    for idle in [None, Some(30 * SECOND)] {
        let mut bench = Bench::new(1, Rules { idle, ..Rules::default() });
        bench.open(1, 1);
        bench.now = bench.now + DAYS;
        bench.wait(Duration::ZERO);
        assert_eq!(bench.closed, [(bench.now, 1)], "{idle:?}");
        // With its FIN unanswered, and its one slot waiting for that.
        bench.now = bench.now + DAYS;
        bench.wait(Duration::ZERO);
        assert_eq!(bench.server.connections(), 0, "{idle:?}");
        let mut peer = bench.open(2, 1);
        let echo = bench.ask(&peer.bytes(b"hello"));
        assert!(matches!(echo[..], [Heard { bytes: 5, .. }]), "{idle:?}: {echo:?}");
    }
}

/// Messages are in flight, and frames are lost.
#[test]
fn a_conversation_goes_on_after_the_clock_has_jumped() {
    let faults = Faults { delay: Duration::from_millis(1), loss: 10, ..Faults::default() };
    let service = Service::default();
    let series = Series::new(Payload::Seq { run: 1, connection: 0 }, 3000, 0..200);
    let mut world = World::new(Setup { faults, service, ..Setup::default() }, vec![series]);
    let forever = 1000 * DAYS;
    for jump in 1..=20 {
        let until = |world: &World<Series>| world.ends[0].endpoint.tally.messages() >= jump * 10;
        assert!(world.run_until(forever, until), "before jump {jump}");
        assert_eq!(world.ends[0].failure, None);
        world.now = world.now + DAYS;
    }
}
