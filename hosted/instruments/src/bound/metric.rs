//! What a condition bounds.

use std::str::FromStr;
use std::time::Duration;

use crate::measurement::percentiles::{P99, PERCENTILES};
use crate::quantity;
use crate::quantity::given::Time;
use crate::report::datagrams::Class;

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
    /// How many datagrams of a class there were for each message.
    Class(Class),
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
            Self::Failed | Self::Unsent | Self::Class(_) => quantity::ratio(value),
            Self::Within(_) => quantity::share(value),
            _ => quantity::duration(Duration::from_nanos(value as u64)),
        }
    }

    /// Whether it bounds how many there were for each message.
    pub(super) const fn is_share(self) -> bool {
        matches!(self, Self::Failed | Self::Unsent | Self::Class(_) | Self::Within(_))
    }

    /// Whether it bounds a share that is a part of all messages: 1 at the most.
    pub(super) const fn is_part(self) -> bool {
        match self {
            Self::Class(class) => !class.may_outnumber(),
            _ => self.is_share(),
        }
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
                    let percentile = known.map(|(_, one_in)| Self::Percentile(one_in));
                    percentile.or(Class::named(name).map(Self::Class)).ok_or(EXPECTED)?
                }
            },
        })
    }
}

/// What is expected of a condition.
pub(super) const EXPECTED: &str = "expected a bound like p99>2ms, rate<90M, fail>0.1% or 'within 1ms<99%', or limited (--help names all that can be bound)";

#[cfg(test)]
mod tests {
    use echo_core::Failure;

    use crate::bound::Condition;
    use crate::made_up::MadeUp;
    use crate::measurement::Datagrams;
    use crate::plan::{Plan, Protocol};

    #[test]
    fn what_becomes_of_datagrams_is_bound_by_class() {
        let plan = Plan { protocol: Protocol::Udp, keep_going: true, ..Plan::new() };
        let mut made = MadeUp::new(plan, 1_000);
        let bound = |text: &str| text.parse::<Condition>().expect(text);
        let told = |text: &str, made: &MadeUp| bound(text).crossed(&made.run, 1);
        assert_eq!(
            told("lost>1%", &made).as_deref(),
            Some("failed: lost>1% cannot be decided: too few messages")
        );
        made.echoes((0..90).map(|_| 70));
        let timed_out = Failure::TimedOut { received: 0, length: 1, whole: None };
        (0..10).for_each(|_| made.fails(500, 0, timed_out));
        let datagrams =
            Datagrams { late: 4, reordered: Some(99), foreign: 151, ..Datagrams::default() };
        made.run.datagrams = Some(datagrams);
        for (text, said) in [
            ("lost>6%", None),
            ("lost>5%", Some("failed: lost>5%: it was 6.00 %")),
            ("overdue>3.9%", Some("failed: overdue>3.9%: it was 4.00 %")),
            ("duplicated>0", None),
            ("reordered>98%", Some("failed: reordered>98%: it was 99.0 %")),
            ("foreign>151%", None),
            ("foreign>150%", Some("failed: foreign>150%: it was 151 %")),
            ("cut>0", None),
            ("crossed>0", None),
            ("crossed<1%", Some("failed: crossed<1%: it was 0 %")),
        ] {
            assert_eq!(told(text, &made).as_deref(), said, "{text}");
        }
        assert_eq!(bound("lost>1%").misfit(&made.plan), None);
        assert_eq!(
            bound("lost>1%").misfit(&Plan::new()).as_deref(),
            Some("--fail-if lost>1% can never hold: that happens to datagrams only: add --udp")
        );
        assert!("service lost>1%".parse::<Condition>().is_err(), "no time");
    }
}
