//! The one loop that offers load: a [`Plan`] goes in, a [`Measurement`] comes out.
//!
//! How many connections, what they send, and when to stop are values of the
//! plan. `rate` and `fail-rate` make plans; reports read measurements; nothing
//! in here prints or draws.

mod lane;
mod measurement;
mod wait;

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::{Failure, Instant, Payload};

use self::lane::Lane;
pub use self::measurement::{Ended, Incident, Measurement, Times};
use self::wait::Wait;
use crate::clock::Clock;
use crate::signals::Stop;

/// How often the observer sees the measurement: 8 times a second.
const TICK: Duration = Duration::from_millis(125);

/// How long a connection that could not be opened rests before the next try.
const REST: Duration = Duration::from_millis(100);

/// What load to offer.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the echo server is.
    pub address: SocketAddr,
    /// Connections at once, each with one message under way.
    pub connections: u16,
    /// What messages contain.
    pub content: Content,
    /// Bytes of a message.
    pub length: u64,
    /// How long a round trip, or opening a connection, may take.
    pub limit: Option<Duration>,
    /// Stop after this many messages.
    pub count: Option<u64>,
    /// Start no message after this time.
    pub time: Option<Duration>,
    /// After a failure, open the connection anew and go on; otherwise stop.
    pub keep_going: bool,
}

/// What the messages of all connections contain.
#[derive(Debug, Clone)]
pub enum Content {
    /// See [`Payload::Zero`].
    Zero,
    /// See [`Payload::Seq`]: the number that tells this run from others.
    Seq(u16),
    /// See [`Payload::Random`]: the seed.
    Random(u64),
    /// See [`Payload::Bytes`].
    Bytes(Vec<u8>),
}

impl Content {
    /// What one connection sends.
    fn payload(&self, connection: u16) -> Payload<'_> {
        match self {
            Self::Zero => Payload::Zero,
            Self::Seq(run) => Payload::Seq { run: *run, connection },
            Self::Random(seed) => Payload::Random { seed: seed ^ (u64::from(connection) << 48) },
            Self::Bytes(bytes) => Payload::Bytes(bytes),
        }
    }
}

/// Carries out `plan`, its first connection being `first`, until the plan says
/// so or `stop` is requested. `observe` sees the measurement 8 times a second,
/// between messages.
///
/// # Errors
///
/// If the system has no way to wait for sockets. What goes wrong with messages
/// is in the measurement.
pub fn run(
    plan: &Plan,
    first: TcpStream,
    stop: &Stop,
    observe: &mut dyn FnMut(&Measurement),
) -> Result<Measurement> {
    let clock = Clock::start();
    let mut load = Load {
        plan,
        clock,
        start: clock.now(),
        tick: clock.now() + TICK,
        wait: Wait::new(plan).context("cannot wait for sockets")?,
        lanes: (0..plan.connections.max(1)).map(|number| Lane::new(plan, number)).collect(),
        scratch: vec![0; 64 << 10],
        begun: 0,
        busy: 0,
        look: None,
        out: Measurement::new(),
    };
    load.lanes[0].adopt(first, &mut load.wait).context("cannot use the connection")?;
    load.run(stop, observe).context("cannot wait for sockets")?;
    Ok(load.out)
}

struct Load<'a> {
    plan: &'a Plan,
    clock: Clock,
    start: Instant,
    /// When the observer looks again.
    tick: Instant,
    wait: Wait,
    lanes: Vec<Lane<'a>>,
    scratch: Vec<u8>,
    /// Messages started so far.
    begun: u64,
    /// Messages under way.
    busy: usize,
    /// No deadline and no rest of a lane ends before.
    look: Option<Instant>,
    out: Measurement,
}

impl Load<'_> {
    fn run(&mut self, stop: &Stop, observe: &mut dyn FnMut(&Measurement)) -> std::io::Result<()> {
        let mut now = self.start;
        let mut ready: Vec<usize> = (0..self.lanes.len()).collect();
        loop {
            let begun = self.begun;
            for key in ready.drain(..) {
                now = self.turn(key, now);
            }
            if self.begun == begun {
                // Whoever waited inside a read for nothing knows no time.
                now = self.clock.now();
            }
            if now >= self.tick {
                self.out.elapsed = now.saturating_duration_since(self.start);
                observe(&self.out);
                now = self.clock.now();
                self.tick = now + TICK;
            }
            if stop.requested() {
                self.out.ended = Ended::Stopped;
            }
            let idle = self.busy == 0 && !self.may_start(now);
            if idle || self.out.ended != Ended::AsPlanned {
                break;
            }
            let until = self.look.map_or(self.tick, |look| look.min(self.tick));
            if self.wait.ready(&mut self.lanes, now, until, &mut ready)? {
                now = self.clock.now();
            }
            if self.look.is_some_and(|look| look <= now) {
                let due = |lane: &Lane<'_>| lane.due().filter(|due| *due <= now).is_some();
                ready.extend((0..self.lanes.len()).filter(|key| due(&self.lanes[*key])));
                self.look = self.lanes.iter().filter_map(Lane::due).filter(|due| *due > now).min();
            }
        }
        self.out.elapsed = self.clock.now().saturating_duration_since(self.start);
        Ok(())
    }

    fn may_start(&self, now: Instant) -> bool {
        self.out.ended == Ended::AsPlanned
            && self.plan.count.is_none_or(|count| self.begun < count)
            && self.plan.time.is_none_or(|time| now < self.start + time)
    }

    /// Lets one lane do all that it can without waiting; returns the time then.
    fn turn(&mut self, key: usize, mut now: Instant) -> Instant {
        loop {
            if !self.lanes[key].is_busy() {
                if !self.may_start(now) || self.lanes[key].rests(now) {
                    return now;
                }
                self.lanes[key].begin(now, &mut self.wait);
                self.begun += 1;
                self.busy += 1;
                self.look_at(self.lanes[key].due());
            }
            let lane = &mut self.lanes[key];
            let Some(end) = lane.drive(now, &mut self.scratch, &self.clock, &mut self.wait) else {
                return now;
            };
            self.busy -= 1;
            match end {
                // One reading of the clock ends this message and starts the next.
                Ok(took) => now = lane.begun() + took,
                Err(failure) => {
                    now = self.clock.now();
                    self.fail(key, failure, now);
                }
            }
            self.out.record(now.saturating_duration_since(self.start), key, end);
            if now >= self.tick {
                // What the observer does is not to be part of the next round trip.
                self.wait.again(key);
                return now;
            }
        }
    }

    fn fail(&mut self, key: usize, failure: Failure, now: Instant) {
        let could_not_open =
            matches!(failure, Failure::Refused | Failure::Unreachable | Failure::Local);
        self.lanes[key].disconnect(could_not_open.then(|| now + REST));
        self.look_at(self.lanes[key].due());
        if !self.plan.keep_going {
            self.out.ended = Ended::Failed;
        }
    }

    fn look_at(&mut self, due: Option<Instant>) {
        self.look = [self.look, due].into_iter().flatten().min();
    }
}
