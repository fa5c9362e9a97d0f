//! `--fail-if`: what makes a run a failure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::measurement::Measurement;
use crate::measurement::percentiles::{P99, PERCENTILES, percentile};
use crate::quantity::given::{Time, number};

/// A bound that a run must not cross: `p99>2ms`, `rate<90M`, `fail>0.1%`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    metric: Metric,
    above: bool,
    bound: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    /// Nanoseconds that one in so many exceeded.
    Percentile(u64),
    Fastest,
    Mean,
    Slowest,
    /// Bits per second.
    Rate,
    /// Messages per second.
    Messages,
    /// The share of messages that failed.
    Failed,
    /// The share of messages that were due and never sent.
    Unsent,
    /// Nanoseconds after it was due at which one message in a hundred was not yet sent.
    Late,
}

impl Condition {
    /// Whether it holds for this run; None if the run does not tell.
    #[must_use]
    pub fn holds(&self, measurement: &Measurement, message_bytes: u64) -> Option<bool> {
        let times = measurement.felt();
        let nanos = |time: Option<Duration>| time.map(|time| time.as_nanos() as f64);
        let value = match self.metric {
            Metric::Percentile(one_in) => nanos(percentile(times, one_in)),
            Metric::Fastest => nanos(times.fastest()),
            Metric::Mean => nanos(times.mean()),
            Metric::Slowest => nanos(measurement.longest_wait()),
            Metric::Rate => measurement.bits_per_second(message_bytes),
            Metric::Messages => measurement.messages_per_second(),
            Metric::Failed => measurement.tally.fail_rate(),
            Metric::Unsent => measurement.unsent_rate(),
            // Without a schedule nothing is due before it is sent.
            Metric::Late => {
                measurement.late.as_ref().map_or(Some(0.0), |late| nanos(percentile(late, P99)))
            }
        }?;
        Some(if self.above { value > self.bound } else { value < self.bound })
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']).ok_or(EXPECTED)?;
        let (name, bound) = (text[..at].trim(), text[at + 1..].trim());
        let metric = match name {
            "min" => Metric::Fastest,
            "avg" | "mean" => Metric::Mean,
            "max" => Metric::Slowest,
            "rate" => Metric::Rate,
            "messages" => Metric::Messages,
            "fail" => Metric::Failed,
            "unsent" => Metric::Unsent,
            "late" => Metric::Late,
            _ => {
                let known = PERCENTILES.into_iter().find(|(known, _)| *known == name);
                Metric::Percentile(known.ok_or(EXPECTED)?.1)
            }
        };
        let bound = match metric {
            Metric::Rate | Metric::Messages => number(bound),
            Metric::Failed | Metric::Unsent => match bound.strip_suffix('%') {
                Some(percent) => number(percent.trim_end()).map(|percent| percent / 1e2),
                None => number(bound),
            },
            _ => bound.parse().ok().map(|Time(time)| time.as_nanos() as f64),
        };
        let bound = bound.filter(|bound| *bound >= 0.0);
        if matches!(metric, Metric::Failed | Metric::Unsent)
            && bound.is_some_and(|share| share > 1.0)
        {
            return Err(
                "a share is at most 100 %, that is 1: write 5% for five in a hundred".into()
            );
        }
        let above = text.as_bytes()[at] == b'>';
        Ok(Self { text: text.to_owned(), metric, above, bound: bound.ok_or(EXPECTED)? })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const EXPECTED: &str = "expected a bound such as p99>2ms (also p50 to p99.999, min, avg, max), \
                        rate<90M (bit/s), messages<5k (a second), fail>0.1%, unsent>1% or \
                        late>1ms (the p99 of how late messages were sent)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_in_their_units() {
        for (text, metric, above, bound) in [
            ("p99>2ms", Metric::Percentile(100), true, 2e6),
            ("p99.9 > 0.5", Metric::Percentile(1000), true, 5e8),
            ("max<1s", Metric::Slowest, false, 1e9),
            ("rate<90M", Metric::Rate, false, 90e6),
            ("messages<5k", Metric::Messages, false, 5e3),
            ("fail>0.5%", Metric::Failed, true, 0.005),
            ("fail>0", Metric::Failed, true, 0.0),
            ("unsent>1%", Metric::Unsent, true, 0.01),
            ("late>1ms", Metric::Late, true, 1e6),
        ] {
            let expected = Condition { text: text.to_owned(), metric, above, bound };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "p99",
            "p98>1ms",
            ">2ms",
            "p99>",
            "p99>2parsecs",
            "rate<x",
            "fail>-1",
            "fail>5",
            "unsent>101%",
        ] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }
}
