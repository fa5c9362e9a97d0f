//! What is compared: the reports of one side, and the runs in them.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::report::file;

/// The reports of one side.
#[derive(Debug)]
pub(super) struct Side(Vec<Value>);

/// What all runs must have in common, or their numbers mean different things.
pub(super) const KIND: [&str; 4] =
    ["/command", "/target/protocol", "/config/pace", "/config/connection_per_message"];

/// Settings that say how much was measured by one command, and not what.
const AMOUNT: [&str; 1] = ["repeat"];

impl Side {
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self> {
        Ok(Self(paths.iter().map(|path| file::read(path)).collect::<Result<_>>()?))
    }

    /// Its runs. Of a series one that was cut short is none: the end of the others is missing in it.
    pub(super) fn runs(&self) -> Vec<&Value> {
        let runs = |report| match Value::get(report, "runs").and_then(Value::as_array) {
            None => vec![report],
            Some(runs) => runs.iter().filter(|run| run["complete"] == true).collect(),
        };
        self.0.iter().flat_map(runs).collect()
    }
}

/// The settings in which reports differ, and whether all are complete: `connections 1 and 64`.
pub(super) fn unlike(sides: &[Side; 2]) -> Vec<String> {
    let configs = all(sides).filter_map(|report| report["config"].as_object());
    let mut keys: Vec<_> = configs.flat_map(Map::keys).collect();
    keys.sort_unstable();
    keys.dedup();
    let keys = keys.into_iter().filter(|key| !AMOUNT.contains(&key.as_str()));
    let places = keys.map(|key| format!("/config/{key}")).chain(["/complete".to_owned()]);
    differing(sides, places)
}

/// What differs at these places, named by the last part of the place.
pub(super) fn differing<P: AsRef<str>>(
    sides: &[Side; 2],
    places: impl IntoIterator<Item = P>,
) -> Vec<String> {
    file::differing(&all(sides).collect::<Vec<_>>(), places)
}

fn all(sides: &[Side; 2]) -> impl Iterator<Item = &Value> {
    sides.iter().flat_map(|Side(reports)| reports)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sides(before: &[&Value], after: &[&Value]) -> [Side; 2] {
        [before, after].map(|side| Side(side.iter().copied().cloned().collect()))
    }

    #[test]
    fn what_was_asked_for_otherwise_is_named() {
        let of = |config: Value| json!({ "config": config });
        let before = of(json!({ "connections": 1, "pace": "closed", "count": 9, "omit_s": 0.0 }));
        let after = of(
            json!({ "connections": 64, "pace": "closed", "time_s": null, "omit_s": 0, "repeat": 5 }),
        );
        let said = unlike(&sides(&[&before], &[&after]));
        assert_eq!(said, ["connections 1 and 64", "count 9 and null"]);
        let said = unlike(&sides(&[&before, &after], &[&before, &after]));
        assert_eq!(said, ["connections 1 and 64", "count 9 and null"], "whichever side");
        assert_eq!(unlike(&sides(&[&before], &[&before])), [""; 0]);
        assert_eq!(unlike(&sides(&[&before], &[&Value::Null])).len(), 4);
    }

    #[test]
    fn a_report_is_as_many_runs_as_it_has() {
        let run = |complete: bool| json!({ "complete": complete });
        let series = json!({ "runs": [run(true), run(true), run(false)] });
        let Side(before) = Side(vec![json!({ "complete": false }), series]);
        assert_eq!(Side(before).runs().len(), 3);
    }
}
