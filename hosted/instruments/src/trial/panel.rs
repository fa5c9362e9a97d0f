//! What a run looks like on a terminal while it goes on: three lines. They are only worded
//! here; the `terminal` draws them.

#[cfg(test)]
mod snapshots;

use std::collections::VecDeque;
use std::time::Duration;

use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::measurement::{Measurement, bits};
use crate::quantity;
use crate::report::Subject;

/// How many seconds the panel looks back.
const SECONDS: usize = 40;

const SECOND: Duration = Duration::from_secs(1);

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The words, and a short memory of the rate.
#[derive(Debug)]
pub(super) struct Panel {
    head: String,
    message_bytes: u64,
    planned: Option<Duration>,
    warm_up: Duration,
    /// Messages a second, of each of the last seconds.
    rates: VecDeque<f64>,
    /// When the present second began, and how many messages were back then.
    since: (Duration, u64),
}

impl Panel {
    /// A panel for a run of this load.
    #[must_use]
    pub(super) fn new(subject: &Subject<'_>) -> Self {
        let bytes = quantity::bytes(subject.plan.length);
        let load = match subject.plan.connections {
            1 => bytes,
            connections => format!("{} × {bytes}", quantity::count(connections.into())),
        };
        Self {
            head: format!("{}  {load}", subject.name),
            message_bytes: subject.plan.length,
            planned: subject.plan.time,
            warm_up: subject.plan.omit,
            rates: VecDeque::with_capacity(SECONDS + 1),
            since: (Duration::ZERO, 0),
        }
    }

    /// Takes notice of the run so far: call it now and then.
    pub(super) fn notice(&mut self, measurement: &Measurement) {
        let (now, echoed) = (measurement.elapsed, measurement.tally.echoed());
        let passed = now.saturating_sub(self.since.0);
        if passed < SECOND {
            return;
        }
        self.rates.push_back((echoed - self.since.1) as f64 / passed.as_secs_f64());
        if self.rates.len() > SECONDS {
            self.rates.pop_front();
        }
        self.since = (now, echoed);
    }

    /// Three lines.
    #[must_use]
    pub(super) fn lines(&self, measurement: &Measurement, success: &str) -> String {
        let tally = &measurement.tally;
        let warm_up = measurement.elapsed.is_zero() && !self.warm_up.is_zero();
        let (clock, messages) = match self.planned {
            _ if warm_up => {
                (format!("warm-up of {}", quantity::duration(self.warm_up)), measurement.omitted)
            }
            Some(planned) => {
                let clocks = format!("{} of {}", clock(measurement.elapsed), clock(planned));
                (clocks, tally.messages())
            }
            None => (clock(measurement.elapsed), tally.messages()),
        };
        let [messages, failed] = [messages, tally.failures()].map(quantity::count);
        let head = format!(" {}   {clock}   {messages} messages   failed {failed}", self.head);
        let per_second = self.rates.back().copied().or(measurement.messages_per_second());
        let per_second = per_second.unwrap_or_default();
        let rate = quantity::bit_rate(bits(per_second, self.message_bytes));
        let rate = format!(
            " rate  {}   {rate}   {}/s{success}",
            sparkline(&self.rates),
            quantity::amount(per_second)
        );
        let (times, name) = (measurement.felt(), measurement.felt_name());
        let time = |one_in| percentile(times, one_in).map_or("n/a".into(), quantity::duration);
        let slowest = times.slowest().map_or("n/a".into(), quantity::duration);
        let rtt = format!(
            " {name}   p50 {}   p99 {}   p99.9 {}   max {slowest}   Ctrl+C ends",
            time(MEDIAN),
            time(P99),
            time(1_000)
        );
        [head, rate, rtt].join("\n")
    }
}

/// One bar for each rate, as high as its share of the highest.
fn sparkline(rates: &VecDeque<f64>) -> String {
    let highest = rates.iter().copied().fold(0.0, f64::max);
    let bar = |rate: &f64| {
        let share = if highest > 0.0 { rate / highest } else { 0.0 };
        BARS[((share * 8.0).ceil() as usize).clamp(1, 8) - 1]
    };
    rates.iter().map(bar).collect()
}

/// `0:47`, `1:02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_highest() {
        assert_eq!(sparkline(&VecDeque::from([0.0, 0.1, 30.0, 50.0, 100.0])), "▁▁▃▄█");
        assert_eq!(sparkline(&VecDeque::from([0.0, 0.0])), "▁▁");
        assert_eq!(sparkline(&VecDeque::new()), "");
    }

    #[test]
    fn clocks_have_hours_when_needed() {
        let texts = [0, 47, 600, 3_723].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(texts, ["0:00", "0:47", "10:00", "1:02:03"]);
    }
}
