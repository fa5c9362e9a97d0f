//! The clock of a load, which stands still while the load does not run.
//!
//! The loop never waits much longer than an eighth of a second, its tick,
//! and reads its clock after each wait. Two readings that lie more than a second
//! apart mean that nobody ran in between: the machine was suspended, or a disk did not
//! take the table of messages. So does a signal to continue between them, however short the
//! stop (Ctrl+Z) was. That is no property of
//! the peer. So the time is left out of everything that is computed with this clock:
//! limits, schedule, duration, rate. A message that was in flight is recognised by the
//! number of stops at its beginning and at its end.
//!
//! What a busy machine lets its processes wait for is far shorter: it stays in
//! the round trips, because users of the service there are affected by it, too.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use echo_core::Instant;
use signal_hook::consts::SIGCONT;
use signal_hook::flag;

use crate::clock::Clock;
use crate::signals::asked_to_end;
use crate::stack::Stops;

/// Readings further apart are a stop.
const STOPPED: Duration = Duration::from_secs(1);

/// A clock that stands still while it is not read.
#[derive(Debug)]
pub struct Stopwatch {
    clock: Cell<Clock>,
    /// The last reading.
    last: Cell<Instant>,
    stops: Cell<Stops>,
    /// Whether the process was continued (SIGCONT) since then. It is known at the first reading after
    /// that if the thread that reads is the one that takes the signal: all others run [beside](crate::beside) it.
    continued: Arc<AtomicBool>,
}

impl Stopwatch {
    /// A stopwatch that goes on from the present time of `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let continued = Arc::default();
        // Without the signal, only a longer stop is recognised.
        let _ = flag::register(SIGCONT, Arc::clone(&continued));
        let (last, stops) = (clock.now().into(), Cell::default());
        Self { clock: clock.into(), last, stops, continued }
    }

    /// The time now, without the time in which nothing ran.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.at(Clock::system())
    }

    /// The number and total duration of its stops.
    #[must_use]
    pub fn stops(&self) -> Stops {
        self.stops.get()
    }

    /// The instant at this reading of the system's clock in nanoseconds, without stops as well.
    #[must_use]
    pub fn at(&self, system: u64) -> Instant {
        let now = self.clock.get().at(system);
        if now > self.last.get() + STOPPED || self.continued.load(Ordering::Relaxed) {
            return self.stood(now);
        }
        self.last.set(now);
        now
    }

    #[cold]
    fn stood(&self, now: Instant) -> Instant {
        self.continued.store(false, Ordering::Relaxed);
        let gap = now.saturating_duration_since(self.last.get());
        // `timeout` sends SIGCONT after its signal, to a program that never stood as well.
        if gap <= STOPPED && asked_to_end() {
            self.last.set(now);
            return now;
        }
        let mut clock = self.clock.get();
        clock.put_back(gap);
        self.clock.set(clock);
        let Stops { times, total } = self.stops.get();
        self.stops.set(Stops { times: times + 1, total: total + gap });
        self.last.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::TICK;

    const MILLI: Duration = Duration::from_millis(1);
    /// A millisecond of the system's clock.
    const NANOS: u64 = 1_000_000;

    /// What the stopwatch says at these times of the system's clock, in milliseconds
    /// since it was started, and which stops it has seen.
    fn told(system: &[u32]) -> (Vec<Duration>, Stops) {
        let clock = Clock::start();
        let start = Clock::system();
        let zero = clock.at(start);
        let watch = Stopwatch { last: zero.into(), ..Stopwatch::new(clock) };
        let told = system.iter().map(|at| watch.at(start + u64::from(*at) * NANOS));
        (told.map(|now| now.saturating_duration_since(zero)).collect(), watch.stops())
    }

    #[test]
    fn it_stands_still_while_nobody_reads_it() {
        let (told, stops) = told(&[100, 1200, 1300, 5300, 5300, 5400]);
        assert_eq!(told, [100, 100, 200, 200, 200, 300].map(|at| at * MILLI));
        assert_eq!(stops, Stops { times: 2, total: 5100 * MILLI });
    }

    #[test]
    fn a_stop_is_told_however_short_it_was() {
        let clock = Clock::start();
        let start = Clock::system();
        let zero = clock.at(start);
        let watch = Stopwatch { last: zero.into(), ..Stopwatch::new(clock) };
        assert_eq!(watch.at(start + 10 * NANOS), zero + 10 * MILLI);
        watch.continued.store(true, Ordering::Relaxed);
        assert_eq!(watch.at(start + 310 * NANOS), zero + 10 * MILLI);
        assert_eq!(watch.at(start + 320 * NANOS), zero + 20 * MILLI, "it was one stop");
        assert_eq!(watch.stops(), Stops { times: 1, total: 300 * MILLI });
    }

    #[test]
    fn delays_of_a_busy_machine_are_part_of_the_times() {
        let (told, stops) = told(&[100, 700, 1700, 2700]);
        assert_eq!(told, [100, 700, 1700, 2700].map(|at| at * MILLI));
        assert_eq!(stops, Stops::default());
        // Nor is it a stop to wait as long as the loop ever does.
        assert!(4 * TICK < STOPPED);
    }
}
