//! What the instrument costs, measured before each run in at most some ten milliseconds.

use std::io::{self, Read, Write};
use std::time::Duration;

use echo_core::{Endpoint, Instant};

use super::lane::{WINDOW, probe};
use super::{Measurement, Plan, Sample};
use crate::clock::Clock;
use crate::pump::Pump;

/// Messages of a batch; the fastest batch counts, because whatever else runs
/// only makes one slower.
const BATCH: u32 = 50;

/// Batches measured: the first ones find cold caches.
const BATCHES: u32 = 40;

/// The longest message whose floor is measured: it fits into one write.
const LONGEST: u64 = WINDOW as u64;

/// What is known of the instrument itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Instrument {
    /// How long reading the clock takes.
    pub clock: Duration,
    /// The smallest step of the clock that was seen.
    pub resolution: Duration,
    /// How long the loop needs for a message that comes back in no time: making
    /// it (if it must be made), comparing its echo, reading the clock and recording. None for
    /// messages that are moved in pieces.
    pub floor: Option<Duration>,
}

impl Instrument {
    /// Measures the instrument that would carry out `plan`.
    #[must_use]
    pub fn examine(plan: &Plan) -> Self {
        let clock = Clock::start();
        Self {
            clock: fastest(&clock, || {
                std::hint::black_box(clock.now());
            }),
            resolution: resolution(&clock),
            floor: (plan.length <= LONGEST).then(|| floor(&clock, plan)),
        }
    }
}

/// How long one call takes in the fastest batch of calls.
fn fastest(clock: &Clock, mut call: impl FnMut()) -> Duration {
    let batches = (0..BATCHES).map(|_| {
        let before = clock.now();
        (0..BATCH).for_each(|_| call());
        clock.now().saturating_duration_since(before)
    });
    batches.min().unwrap_or_default() / BATCH
}

fn resolution(clock: &Clock) -> Duration {
    let steps = (0..BATCH).map(|_| {
        let before = clock.now();
        loop {
            let step = clock.now().saturating_duration_since(before);
            if !step.is_zero() {
                return step;
            }
        }
    });
    steps.min().unwrap_or_default()
}

/// The loop's own work for one message, without the system's.
fn floor(clock: &Clock, plan: &Plan) -> Duration {
    let mut probe = probe(plan, 0);
    let mut out = Measurement::of(plan);
    let mut mirror = Mirror { bytes: Vec::with_capacity(WINDOW) };
    let mut scratch = vec![0; WINDOW + 1];
    let mut pump = Pump::new();
    let mut message = 0;
    fastest(clock, || {
        let begun = clock.now();
        probe.begin(begun, message);
        message += 1;
        pump.readable = true;
        // Neither writing nor reading can fail here.
        let _ = pump.run(&mut mirror, &mut probe, &mut scratch, begun, || clock.now());
        let Some(end) = probe.end() else { return };
        let at = end.map_or(begun, |took| begun + took).saturating_duration_since(Instant::START);
        out.record(&Sample::new(at, 0, end));
    })
}

/// A stream whose other end echoes in no time.
struct Mirror {
    bytes: Vec<u8>,
}

impl Write for Mirror {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Mirror {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.len();
        into[..n].copy_from_slice(&self.bytes);
        self.bytes.clear();
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instrument_knows_itself() {
        let plan = Plan::new(([127, 0, 0, 1], 7).into());
        let instrument = Instrument::examine(&plan);
        assert!(!instrument.resolution.is_zero());
        assert!(instrument.floor > Some(instrument.clock), "{instrument:?}");
        // It makes the message and compares all of it: 64 KiB take much longer than one byte.
        let longest = Instrument::examine(&Plan { length: LONGEST, ..plan.clone() });
        assert!(longest.floor > instrument.floor.map(|floor| 2 * floor), "{longest:?}");
        let long = Plan { length: LONGEST + 1, ..plan };
        assert_eq!(Instrument::examine(&long).floor, None);
    }
}
