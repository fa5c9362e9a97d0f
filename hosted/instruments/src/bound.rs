//! `--fail-if`: the conditions that make a run a failure.

mod given;
mod metric;
mod misfit;

use std::fmt;
use std::time::Duration;

use self::metric::Metric;
use crate::measurement::Measurement;
use crate::measurement::arrival::{Arrival, arrival};
use crate::measurement::percentiles::{P99, percentile};
use crate::measurement::times::Times;
use crate::quantity;
use crate::report::effort;

/// A bound that a run must not cross: `p99>2ms`, `service p99>1ms`, `rate<90M`, `fail>0.1%`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    /// The sort of times that it bounds, if one is named.
    of: Option<Sort>,
    metric: Metric,
    above: bool,
    bound: f64,
}

/// The sorts of times of a run with a planned rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Service,
    Response,
}

impl Condition {
    /// The message if it holds for this run. A bound that the run cannot decide counts as well: no
    /// check should pass because too little was measured.
    #[must_use]
    pub fn crossed(&self, measurement: &Measurement, message_bytes: u64) -> Option<String> {
        if self.metric == Metric::Limited {
            return self.limited(measurement);
        }
        let Some(value) = self.value(measurement, message_bytes) else {
            return Some(format!("failed: {self} cannot be decided: {}", self.lack(measurement)));
        };
        let holds = if self.above { value > self.bound } else { value < self.bound };
        holds.then(|| format!("failed: {self}: {}", self.said(value, measurement)))
    }

    /// Why it cannot be decided.
    fn lack(&self, measurement: &Measurement) -> String {
        match self.metric {
            Metric::Within(bound) if measurement.within.iter().all(|it| it.bound != bound) => {
                format!("nobody counted it (--within {})", humantime::format_duration(bound))
            }
            Metric::Rate | Metric::Messages if measurement.together.is_some() => {
                "the runs have no time in common".into()
            }
            _ => "too few messages".into(),
        }
    }

    /// The message if the instrument was the limit, or that cannot be told.
    fn limited(&self, measurement: &Measurement) -> Option<String> {
        if measurement.limits().is_none() {
            return Some(format!("failed: {self} cannot be decided: the run was too short"));
        }
        let reasons = effort::reasons(measurement);
        (!reasons.is_empty()).then(|| format!("failed: {self}: {}", reasons.join("; ")))
    }

    /// The value that it bounds, in words.
    fn said(&self, value: f64, measurement: &Measurement) -> String {
        let failed = measurement.tally.fail_rate().unwrap_or_default();
        if value.is_infinite() {
            return format!("it never came back: {} failed", quantity::ratio(failed));
        }
        let response = self.metric.is_time() && self.of.is_none() && measurement.response.is_some();
        let with_failures = matches!(self.metric, Metric::Percentile(_)) && failed > 0.0;
        let of = match (response, with_failures) {
            (false, false) => "",
            (true, false) => " (response)",
            (false, true) => " (with failures)",
            (true, true) => " (response, with failures)",
        };
        format!("it was {}{of}", self.metric.worded(value))
    }

    /// What it bounds, as it was called: `p99`, `service p99`.
    pub(crate) fn name(&self) -> &str {
        self.text.split(['<', '>']).next().unwrap_or_default().trim()
    }

    /// The N of its percentile and the time that this is to be below, if that is what it says.
    pub(crate) fn percentile_below(&self) -> Option<(u64, Duration)> {
        match self.metric {
            Metric::Percentile(one_in) if !self.above => {
                Some((one_in, Duration::from_nanos(self.bound as u64)))
            }
            _ => None,
        }
    }

    /// The percentile that it bounds, if it does; None if there were too few messages.
    pub(crate) fn arrival(&self, measurement: &Measurement) -> Option<Arrival> {
        match self.metric {
            Metric::Percentile(one_in) => arrival(measurement, self.times(measurement), one_in),
            _ => None,
        }
    }

    /// The times that it bounds.
    fn times<'m>(&self, measurement: &'m Measurement) -> &'m Times {
        match self.of {
            Some(Sort::Service) => &measurement.times,
            Some(Sort::Response) | None => measurement.felt(),
        }
    }

    /// The time within which messages have to be counted for it, if it bounds their share.
    pub(crate) const fn within(&self) -> Option<Duration> {
        match self.metric {
            Metric::Within(bound) => Some(bound),
            _ => None,
        }
    }

    fn value(&self, measurement: &Measurement, message_bytes: u64) -> Option<f64> {
        let times = self.times(measurement);
        let nanos = |time: Option<Duration>| time.map(|time| time.as_nanos() as f64);
        match self.metric {
            // What failed is not fast: the bound is not kept because it is missing.
            Metric::Percentile(_) => match self.arrival(measurement)? {
                Arrival::After(time) => nanos(Some(time)),
                Arrival::Never => Some(f64::INFINITY),
            },
            Metric::Fastest => nanos(times.fastest()),
            Metric::Mean => nanos(times.mean()),
            Metric::Slowest if self.of == Some(Sort::Service) => nanos(times.slowest()),
            Metric::Slowest => nanos(measurement.longest_wait()),
            Metric::Rate => measurement.bits_per_second(message_bytes),
            Metric::Messages => measurement.messages_per_second(),
            Metric::Failed => measurement.tally.fail_rate(),
            Metric::Unsent => measurement.unsent_rate(),
            Metric::Class(class) => class.share(measurement),
            Metric::Within(bound) => {
                let mut counted = measurement.within.iter();
                counted.find(|within| within.bound == bound)?.share(measurement)
            }
            Metric::Late => nanos(percentile(measurement.late.as_ref()?, P99)),
            Metric::Limited => None,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;

    use super::*;
    use crate::made_up::MadeUp;
    use crate::measurement::Sample;
    use crate::measurement::effort::Effort;
    use crate::plan::{Pace, Plan};
    use crate::usage::Usage;

    #[test]
    fn a_bound_that_is_crossed_says_by_what() {
        let told = |text: &str, made: &MadeUp| {
            let condition: Condition = text.parse().expect(text);
            condition.crossed(&made.run, made.plan.length)
        };
        let mut made = MadeUp::new(Plan { length: 1000, ..Plan::new() }, 1_000);
        made.echoes([70, 75].into_iter());
        for (text, said) in [
            ("p50>70us", None),
            ("p50>1us", Some("failed: p50>1us: it was 70.0 µs")),
            ("max>1us", Some("failed: max>1us: it was 75.0 µs")),
            ("p99>1us", Some("failed: p99>1us cannot be decided: too few messages")),
            ("rate<1G", Some("failed: rate<1G: it was 16.0 kbit/s")),
            ("messages<5k", Some("failed: messages<5k: it was 2.00/s")),
            ("fail<5%", Some("failed: fail<5%: it was 0 %")),
        ] {
            assert_eq!(told(text, &made).as_deref(), said, "{text}");
        }
        let mut planned = MadeUp::new(Plan { pace: Pace::Rate(2.0), ..Plan::new() }, 1_000);
        let (late, micros) = (Duration::from_micros(9), Duration::from_micros);
        for took in [70, 75].map(micros) {
            planned.ends(Sample { late, ..Sample::new(late, 0, Ok(took)) });
        }
        for (text, said) in [
            ("p50>1us", "failed: p50>1us: it was 79.0 µs (response)"),
            ("response p50>1us", "failed: response p50>1us: it was 79.0 µs"),
            ("service p50>1us", "failed: service p50>1us: it was 70.0 µs"),
            ("service max>1us", "failed: service max>1us: it was 75.0 µs"),
        ] {
            assert_eq!(told(text, &planned).as_deref(), Some(said), "{text}");
        }
        planned.run.under_way.push(micros(400));
        let longest = "failed: max>1us: it was 400 µs (response)";
        assert_eq!(told("max>1us", &planned).as_deref(), Some(longest));
    }

    #[test]
    fn a_percentile_is_not_kept_because_messages_are_missing() {
        let within = vec![Duration::from_millis(1)];
        let plan = Plan { keep_going: true, within, ..Plan::new() };
        let mut made = MadeUp::new(plan, 1_000);
        made.echoes((0..970).map(|n| if n < 960 { 70 } else { 1_500 }));
        let told = |text: &str, made: &MadeUp| {
            let condition: Condition = text.parse().expect(text);
            condition.crossed(&made.run, made.plan.length)
        };
        for (text, said) in [
            ("p95>100us", None),
            ("p99>1ms", Some("failed: p99>1ms: it was 1.50 ms")),
            ("p99>2ms", None),
            ("within 1ms<98%", None),
            ("within 1ms<99.5%", Some("failed: within 1ms<99.5%: it was 99.0 %")),
        ] {
            assert_eq!(told(text, &made).as_deref(), said, "{text}");
        }
        (0..30).for_each(|_| made.fails(500, 0, Failure::Reset));
        for (text, said) in [
            ("p50>100us", None),
            ("p95>100us", None),
            ("p99>2ms", Some("failed: p99>2ms: it never came back: 3.00 % failed")),
            ("p99<2ms", None),
            ("service p99>2ms", Some("failed: service p99>2ms: it never came back: 3.00 % failed")),
            ("max>2ms", None),
            ("p99.99>2ms", Some("failed: p99.99>2ms cannot be decided: too few messages")),
            ("within 1ms<98%", Some("failed: within 1ms<98%: it was 96.0 %")),
            ("p90>1us", Some("failed: p90>1us: it was 70.0 µs (with failures)")),
        ] {
            assert_eq!(told(text, &made).as_deref(), said, "{text}");
        }
    }

    #[test]
    fn an_instrument_that_is_the_limit_is_a_failure_if_asked_for() {
        let limited: Condition = "limited".parse().expect("no bound is needed");
        assert_eq!(limited.misfit(&Plan::new()), None);
        let mut made = MadeUp::new(Plan::new(), 1_000);
        made.echoes((0..1_000).map(|_| 70));
        let told = |made: &MadeUp| limited.crossed(&made.run, 1).unwrap_or_default();
        assert_eq!(told(&made), "failed: limited cannot be decided: the run was too short");
        for (millis, said) in [(500, ""), (990, "failed: limited: its thread was at work 99.0 % ")]
        {
            let used = Usage { ran: Duration::from_millis(millis), ..Usage::default() };
            made.run.effort = Some(Effort { used, ..Effort::default() });
            let told = told(&made);
            assert!(told.starts_with(said) && told.is_empty() == said.is_empty(), "{told}");
        }
    }
}
