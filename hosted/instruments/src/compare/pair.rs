//! One run a side.
//!
//! Each run says how well its own numbers are known, from how they scatter over its course. Two runs of one program differ by more,
//! and by how much none of the two can say. So a change counts here only if it is larger than any that was found between runs of
//! one program.

use anyhow::Result;
use serde_json::Value;

use super::Sureness;
use super::change::{Change, Number, Unit, percent};
use crate::measurement::percentiles::{self, MEDIAN};

/// How many times as slow one of two runs of the same program may be as the other and still be no alarm. Where both ends
/// share a processor a round trip over loopback takes 15 µs, and 70 µs where one must be woken on another (the benchmark `rate` pins
/// them because of that): five times, by chance. Twice that is beyond what was seen.
pub(super) const ALIKE: f64 = 10.0;

/// There were not enough messages, or not enough time.
const FEW: &str = "too few to tell";

/// There were enough of both, but the number differs from part to part of the run: as when there
/// are two modes, and the percentile is now in one of them, now in the other.
const SCATTERED: &str = "too scattered to tell";

const SHORT: &str = "these runs do not show whether one is worse: let both run for longer";
const OF_HOSTS: &str = "how well the numbers of merged runs are known is not in their reports: compare several a side (before*.json --with after*.json)";

pub(super) fn sureness(runs: [&Value; 2]) -> Sureness {
    let merged = runs.iter().any(|run| run.get("merged").is_some());
    let lack = if merged { OF_HOSTS } else { SHORT };
    Sureness {
        heading: String::new(),
        advice: format!(
            "(two runs, not two programs: where the system puts them can make one five times as slow as the other, so \
             that only a change beyond {ALIKE}-fold is surely one; several runs a side show far smaller ones: --repeat 5)"
        ),
        lack: lack.into(),
    }
}

/// The changes of all numbers that both runs have.
pub(super) fn changes(runs: [&Value; 2]) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for number in Number::of(&runs) {
        let Some(values) = number.values(&runs)? else { continue };
        let intervals = runs.map(|run| number.interval(run));
        let known = intervals[0].zip(intervals[1]).map(|(before, after)| [before, after]);
        let values = [values[0], values[1]];
        let short = || runs.iter().any(|run| is_short(run, &number));
        let certainty = match known {
            Some(ends) => worded(ends, number.unit),
            None if number.unit != Unit::Nanoseconds || short() => format!("({FEW})"),
            None => format!("({SCATTERED})"),
        };
        let apart = known.is_some_and(|[a, b]| a[0] > b[1] || b[0] > a[1]);
        changes.push(Change {
            percent: percent(values[0], values[1]),
            sure: apart && (number.unit == Unit::Share || !are_alike(values)),
            judged: known.is_some(),
            name: number.name,
            unit: number.unit,
            values,
            certainty,
        });
    }
    Ok(changes)
}

/// Whether two runs of one program may differ that much.
fn are_alike([a, b]: [f64; 2]) -> bool {
    a.max(b) <= ALIKE * a.min(b)
}

fn worded(ends: [[f64; 2]; 2], unit: Unit) -> String {
    let [before, after] = ends.map(|ends| ends.map(|end| unit.worded(end)).join(" to "));
    format!("(95 %: before {before}, after {after})")
}

/// Whether a run has no interval of a number because it has too few messages, or is too
/// short to be cut into blocks: then there is none of the mean either.
fn is_short(run: &Value, number: &Number) -> bool {
    let [place, interval] = &number.places;
    let (times, _) = place.rsplit_once('/').unwrap_or_default();
    let at = |place: &str| run.pointer(place).unwrap_or(&Value::Null);
    let enough = |n: u64| percentiles::are_enough(n as f64, number.one_in.unwrap_or(MEDIAN));
    let many = at(&format!("{times}/n")).as_u64().is_some_and(enough);
    at(interval).is_null() && (at(&format!("{times}/interval95/mean")).is_null() || !many)
}
