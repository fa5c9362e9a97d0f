//! What a search is to keep, and what a step needs to show it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::bound::Condition;
use crate::measurement::Measurement;
use crate::measurement::arrival::Arrival;
use crate::measurement::percentiles::fewest;

/// A percentile that is to stay below a time: `p99<1ms`, `service p99<1ms`.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    condition: Condition,
    one_in: u64,
    bound: Duration,
}

/// A step is no shorter than this many times the bound, over the share of the percentile: a queue that grows
/// because the rate exceeds what the server can do by 4 % is then longer than the bound before its end.
const LONGER: f64 = 25.0;

/// The lowest of the rates with which searches begin.
const FIRST: f64 = 10.0;

impl Goal {
    /// The bound, which a kept percentile is below.
    #[must_use]
    pub const fn bound(&self) -> Duration {
        self.bound
    }

    /// The N of "one in N messages is slower".
    #[must_use]
    pub const fn one_in(&self) -> u64 {
        self.one_in
    }

    /// The name of the percentile: `p99`, `service p99`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.condition.name()
    }

    /// What the percentile is in this run; None if it had too few messages.
    #[must_use]
    pub fn value(&self, measurement: &Measurement) -> Option<Arrival> {
        self.condition.arrival(measurement)
    }

    /// The number of messages that a step needs.
    #[must_use]
    pub fn fewest(&self) -> u64 {
        fewest(self.one_in)
    }

    /// How long a step at this rate takes, which is to take `least`.
    #[must_use]
    pub fn step(&self, rate: f64, least: Duration) -> Duration {
        let enough = Duration::from_secs_f64(self.fewest() as f64 / rate);
        let share = 1.0 - 1.0 / self.one_in as f64;
        least.max(enough).max(self.bound.mul_f64(LONGER / share))
    }

    /// The rate of the first step: the lowest of 1, 2 or 5 times a power of ten at which a step that takes
    /// `least` is long enough.
    #[must_use]
    pub fn first(&self, least: Duration) -> f64 {
        let least = self.step(f64::INFINITY, least);
        let rate = (self.fewest() as f64 / least.as_secs_f64()).max(FIRST);
        let power = 10_f64.powi(rate.log10().floor() as i32);
        let round = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
        round.into_iter().find(|round| *round >= rate).unwrap_or(rate)
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let condition: Condition = text.parse().map_err(|_| EXPECTED)?;
        let (one_in, bound) = condition.percentile_below().ok_or(EXPECTED)?;
        Ok(Self { condition, one_in, bound })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

const EXPECTED: &str = "expected a bound like p99<1ms: a percentile (p50, p75, p90, p95, p99, p99.9, p99.99 or p99.999) below a time";

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn goal(text: &str) -> Goal {
        text.parse().expect(text)
    }

    #[test]
    fn goals_are_percentiles_below_a_time() {
        let goal = goal("p99.9 < 5ms");
        assert_eq!((goal.one_in(), goal.bound()), (1_000, Duration::from_millis(5)));
        assert_eq!((goal.name(), goal.to_string().as_str()), ("p99.9", "p99.9 < 5ms"));
        assert_eq!("service p50<1ms".parse::<Goal>().expect("one").name(), "service p50");
        for text in ["p99>1ms", "max<1ms", "rate<5M", "p98<1ms", "p99", "", "p99<0", "p99<x"] {
            assert_eq!(text.parse::<Goal>(), Err(EXPECTED.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_step_is_long_enough_for_its_percentile_and_for_a_queue_to_show() {
        let told = |text, rate| goal(text).step(rate, 2 * SECOND).as_secs_f64();
        assert_eq!(told("p99<1ms", 1e4), 2.0);
        assert_eq!(told("p99<1ms", 100.0), 3.68);
        assert_eq!(told("p99.9<1ms", 100.0), 36.88);
        assert!((told("p99<1s", 1e4) - 25.253).abs() < 1e-3);
        assert!((told("p50<1s", 1e4) - 50.0).abs() < 1e-3);
    }

    #[test]
    fn the_first_rate_is_a_round_one_at_which_a_step_is_no_longer_than_asked() {
        for (text, least, first) in [
            ("p99<1ms", 2 * SECOND, 200.0),
            ("p50<1ms", 2 * SECOND, 10.0),
            ("p99.9<1ms", 2 * SECOND, 2_000.0),
            ("p99.99<1ms", 2 * SECOND, 20_000.0),
            ("p99<1ms", SECOND / 10, 5_000.0),
            ("p99<1s", SECOND, 20.0),
        ] {
            let goal = goal(text);
            assert_eq!(goal.first(least), first, "{text}");
            let shortest = goal.step(f64::INFINITY, least);
            assert!(goal.step(first, least) <= shortest, "{text}");
        }
    }
}
