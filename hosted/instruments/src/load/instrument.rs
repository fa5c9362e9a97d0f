//! The instrument's own cost, measured before each run in a few tens of milliseconds at most.

use std::time::Duration;

use echo_core::datagram::{Arrival, Flight, Slot};
use echo_core::{Endpoint, Failure, Instant};

use super::connection::{WINDOW, probe};
use crate::measurement::{Instrument, Measurement, Sample};
use crate::plan::{Plan, Protocol};

/// The number of messages in a batch; the fastest batch counts, because whatever else runs
/// only makes one slower.
const BATCH: u32 = 50;

/// The number of batches: the first ones find cold caches.
const BATCHES: u32 = 40;

/// The most readings of the clock to see it move: enough for a clock of 250 Hz. One that stands
/// still must not be read for ever.
const READINGS: u32 = 200_000;

/// The longest message whose floor is measured: it fits into one write.
const LONGEST: u64 = WINDOW as u64;

/// The number of datagrams that are remembered meanwhile: as by one connection.
const DATAGRAMS: usize = 16;

/// Measures the instrument that would carry out `plan` by this clock.
#[must_use]
pub fn examine(plan: &Plan, now: impl Fn() -> Instant) -> Instrument {
    Instrument {
        clock: fastest(&now, || {
            std::hint::black_box(now());
        }),
        resolution: resolution(&now),
        floor: (plan.length <= LONGEST).then(|| floor(&now, plan)),
    }
}

/// How long one call takes in the fastest batch of calls.
fn fastest(now: impl Fn() -> Instant, mut call: impl FnMut()) -> Duration {
    let batches = (0..BATCHES).map(|_| {
        let before = now();
        (0..BATCH).for_each(|_| call());
        now().saturating_duration_since(before)
    });
    batches.min().unwrap_or_default() / BATCH
}

fn resolution(now: impl Fn() -> Instant) -> Duration {
    let mut before = now();
    let steps = (0..READINGS).filter_map(|_| {
        let step = now().saturating_duration_since(before);
        before = before + step;
        (!step.is_zero()).then_some(step)
    });
    steps.take(BATCH as usize).min().unwrap_or_default()
}

/// The loop's own work for one message, without the stack's.
fn floor(now: impl Fn() -> Instant, plan: &Plan) -> Duration {
    let mut out = Measurement::of(plan);
    let mut echo = Vec::with_capacity(WINDOW);
    let mut record = |begun: Instant, end: Result<Duration, Failure>| {
        let at = end.map_or(begun, |took| begun + took).saturating_duration_since(Instant::START);
        out.record(&Sample::new(at, 0, end));
    };
    if plan.protocol == Protocol::Udp {
        let (message, slots) = (vec![0; plan.length as usize], vec![Slot::NEW; DATAGRAMS]);
        let mut flight = Flight::new(plan.payload.on(0), plan.limit, message, slots);
        return fastest(&now, || {
            let begun = now();
            let Some(sent) = flight.begin(begun, ()) else { return };
            echo.clear();
            echo.extend_from_slice(flight.datagram());
            let arrival = flight.handle_datagram(now(), sent.port, true, echo.len(), &echo);
            if let Arrival::Echo { end, .. } = arrival {
                record(begun, end);
            }
        });
    }
    let mut probe = probe(plan, 0);
    let mut message = 0;
    fastest(&now, || {
        let begun = now();
        probe.begin(begun, message);
        message += 1;
        echo.clear();
        echo.extend_from_slice(probe.to_send());
        probe.handle_sent(begun, echo.len());
        probe.handle_received(now(), &echo);
        if let Some(end) = probe.end() {
            record(begun, end);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_clock_that_stands_still_has_no_steps() {
        assert_eq!(resolution(|| Instant::START), Duration::ZERO);
    }

    #[test]
    fn an_instrument_knows_itself() {
        let clock = Clock::start();
        let examined = |plan: &Plan| examine(plan, || clock.now());
        let plan = Plan::new();
        let instrument = examined(&plan);
        assert!(!instrument.resolution.is_zero());
        assert!(instrument.floor > Some(instrument.clock), "{instrument:?}");
        // A datagram is work, too, even an empty one.
        let datagrams = examined(&Plan { protocol: Protocol::Udp, length: 0, ..plan.clone() });
        assert!(datagrams.floor > Some(datagrams.clock), "{datagrams:?}");
        // It makes the message and compares all of it: 64 KiB take much longer than one byte.
        let longest = examined(&Plan { length: LONGEST, ..plan.clone() });
        assert!(longest.floor > instrument.floor.map(|floor| 2 * floor), "{longest:?}");
        let long = Plan { length: LONGEST + 1, ..plan };
        assert_eq!(examined(&long).floor, None);
    }
}
