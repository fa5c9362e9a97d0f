//! `hosted compare`: what changed from one report to another.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value};

use crate::Verdict;
use crate::address::reason;
use crate::cli::CompareArgs;
use crate::confidence::{fail_rate_interval, mean_interval};
use crate::escape::shown;
use crate::progress::note;
use crate::report::SCHEMA;
use crate::units::{self, plain};

/// Runs `hosted compare`.
///
/// # Errors
///
/// If a report cannot be read.
pub fn main(args: &CompareArgs) -> Result<Verdict> {
    let [before, after] = [read(&args.before)?, read(&args.after)?];
    let mut unlike = unlike(&before["config"], &after["config"]);
    unlike.extend(differs(&before, &after, "command"));
    unlike.extend(differs(&before, &after, "complete"));
    if !unlike.is_empty() {
        note(&plain(&format!("note: the two runs were not made alike: {}", unlike.join(", "))));
    }
    let changes = changes(&before, &after);
    if changes.is_empty() {
        return Err(anyhow!("cannot compare: the reports have no number in common"));
    }
    let mut text = format!("{:<10}{:>14}{:>14}{:>10}\n", "", "before", "after", "change");
    for change in &changes {
        text.push_str(&change.line());
    }
    let worse: Vec<_> = changes.iter().filter(|change| change.regressed(args.threshold)).collect();
    for change in &worse {
        text.push_str(&format!("regression: {} {}\n", change.name, change.worded().trim_start()));
    }
    let judged = changes.iter().any(|change| change.sure().is_some());
    if !judged {
        text.push_str("nothing can be told from so few messages\n");
    } else if worse.is_empty() {
        text.push_str(&format!("no regression beyond {} %\n", args.threshold));
    }
    io::stdout().write_all(plain(&text).as_bytes()).context("cannot write to stdout")?;
    // Nobody should pass because too little was measured.
    Ok(if judged && worse.is_empty() { Verdict::Well } else { Verdict::Failed })
}

fn read(path: &Path) -> Result<Value> {
    let shown = shown(path);
    let text =
        fs::read(path).map_err(|error| anyhow!("cannot read {shown}: {}", reason(&error)))?;
    let report: Value = serde_json::from_slice(&text)
        .map_err(|error| anyhow!("cannot read {shown}: not a report ({error})"))?;
    if report["schema"] == SCHEMA {
        Ok(report)
    } else {
        Err(anyhow!("cannot read {shown}: not a report of the schema {SCHEMA}"))
    }
}

/// In what two configurations differ: `connections 1 and 64`.
fn unlike(before: &Value, after: &Value) -> Vec<String> {
    let keys = [before, after].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().filter_map(|key| differs(before, after, key)).collect()
}

fn differs(before: &Value, after: &Value, key: &str) -> Option<String> {
    let [before, after] = [&before[key], &after[key]];
    (before != after).then(|| format!("{key} {before} and {after}"))
}

/// One number of both reports.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    name: &'static str,
    unit: Unit,
    values: [f64; 2],
    /// Between which values each lies with 95 % confidence, if that is known.
    intervals: [Option<(f64, f64)>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Less is better.
    Nanoseconds,
    /// More is better.
    BitsPerSecond,
    /// A share from 0 to 1. Less is better.
    Share,
}

impl Change {
    /// By how much the second value is larger; infinite from nothing to something.
    fn percent(&self) -> f64 {
        match self.values {
            [before, after] if before == after => 0.0,
            [before, after] => (after / before - 1.0) * 100.0,
        }
    }

    /// The change for people, who know no infinite per cent.
    fn worded(&self) -> String {
        match self.percent() {
            percent if percent.is_finite() => format!("{percent:>+8.1} %"),
            _ => format!("{:>10}", "from none"),
        }
    }

    /// Both intervals.
    fn sure(&self) -> Option<[(f64, f64); 2]> {
        let [before, after] = self.intervals;
        before.zip(after).map(|(before, after)| [before, after])
    }

    /// Worse by more than the threshold, and not by chance: the intervals do not overlap. Without
    /// intervals nobody can tell.
    fn regressed(&self, threshold: f64) -> bool {
        let by_chance = self.sure().is_none_or(|[a, b]| a.0 <= b.1 && b.0 <= a.1);
        let worse = match self.unit {
            Unit::Nanoseconds | Unit::Share => self.percent(),
            Unit::BitsPerSecond => -self.percent(),
        };
        worse > threshold && !by_chance
    }

    fn line(&self) -> String {
        let word = |value: f64| match self.unit {
            Unit::Nanoseconds => units::duration(Duration::from_nanos(value as u64)),
            Unit::BitsPerSecond => units::bit_rate(value),
            Unit::Share => units::ratio(value),
        };
        let [before, after] = self.values.map(word);
        let mut line = format!("{:<10}{before:>14}{after:>14}{}", self.name, self.worded());
        if let Some(intervals) = self.sure() {
            let [a, b] = intervals.map(|(low, high)| [low, high].map(word).join(" to "));
            line.push_str(&format!("   (95 %: {a}; {b})"));
        } else {
            line.push_str("   (too few to tell)");
        }
        line.push('\n');
        line
    }
}

/// What both reports know: the percentiles that a user feels, and the rate.
fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let both = [before, after];
    let felt = both.iter().all(|report| report["response_ns"].is_object());
    let times = if felt { "response_ns" } else { "service_ns" };
    let percentile = |(name, key): (&'static str, &str)| {
        let values = both.map(|report| report[times][key].as_f64());
        let interval = |report: &Value| match key {
            "mean" => times_interval(&report[times]),
            _ => ends(&report[times]["interval95"][key]),
        };
        let intervals = both.map(interval);
        let [Some(before), Some(after)] = values else { return None };
        Some(Change { name, unit: Unit::Nanoseconds, values: [before, after], intervals })
    };
    let mut changes: Vec<_> = TIMES.into_iter().filter_map(percentile).collect();
    if let [Some(before), Some(after)] = both.map(|report| report["rate_bps"].as_f64()) {
        let (values, intervals) = ([before, after], both.map(rate_interval));
        changes.push(Change { name: "rate", unit: Unit::BitsPerSecond, values, intervals });
    }
    if let [Some(before), Some(after)] = both.map(|report| report["fail_rate"].as_f64()) {
        let (values, intervals) = ([before, after], both.map(fail_interval));
        changes.push(Change { name: "failed", unit: Unit::Share, values, intervals });
    }
    changes
}

fn fail_interval(report: &Value) -> Option<(f64, f64)> {
    let (sent, echoed) = (report["sent"].as_u64()?, report["echoed"].as_u64()?);
    // Of fewer, not even none or all says much.
    fail_rate_interval(sent.saturating_sub(echoed), sent).filter(|_| sent >= 10)
}

/// The maximum is left out: it is one message's.
const TIMES: [(&str, &str); 6] = [
    ("p50", "p50"),
    ("p90", "p90"),
    ("p99", "p99"),
    ("p99.9", "p99_9"),
    ("p99.99", "p99_99"),
    ("mean", "mean"),
];

fn ends(value: &Value) -> Option<(f64, f64)> {
    Some((value.get(0)?.as_f64()?, value.get(1)?.as_f64()?))
}

fn times_interval(times: &Value) -> Option<(f64, f64)> {
    let number = |key: &str| times[key].as_f64();
    mean_interval(number("mean")?, number("stdev")?, number("n")?)
}

/// From the rates of the report's intervals: their mean, and how far they scatter. The last one is
/// a rest of any length. Where an interval has few messages, its rate says more of its borders.
fn rate_interval(report: &Value) -> Option<(f64, f64)> {
    let intervals = report["intervals"].as_array()?;
    let whole = &intervals[..intervals.len().saturating_sub(1)];
    let rates: Vec<_> = whole.iter().filter_map(|one| one["rate_bps"].as_f64()).collect();
    let n = rates.len() as f64;
    if report["echoed"].as_f64()? < FEWEST * n {
        return None;
    }
    let mean = rates.iter().sum::<f64>() / n;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let (low, high) = mean_interval(mean, variance.sqrt(), n)?;
    Some((low.max(0.0), high))
}

/// Messages in an interval, on average, that make its rate one.
const FEWEST: f64 = 10.0;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(p50: u64, ends: Option<[u64; 2]>, rate: f64) -> Value {
        json!({
            "schema": "hosted/1",
            "service_ns": { "p50": p50, "p99": null, "interval95": { "p50": ends } },
            "response_ns": null,
            "rate_bps": rate,
        })
    }

    fn failing(failed: u64, sent: u64) -> Value {
        let fail_rate = failed as f64 / sent as f64;
        json!({ "sent": sent, "echoed": sent - failed, "fail_rate": fail_rate, "rate_bps": 0.0 })
    }

    fn regressed(before: &Value, after: &Value) -> Vec<&'static str> {
        let changes = changes(before, after);
        changes.iter().filter(|change| change.regressed(5.0)).map(|change| change.name).collect()
    }

    #[test]
    fn worse_is_slower_or_less() {
        let known = |p50: u64, rate: f64| {
            let mut report = report(p50, Some([p50, p50]), rate);
            report["intervals"] = vec![json!({ "rate_bps": rate }); 31].into();
            report["echoed"] = 1_000.into();
            report
        };
        let before = known(1_000, 100.0);
        assert_eq!(regressed(&before, &known(1_049, 96.0)), [""; 0]);
        assert_eq!(regressed(&before, &known(1_051, 94.0)), ["p50", "rate"]);
        assert_eq!(regressed(&before, &known(500, 200.0)), [""; 0]);
    }

    #[test]
    fn what_may_be_chance_is_no_regression() {
        let before = report(1_000, Some([900, 1_100]), 100.0);
        assert_eq!(regressed(&before, &report(1_100, Some([1_050, 1_200]), 100.0)), [""; 0]);
        assert_eq!(regressed(&before, &report(1_150, Some([1_101, 1_200]), 100.0)), ["p50"]);
        assert_eq!(regressed(&before, &report(9_000, None, 1.0)), [""; 0], "too few to tell");
    }

    #[test]
    fn failures_from_none_are_a_regression_unless_by_chance() {
        let well = failing(0, 10_000);
        assert_eq!(regressed(&well, &failing(100, 10_000)), ["failed"]);
        assert_eq!(regressed(&well, &failing(1, 10_000)), [""; 0]);
        assert_eq!(regressed(&failing(100, 10_000), &well), [""; 0]);
    }

    #[test]
    fn nothing_is_ever_nan() {
        for (before, after) in [(0, 0), (0, 9), (9, 0)].map(|(a, b)| (failing(a, 9), failing(b, 9)))
        {
            for change in changes(&before, &after) {
                let line = change.line();
                assert!(!line.contains("NaN") && !line.contains("inf"), "{line}");
            }
        }
    }

    #[test]
    fn what_was_asked_for_otherwise_is_named() {
        let before = json!({ "connections": 1, "pace": "closed", "count": 9 });
        let after = json!({ "connections": 64, "pace": "closed", "time_s": null });
        assert_eq!(unlike(&before, &after), ["connections 1 and 64", "count 9 and null"]);
        assert_eq!(unlike(&before, &before), [""; 0]);
        assert_eq!(unlike(&before, &Value::Null).len(), 3);
    }

    #[test]
    fn what_one_report_lacks_is_not_compared() {
        let names: Vec<_> = changes(&report(1, None, 1.0), &report(2, None, 1.0))
            .iter()
            .map(|change| change.name)
            .collect();
        assert_eq!(names, ["p50", "rate"]);
    }

    #[test]
    fn the_rates_interval_comes_from_the_course() {
        let course = |rates: &[f64], echoed: u64| {
            let intervals: Vec<_> = rates.iter().map(|rate| json!({ "rate_bps": rate })).collect();
            rate_interval(&json!({ "intervals": intervals, "echoed": echoed }))
        };
        let mut rates = [100.0; 31];
        assert_eq!(course(&rates, 1_000), Some((100.0, 100.0)));
        rates[30] = 7.0;
        assert_eq!(course(&rates, 1_000), Some((100.0, 100.0)), "the rest is left out");
        assert_eq!(course(&rates[1..], 1_000), None, "too few intervals");
        assert_eq!(course(&rates, 299), None, "too few messages in each");
        rates[0] = 1e9;
        assert_eq!(course(&rates, 1_000).map(|(low, _)| low), Some(0.0), "no rate is negative");
        assert_eq!(course(&[], 1_000), None);
    }
}
