//! Conditions as they are given on the command line.

use std::str::FromStr;

use super::metric::{EXPECTED, Metric};
use super::{Condition, Sort};
use crate::quantity::given::{Time, number};

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == LIMITED {
            let metric = Metric::Limited;
            return Ok(Self { text: LIMITED.into(), of: None, metric, above: true, bound: 0.0 });
        }
        let at = text.find(['<', '>']).ok_or(EXPECTED)?;
        let (name, bound) = (text[..at].trim(), text[at + 1..].trim());
        let (of, name) = match name.split_once(' ') {
            Some(("service", name)) => (Some(Sort::Service), name.trim()),
            Some(("response", name)) => (Some(Sort::Response), name.trim()),
            _ => (None, name),
        };
        let metric: Metric = name.parse()?;
        let above = text.as_bytes()[at] == b'>';
        let mut condition = Self { text: text.to_owned(), of, metric, above, bound: 0.0 };
        let percent = bound.strip_suffix('%');
        let bound = match metric {
            Metric::Rate | Metric::Messages => number(bound),
            _ if metric.is_share() => match percent {
                Some(percent) => number(percent.trim_end()).map(|percent| percent / 1e2),
                None => number(bound),
            },
            _ => bound.parse().ok().map(|Time(time)| time.as_nanos() as f64),
        };
        condition.bound = bound.filter(|bound| *bound >= 0.0).ok_or(EXPECTED)?;
        if metric.is_share() && percent.is_none() && condition.bound > 1.0 {
            return Err("1 is all of them: write 5% for five in a hundred".into());
        }
        if metric.is_part() && condition.bound > 1.0 {
            return Err("this share is at most 100 %".into());
        }
        if of.is_some() && !metric.is_time() {
            return Err("service and response have p50 to p99.999, min, avg and max only".into());
        }
        if !above && condition.bound == 0.0 {
            return Err("it can never hold: nothing is below 0".into());
        }
        if above && metric.is_part() && condition.bound == 1.0 {
            return Err("it can never hold: this share is at most 100 %".into());
        }
        Ok(condition)
    }
}

/// The condition that has no bound.
const LIMITED: &str = "limited";

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
            ("p75>2ms", Metric::Percentile(4), true, 2e6),
            ("p95<2ms", Metric::Percentile(20), false, 2e6),
            ("within 1ms<99%", Metric::Within(Duration::from_millis(1)), false, 0.99),
            ("within 0.5 > 0.9", Metric::Within(Duration::from_millis(500)), true, 0.9),
        ] {
            let expected = Condition { text: text.to_owned(), of: None, metric, above, bound };
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
            "service rate<5M",
            "server p99>1ms",
            "within<99%",
            "within soon<99%",
            "within 0<99%",
            "within 1ms<101%",
            "service within 1ms<99%",
            "lost>101%",
            "overdue>150%",
            "cut>200%",
            "reordered<101%",
            "duplicated>5",
            "foreign>-1%",
        ] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }

    /// A message may come back any number of times, and strangers may send what they like.
    #[test]
    fn there_may_be_more_of_what_comes_besides_than_messages() {
        for name in ["duplicated", "crossed", "foreign"] {
            for (given, bound) in [("100%", 1.0), ("150%", 1.5), ("1", 1.0)] {
                let condition: Condition = format!("{name}>{given}").parse().expect(name);
                assert_eq!(condition.bound, bound, "{name}>{given}");
            }
        }
    }

    #[test]
    fn what_can_never_hold_is_refused() {
        for text in [
            "p99<0",
            "rate<0",
            "fail<0%",
            "fail>100%",
            "unsent>1",
            "lost>100%",
            "within 1s>1",
            "reordered>100%",
        ] {
            let error = text.parse::<Condition>().expect_err(text);
            assert!(error.starts_with("it can never hold: "), "{error}");
        }
    }
}
