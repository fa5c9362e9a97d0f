//! What a run found out: plain numbers, bounded in size however long the run.

use std::time::{Duration, SystemTime};

use echo_core::{Failure, Tally};
use hdrhistogram::Histogram;

use crate::timeline::Timeline;

/// How many failures are kept word for word; the tally counts all.
const INCIDENTS: usize = 10;

/// The longest round trip that the histogram tells from longer ones: one hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// The result of a run, or of its part so far.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// When the run started, on the wall clock.
    pub started: SystemTime,
    /// From the start of the run to its end.
    pub elapsed: Duration,
    /// Why it ended.
    pub ended: Ended,
    /// How many messages ended how. Messages under way at the end are not counted.
    pub tally: Tally,
    /// Round-trip times of the messages that were echoed.
    pub times: Times,
    /// The course of the run.
    pub timeline: Timeline,
    /// The first failures.
    pub incidents: Vec<Incident>,
}

impl Default for Measurement {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As planned.
    AsPlanned,
    /// The user asked for it.
    Stopped,
    /// A message failed, and the plan was to stop then.
    Failed,
}

/// One failed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident {
    /// When, since the start of the run.
    pub at: Duration,
    /// On which connection, from 0.
    pub connection: usize,
    /// What happened.
    pub failure: Failure,
}

impl Measurement {
    /// Starts now, with nothing measured.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: SystemTime::now(),
            elapsed: Duration::ZERO,
            ended: Ended::AsPlanned,
            tally: Tally::default(),
            times: Times::new(),
            timeline: Timeline::new(),
            incidents: Vec::with_capacity(INCIDENTS),
        }
    }

    /// Records one message that ended `at` this time after the start. Allocates nothing.
    pub fn record(&mut self, at: Duration, connection: usize, end: Result<Duration, Failure>) {
        self.tally.record(&end);
        match end {
            Ok(took) => {
                self.times.record(took);
                self.timeline.record(at, took);
            }
            Err(failure) => {
                self.timeline.record_failure(at);
                if self.incidents.len() < INCIDENTS {
                    self.incidents.push(Incident { at, connection, failure });
                }
            }
        }
    }

    /// Messages echoed per second, if any time has passed.
    #[must_use]
    pub fn messages_per_second(&self) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        (seconds > 0.0).then(|| self.tally.echoed() as f64 / seconds)
    }

    /// Payload echoed, in bits per second, counted once and not both ways.
    #[must_use]
    pub fn bits_per_second(&self, message_bytes: u64) -> Option<f64> {
        self.messages_per_second().map(|messages| messages * message_bytes as f64 * 8.0)
    }
}

/// Round-trip times: percentiles to three digits, sums exact.
#[derive(Debug, Clone)]
pub struct Times {
    histogram: Histogram<u64>,
    /// In nanoseconds.
    sum: u128,
    /// In square nanoseconds.
    squares: u128,
    fastest: Duration,
    slowest: Duration,
}

impl Times {
    fn new() -> Self {
        Self {
            histogram: Histogram::new_with_bounds(1, LONGEST_NS, 3)
                .expect("1 ns to 1 h to 3 digits is a valid histogram"),
            sum: 0,
            squares: 0,
            fastest: Duration::MAX,
            slowest: Duration::ZERO,
        }
    }

    fn record(&mut self, time: Duration) {
        // Some 580 years fit.
        let nanos = time.as_nanos() as u64;
        self.histogram.saturating_record(nanos.max(1));
        self.sum += u128::from(nanos);
        self.squares += u128::from(nanos) * u128::from(nanos);
        self.fastest = self.fastest.min(time);
        self.slowest = self.slowest.max(time);
    }

    /// The distribution, in nanoseconds to three digits.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.histogram.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fastest, exactly.
    #[must_use]
    pub fn fastest(&self) -> Option<Duration> {
        (!self.is_empty()).then_some(self.fastest)
    }

    /// The slowest, exactly.
    #[must_use]
    pub fn slowest(&self) -> Option<Duration> {
        (!self.is_empty()).then_some(self.slowest)
    }

    /// The mean, exactly.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(self.len().into())?;
        Some(Duration::from_nanos(mean as u64))
    }

    /// The standard deviation of these times (ping's `mdev`).
    #[must_use]
    pub fn deviation(&self) -> Option<Duration> {
        let n = u128::from(self.len());
        let mean = self.sum.checked_div(n)?;
        let variance = (self.squares / n).saturating_sub(mean * mean);
        Some(Duration::from_nanos((variance as f64).sqrt() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_numbers() {
        let nothing = Measurement::new();
        assert_eq!(nothing.messages_per_second(), None);
        assert_eq!(nothing.times.mean(), None);
        assert_eq!(nothing.times.deviation(), None);
        assert_eq!(nothing.times.fastest(), None);
    }

    #[test]
    fn moments_are_exact() {
        let mut times = Times::new();
        for micros in [40, 50, 60, 50] {
            times.record(Duration::from_micros(micros));
        }
        assert_eq!(times.mean(), Some(Duration::from_micros(50)));
        assert_eq!(times.deviation(), Some(Duration::from_nanos(7071)));
        assert_eq!(times.fastest(), Some(Duration::from_micros(40)));
        assert_eq!(times.slowest(), Some(Duration::from_micros(60)));
    }

    #[test]
    fn only_the_first_failures_are_kept() {
        let mut out = Measurement::new();
        for at in 0..20 {
            out.record(Duration::from_secs(at), 3, Err(Failure::Reset));
        }
        assert_eq!(out.incidents.len(), INCIDENTS);
        assert_eq!(out.tally.failures(), 20);
    }
}
