//! Many connections of one client, each pumped only when frames have come for it.

use std::collections::BTreeSet;
use std::time::Duration;

use echo_core::{Endpoint, Instant, Payload, Probe};
use echo_smoltcp::Event;

use crate::cable::Cable;
use crate::world::{self, Setup};

/// More than the frames of a round.
const MANY: u16 = 1000;

fn probe(connection: u16) -> Probe<'static, [u8; 512]> {
    let mut probe = Probe::new(Payload::Seq { run: 1, connection }, 1000, None, [0; 512]);
    probe.begin(Instant::START, 0);
    probe
}

/// Only one of them asks where the server is: the others go on with its answer.
#[test]
fn a_thousand_connections_at_once_do_not_wait_for_each_other() {
    let setup = Setup { slots: MANY.into(), ring: 2048, ..Setup::default() };
    let (cable, [mut server_plug, mut client_plug]) = Cable::new(setup.faults, setup.seed);
    let mut server = world::server(&setup, &mut server_plug);
    let probes = (0..MANY).map(probe).collect();
    let (mut client, mut ends) = world::connect(&setup, setup.seed, &mut client_plug, probes);
    let mut ports = BTreeSet::new();
    let mut now = Instant::START;
    while ends.iter().any(|end| end.endpoint.end().is_none()) {
        assert!(now < Instant::new(Duration::from_millis(5)), "they wait");
        let server_next = server.step(now, &mut server_plug, &mut |event| {
            if let Event::Connected { peer } = event {
                ports.insert(peer.port);
            }
        });
        client.receive(now, &mut client_plug);
        for number in client.touched().to_vec() {
            client.pump(number, &mut ends[number].endpoint, now).expect("no fault on this wire");
        }
        let next = [server_next, client.send(now, &mut client_plug), cable.borrow().next_arrival()];
        now = next.into_iter().flatten().min().expect("something is under way").max(now);
    }
    assert!(ends.iter().all(|end| matches!(end.endpoint.end(), Some(Ok(_)))));
    assert_eq!(ports.len(), MANY.into(), "each has a port of its own");
}
