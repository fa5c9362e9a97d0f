//! Carries out plans in worlds, and keeps all that can be seen of it.

use std::time::Duration;

use echo_core::Payload;
use echo_instruments::load::{self, Observer};
use echo_instruments::measurement::{Measurement, Sample};
use echo_instruments::plan::Plan;
use echo_instruments::signals::Stop;

use super::clock::Clock;
use super::server::{AT_ONCE, Behaviour};
use super::world::{BEGINNING, Nature, World};

pub(crate) const NANO: Duration = Duration::from_nanos(1);
pub(crate) const MICRO: Duration = Duration::from_micros(1);
pub(crate) const MILLI: Duration = Duration::from_millis(1);

/// There and back in no more time than the ways take.
pub(crate) const WAY: (Duration, Duration) = (MILLI, Duration::from_millis(2));

/// The round trip of [`WAY`].
pub(crate) const TRIP: Duration = Duration::from_millis(3);

/// When the load begins, with no more than 8 connections: they are open after one round trip.
pub(crate) const START: Duration = BEGINNING.saturating_add(TRIP);

/// Nothing but the ways takes time.
pub(crate) const NATURE: Nature = Nature {
    way: WAY,
    costs: (Duration::ZERO, Duration::ZERO, Duration::ZERO),
    dated: |at| at,
    ready: None,
    inside: false,
    placed: |_| None,
    server: AT_ONCE,
};

pub(crate) fn served(server: Behaviour) -> Nature {
    Nature { server, ..NATURE }
}

/// Messages that tell whose they are, of the length that servers expect.
pub(crate) fn plan() -> Plan {
    Plan {
        length: AT_ONCE.length as u64,
        payload: Payload::Seq { run: 1, connection: 0 },
        keep_going: true,
        ..Plan::new()
    }
}

/// What was seen of a run.
pub(crate) struct Run {
    pub(crate) out: Measurement,
    /// Each message that counts.
    pub(crate) samples: Vec<Sample>,
    /// When the observer was asked, since the load began.
    pub(crate) looks: Vec<Duration>,
    /// How many messages were due and not sent at each look.
    pub(crate) unsent: Vec<u64>,
    /// Connections that the server took.
    pub(crate) accepted: usize,
}

/// Keeps what it sees.
struct Watching<'a> {
    clock: Clock,
    stop: Stop,
    samples: Vec<Sample>,
    looks: Vec<Duration>,
    unsent: Vec<u64>,
    /// How long it looks, and whether it asks to stop, by the number of the look.
    look: &'a dyn Fn(usize) -> (Duration, bool),
}

impl Observer for Watching<'_> {
    fn look(&mut self, measurement: &Measurement) {
        self.unsent.push(measurement.unsent);
        let (takes, stops) = (self.look)(self.looks.len());
        self.looks.push(self.clock.now().saturating_sub(START));
        self.clock.pass(takes);
        if stops {
            self.stop.request();
        }
    }

    fn opening(&mut self, _open: usize, _of: usize) {
        if (self.look)(0).1 {
            self.stop.request();
        }
    }

    fn message(&mut self, sample: &Sample) {
        self.samples.push(*sample);
    }
}

pub(crate) fn run(nature: Nature, plan: &Plan) -> Run {
    run_seen(nature, plan, &|_| (Duration::ZERO, false))
}

/// The same, seen by somebody who takes so long for each look, or asks to stop.
pub(crate) fn run_seen(
    nature: Nature,
    plan: &Plan,
    look: &dyn Fn(usize) -> (Duration, bool),
) -> Run {
    let mut world = World::new(nature, plan.connections);
    let stop = Stop::new().expect("a pipe");
    let clock = world.clock.clone();
    let (samples, looks, unsent) = Default::default();
    let mut watching = Watching { clock, stop: stop.clone(), samples, looks, unsent, look };
    let out = load::run(plan, &mut world, &stop, &mut watching).expect("waits");
    let Watching { samples, looks, unsent, .. } = watching;
    Run { out, samples, looks, unsent, accepted: world.server.accepted }
}

impl Run {
    /// The round trips, in the order in which they ended.
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.samples.iter().filter_map(|sample| sample.end.ok()).collect()
    }

    /// When the messages that count were sent, since the measurement began.
    pub(crate) fn sent(&self) -> Vec<Duration> {
        let sent = |sample: &Sample| Some(sample.at - sample.end.ok()?);
        self.samples.iter().filter_map(sent).collect()
    }
}
