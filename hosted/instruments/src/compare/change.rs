//! One number of both sides, and how it has changed.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::measurement::percentiles::PERCENTILES;
use crate::quantity;

/// A number that a run may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) name: String,
    pub(super) unit: Unit,
    /// The place of its value in a run, and of its interval in a whole report.
    pub(super) places: [String; 2],
    /// For a percentile the N of "one in N".
    pub(super) one_in: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Less is better.
    Nanoseconds,
    /// More is better.
    BitsPerSecond,
    /// A share from 0 to 1. Less is better.
    Share,
}

impl Unit {
    pub(super) fn worded(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => quantity::duration(Duration::from_nanos(value as u64)),
            Self::BitsPerSecond => quantity::bit_rate(value),
            Self::Share => quantity::ratio(value),
        }
    }
}

impl Number {
    /// All that are compared: the times that a user sees, the rate and the failures. The maximum is left out:
    /// it belongs to a single message.
    pub(super) fn of(runs: &[&Value]) -> Vec<Self> {
        let felt = runs.iter().all(|run| run["response_ns"].is_object());
        let (times, of) = if felt { ("response_ns", "response ") } else { ("service_ns", "") };
        let percentiles = PERCENTILES.into_iter().filter(|(name, _)| *name != "p99.999");
        let named = percentiles.map(|(name, n)| (name, Some(n))).chain([("mean", None)]);
        let times = named.map(|(name, one_in)| {
            let key = name.replace('.', "_");
            let places = [format!("/{times}/{key}"), format!("/{times}/interval95/{key}")];
            Self { name: format!("{of}{name}"), unit: Unit::Nanoseconds, places, one_in }
        });
        let other = |name: &str, unit, key: &str| Self {
            name: name.to_owned(),
            unit,
            places: [format!("/{key}"), format!("/{key}_interval95")],
            one_in: None,
        };
        let rate = other("rate", Unit::BitsPerSecond, "rate_bps");
        times.chain([rate, other("failed", Unit::Share, "fail_rate")]).collect()
    }

    /// Its value in each run; None if one of them lacks it.
    pub(super) fn values(&self, runs: &[&Value]) -> Result<Option<Vec<f64>>> {
        let place = &self.places[0];
        let mut values = Vec::with_capacity(runs.len());
        for run in runs {
            match run.pointer(place) {
                None | Some(Value::Null) => return Ok(None),
                Some(found) => match number(found) {
                    Some(found) => values.push(found),
                    None => bail!("cannot compare: no run has a {place} of {found}"),
                },
            }
        }
        Ok(Some(values))
    }

    /// The 95 % confidence interval of its value in a run, if that is known.
    pub(super) fn interval(&self, run: &Value) -> Option<[f64; 2]> {
        let ends = run.pointer(&self.places[1])?;
        Some([number(ends.get(0)?)?, number(ends.get(1)?)?])
    }
}

/// A number that can be one of a run.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| (0.0..=LARGEST).contains(number))
}

/// Thirty years in nanoseconds, or an exabit per second.
const LARGEST: f64 = 1e18;

/// One number of both sides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) values: [f64; 2],
    /// By how many per cent the second side is larger; infinite if the first is 0.
    pub(super) percent: f64,
    /// How well that is known, in words.
    pub(super) certainty: String,
    /// Whether enough was measured to tell a change from chance.
    pub(super) judged: bool,
    /// Whether it is one.
    pub(super) sure: bool,
}

impl Change {
    /// The change in words, which have no infinite percentage.
    pub(super) fn worded(&self) -> String {
        if self.percent.is_finite() {
            format!("{:+.1} %", self.percent)
        } else {
            "from none".into()
        }
    }

    /// Whether it is worse by more than the threshold, and not by chance.
    pub(super) fn is_worse(&self, threshold: f64) -> bool {
        self.exceeds(threshold) && self.sure
    }

    /// Whether it is better by more than the threshold, and not by chance.
    pub(super) fn is_better(&self, threshold: f64) -> bool {
        -self.badness() > threshold && self.sure
    }

    /// Whether it is worse by more than the threshold, be it by chance.
    pub(super) fn exceeds(&self, threshold: f64) -> bool {
        self.badness() > threshold
    }

    /// The per cent by which it is worse.
    fn badness(&self) -> f64 {
        match self.unit {
            Unit::Nanoseconds | Unit::Share => self.percent,
            Unit::BitsPerSecond => -self.percent,
        }
    }
}

/// The percentage by which `after` is larger than `before`; infinite if that is 0.
pub(super) fn percent(before: f64, after: f64) -> f64 {
    if before == after { 0.0 } else { (after / before - 1.0) * 100.0 }
}
