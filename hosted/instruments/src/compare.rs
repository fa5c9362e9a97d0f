//! What changed from one report to another.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value};

use self::table::table;
use crate::measurement::percentiles::{self, MEDIAN, PERCENTILES};
use crate::reason::reason;
use crate::report::SCHEMA;
use crate::terminal::escape::shown;
use crate::terminal::notes::note;
use crate::terminal::wrap::wrap;
use crate::terminal::{streams, width};
use crate::verdict::{Misuse, Verdict};

mod table;

#[cfg(test)]
mod simulation;

/// Compares two reports and prints what changed: worse means by more than `threshold` per cent.
///
/// # Errors
///
/// If a report cannot be read, or the two have nothing to compare.
pub fn run(before: &Path, after: &Path, threshold: f64) -> Result<Verdict> {
    let [before, after] = [read(before)?, read(after)?];
    let kinds: Vec<_> = KIND.into_iter().filter_map(|key| differs(&before, &after, key)).collect();
    if !kinds.is_empty() {
        let text = format!("cannot compare runs of different kinds: {}", kinds.join(", "));
        return Err(Misuse(text).into());
    }
    let mut unlike = unlike(&before, &after);
    unlike.extend(differs(&before, &after, "/complete"));
    if !unlike.is_empty() {
        note(&format!("note: the runs differ in their settings: {}", unlike.join(", ")));
    }
    let changes = changes(&before, &after)?;
    if changes.is_empty() {
        let text = "cannot compare: the reports have no number in common";
        return Err(Misuse(text.into()).into());
    }
    let width = width(io::stdout());
    let mut text = table(&changes, width);
    let worse: Vec<_> = changes.iter().filter(|change| change.is_worse(threshold)).collect();
    // A fail rate of zero is soon certain, and says nothing about speed.
    let judged = changes.iter().any(|change| change.unit != Unit::Share && change.sure().is_some());
    let listed = |changes: &[&Change]| {
        let worded = |change: &&Change| format!("{} {}", change.name, change.worded().trim_start());
        changes.iter().map(worded).collect::<Vec<_>>().join(", ")
    };
    let doubtful: Vec<_> = changes.iter().filter(|change| change.exceeds(threshold)).collect();
    if !worse.is_empty() {
        text.push_str(&format!("worse: {}\n{CAUTION}\n", listed(&worse)));
    } else if judged && !doubtful.is_empty() {
        let perhaps = listed(&doubtful);
        text.push_str(&format!(
            "nothing is surely worse by more than {threshold} %; perhaps worse: {perhaps}\n{CAUTION}\n"
        ));
    } else if judged {
        text.push_str(&format!("nothing is worse by more than {threshold} %\n"));
    } else {
        text.push_str("these runs do not show whether one is worse: let both run for longer\n");
    }
    if let Some(width) = width {
        text = format!("{}\n", wrap(&text, width));
    }
    streams::print(&text).context("cannot write to stdout")?;
    // No check should pass because too little was measured.
    Ok(if judged && worse.is_empty() { Verdict::Well } else { Verdict::Failed })
}

/// What two runs must have in common, or their numbers mean different things.
const KIND: [&str; 4] =
    ["/command", "/target/protocol", "/config/pace", "/config/connection_per_message"];

/// The limitation of a comparison of two runs.
const CAUTION: &str = "(two runs of the same program also differ: repeat both to be sure)";

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

/// The settings in which two configurations differ: `connections 1 and 64`.
fn unlike(before: &Value, after: &Value) -> Vec<String> {
    let configs = [before, after].map(|report| &report["config"]);
    let keys = configs.into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().filter_map(|key| differs(before, after, &format!("/config/{key}"))).collect()
}

fn differs(before: &Value, after: &Value, place: &str) -> Option<String> {
    let [before, after] =
        [before, after].map(|report| report.pointer(place).unwrap_or(&Value::Null));
    let alike = match (before.as_f64(), after.as_f64()) {
        // Some programs write 0.0 as 0.
        (Some(before), Some(after)) => before == after,
        _ => before == after,
    };
    let key = place.rsplit('/').next().unwrap_or(place);
    (!alike).then(|| format!("{key} {before} and {after}"))
}

/// One number of both reports.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    name: String,
    unit: Unit,
    values: [f64; 2],
    /// The 95 % confidence interval of each, if it is known.
    intervals: [Option<(f64, f64)>; 2],
    /// The reason why the intervals are unknown, if they are.
    unknown: &'static str,
}

/// There were not enough messages, or not enough time.
const FEW: &str = "too few to tell";

/// There were enough of both, but the number differs from part to part of the run: as when there
/// are two modes, and the percentile is now in one of them, now in the other.
const SCATTERED: &str = "too scattered to tell";

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
    /// The percentage by which the second value is larger; infinite if the first is 0.
    fn percent(&self) -> f64 {
        match self.values {
            [before, after] if before == after => 0.0,
            [before, after] => (after / before - 1.0) * 100.0,
        }
    }

    /// The change in words, which have no infinite percentage.
    fn worded(&self) -> String {
        match self.percent() {
            percent if percent.is_finite() => format!("{percent:>+8.1} %"),
            _ => format!("{:>10}", "from none"),
        }
    }

    /// Both intervals, if both are known.
    fn sure(&self) -> Option<[(f64, f64); 2]> {
        let [before, after] = self.intervals;
        before.zip(after).map(|(before, after)| [before, after])
    }

    /// Whether it is worse by more than the threshold, and not by chance: the intervals do not
    /// overlap. Without intervals that cannot be decided.
    fn is_worse(&self, threshold: f64) -> bool {
        let by_chance = self.sure().is_none_or(|[a, b]| a.0 <= b.1 && b.0 <= a.1);
        self.exceeds(threshold) && !by_chance
    }

    /// Whether it is worse by more than the threshold, be it by chance.
    fn exceeds(&self, threshold: f64) -> bool {
        let worse = match self.unit {
            Unit::Nanoseconds | Unit::Share => self.percent(),
            Unit::BitsPerSecond => -self.percent(),
        };
        worse > threshold
    }
}

/// The changes of all numbers that both reports have: the times that a user sees, the rate and the
/// failures. The maximum is left out: it belongs to a single message.
fn changes(before: &Value, after: &Value) -> Result<Vec<Change>> {
    let both = [before, after];
    let felt = both.iter().all(|report| report["response_ns"].is_object());
    let (times, of) = if felt { ("response_ns", "response ") } else { ("service_ns", "") };
    let mut changes = Vec::new();
    let percentiles = PERCENTILES.into_iter().filter(|(name, _)| *name != "p99.999");
    for (name, one_in) in percentiles.map(|(name, n)| (name, Some(n))).chain([("mean", None)]) {
        let key = name.replace('.', "_");
        let places = [format!("/{times}/{key}"), format!("/{times}/interval95/{key}")];
        let places = places.each_ref().map(String::as_str);
        let change = change(both, &format!("{of}{name}"), Unit::Nanoseconds, places)?;
        changes.extend(change.map(|change| Change {
            unknown: if both.iter().any(|report| is_short(&report[times], &key, one_in)) {
                FEW
            } else {
                SCATTERED
            },
            ..change
        }));
    }
    let rate = ["/rate_bps", "/rate_bps_interval95"];
    changes.extend(change(both, "rate", Unit::BitsPerSecond, rate)?);
    changes.extend(change(both, "failed", Unit::Share, ["/fail_rate", "/fail_rate_interval95"])?);
    Ok(changes)
}

/// Whether these times have no interval of a number because there are too few, or the run is too
/// short to be cut into blocks: then there is none of the mean either.
fn is_short(times: &Value, key: &str, one_in: Option<u64>) -> bool {
    let ends = &times["interval95"];
    let enough = |n: u64| percentiles::are_enough(n as f64, one_in.unwrap_or(MEDIAN));
    ends[key].is_null() && (ends["mean"].is_null() || !times["n"].as_u64().is_some_and(enough))
}

/// The number at the first place of both reports, whose interval is at the second; None if one lacks it.
fn change(
    reports: [&Value; 2],
    name: &str,
    unit: Unit,
    [value, interval]: [&str; 2],
) -> Result<Option<Change>> {
    let mut values = [0.0; 2];
    for (report, out) in reports.into_iter().zip(&mut values) {
        match report.pointer(value) {
            None | Some(Value::Null) => return Ok(None),
            Some(found) => match number(found) {
                Some(found) => *out = found,
                None => bail!("cannot compare: no run has a {value} of {found}"),
            },
        }
    }
    let intervals = reports.map(|report| {
        let ends = report.pointer(interval)?;
        Some((number(ends.get(0)?)?, number(ends.get(1)?)?))
    });
    Ok(Some(Change { name: name.to_owned(), unit, values, intervals, unknown: FEW }))
}

/// A number that can be one of a run.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| (0.0..=LARGEST).contains(number))
}

/// Thirty years in nanoseconds, or an exabit per second.
const LARGEST: f64 = 1e18;

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
            "rate_bps_interval95": [rate, rate],
        })
    }

    fn failing(rate: f64, interval: [f64; 2]) -> Value {
        json!({ "fail_rate": rate, "fail_rate_interval95": interval, "rate_bps": 0.0 })
    }

    fn worse(before: &Value, after: &Value) -> Vec<String> {
        let changes = changes(before, after).expect("numbers of runs");
        changes
            .into_iter()
            .filter(|change| change.is_worse(5.0))
            .map(|change| change.name)
            .collect()
    }

    #[test]
    fn worse_is_slower_or_less() {
        let known = |p50: u64, rate: f64| report(p50, Some([p50, p50]), rate);
        let before = known(1_000, 100.0);
        assert_eq!(worse(&before, &known(1_049, 96.0)), [""; 0]);
        assert_eq!(worse(&before, &known(1_051, 94.0)), ["p50", "rate"]);
        assert_eq!(worse(&before, &known(500, 200.0)), [""; 0]);
    }

    #[test]
    fn what_may_be_chance_is_not_worse() {
        let before = report(1_000, Some([900, 1_100]), 100.0);
        assert_eq!(worse(&before, &report(1_100, Some([1_050, 1_200]), 100.0)), [""; 0]);
        assert_eq!(worse(&before, &report(1_150, Some([1_101, 1_200]), 100.0)), ["p50"]);
        assert_eq!(worse(&before, &report(9_000, None, 100.0)), [""; 0], "too few to tell");
    }

    #[test]
    fn failures_from_none_are_worse_unless_by_chance() {
        let well = failing(0.0, [0.0, 3e-4]);
        assert_eq!(worse(&well, &failing(0.01, [0.008, 0.012])), ["failed"]);
        assert_eq!(worse(&well, &failing(1e-4, [2e-5, 6e-4])), [""; 0]);
        assert_eq!(worse(&failing(0.01, [0.008, 0.012]), &well), [""; 0]);
    }

    #[test]
    fn too_few_is_told_from_too_scattered() {
        let of = |n: u64, mean: Option<[u64; 2]>| {
            let ends = json!({ "p50": [9, 11], "p90": null, "mean": mean });
            json!({ "service_ns": { "n": n, "p50": 10, "p90": 20, "interval95": ends } })
        };
        let told = |before: &Value, after: &Value| {
            let changes = changes(before, after).expect("numbers of runs");
            let shown = table(&changes[..1], None);
            assert!(shown.contains("(95 %: 9 ns to 11 ns; "), "{shown}");
            changes[1].unknown
        };
        let (many, few, short) =
            (of(10_000, Some([9, 12])), of(50, Some([9, 12])), of(10_000, None));
        assert_eq!(told(&many, &many), SCATTERED);
        for less in [&few, &short] {
            assert_eq!([told(&many, less), told(less, &many)], [FEW; 2], "{less}");
        }
    }

    #[test]
    fn nothing_is_ever_nan() {
        let rates = [0.0, 1e-300, 1.0].map(|rate| failing(rate, [rate, rate]));
        for (before, after) in rates.iter().flat_map(|a| rates.iter().map(move |b| (a, b))) {
            let text = table(&changes(before, after).expect("numbers of runs"), None);
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }

    #[test]
    fn what_no_run_can_have_is_refused() {
        for p50 in [json!(1e308), json!(-1), json!("70 us"), json!([70])] {
            let mut odd = report(1, None, 1.0);
            odd["service_ns"]["p50"] = p50;
            let error = changes(&report(1, None, 1.0), &odd).expect_err("no run").to_string();
            assert!(
                error.starts_with("cannot compare: no run has a /service_ns/p50 of "),
                "{error}"
            );
        }
        let mut odd = report(2_000, None, 1.0);
        odd["service_ns"]["interval95"]["p50"] = json!([1e308, 1e308]);
        assert_eq!(worse(&report(1, Some([1, 1]), 1.0), &odd), [""; 0], "no interval");
    }

    #[test]
    fn what_was_asked_for_otherwise_is_named() {
        let of = |config: Value| json!({ "config": config });
        let before = of(json!({ "connections": 1, "pace": "closed", "count": 9, "omit_s": 0.0 }));
        let after = of(json!({ "connections": 64, "pace": "closed", "time_s": null, "omit_s": 0 }));
        assert_eq!(unlike(&before, &after), ["connections 1 and 64", "count 9 and null"]);
        assert_eq!(unlike(&before, &before), [""; 0]);
        assert_eq!(unlike(&before, &Value::Null).len(), 4);
    }

    #[test]
    fn what_one_report_lacks_is_not_compared() {
        let names = |before: &Value, after: &Value| -> Vec<_> {
            let changes = changes(before, after).expect("numbers of runs");
            changes.into_iter().map(|change| change.name).collect()
        };
        let times = report(2, None, 1.0);
        assert_eq!(names(&report(1, None, 1.0), &times), ["p50", "rate"]);
        let without = json!({ "service_ns": null, "rate_bps": 0.0 });
        assert_eq!(names(&without, &times), ["rate"]);
        assert_eq!(names(&json!({ "rate_bps": null }), &times), [""; 0]);
    }
}
