//! What a condition bounds.

use std::str::FromStr;
use std::time::Duration;

use crate::measurement::percentiles::{P99, PERCENTILES};
use crate::quantity;
use crate::quantity::given::Time;

/// A number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    /// The nanoseconds that one in this many messages exceeded.
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
    /// The share of messages that were due but never sent.
    Unsent,
    /// The share of messages that came back within this time.
    Within(Duration),
    /// Nanoseconds after it was due at which one message in a hundred was not yet sent.
    Late,
    /// Whether the instrument was the limit: a condition without a bound.
    Limited,
}

impl Metric {
    /// A percentile of fewer messages is none.
    pub(super) const fn fewest_messages(self) -> Option<u64> {
        match self {
            Self::Percentile(one_in) => Some(one_in),
            Self::Late => Some(P99),
            _ => None,
        }
    }

    pub(super) fn worded(self, value: f64) -> String {
        match self {
            Self::Rate => quantity::bit_rate(value),
            Self::Messages => format!("{}/s", quantity::amount(value)),
            Self::Failed | Self::Unsent => quantity::ratio(value),
            Self::Within(_) => quantity::share(value),
            _ => quantity::duration(Duration::from_nanos(value as u64)),
        }
    }

    /// Whether it bounds a share, of 0 to 1.
    pub(super) const fn is_share(self) -> bool {
        matches!(self, Self::Failed | Self::Unsent | Self::Within(_))
    }

    /// Whether it bounds a round trip, a service or a response.
    pub(super) const fn is_time(self) -> bool {
        use Metric::{Fastest, Mean, Percentile, Slowest};
        matches!(self, Percentile(_) | Fastest | Mean | Slowest)
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "min" => Self::Fastest,
            "avg" | "mean" => Self::Mean,
            "max" => Self::Slowest,
            "rate" => Self::Rate,
            "messages" => Self::Messages,
            "fail" => Self::Failed,
            "unsent" => Self::Unsent,
            "late" => Self::Late,
            _ => match name.split_once(' ') {
                Some(("within", bound)) => {
                    let Time(bound) = bound.trim().parse()?;
                    Self::Within(Some(bound).filter(|bound| !bound.is_zero()).ok_or(EXPECTED)?)
                }
                _ => {
                    let known = PERCENTILES.into_iter().find(|(known, _)| *known == name);
                    Self::Percentile(known.ok_or(EXPECTED)?.1)
                }
            },
        })
    }
}

/// What is expected of a condition.
pub(super) const EXPECTED: &str = "expected a bound like p99>2ms, rate<90M, fail>0.1% or 'within 1ms<99%', or limited (--help names all that can be bound)";
