//! The object of the sum: that of a run, with what it was made of.

use serde_json::{Map, Value, json};

use super::leaf::Leaf;
use super::settings::OWN;
use crate::measurement::Measurement;
use crate::measurement::together::Together;
use crate::report::file::alike;
use crate::report::{self, Subject};

/// What the reports must have in common, or the sum has none of it.
const COMMON: [&str; 4] = ["tool_version", "host", "labels", "environment"];

/// The object. What cannot be known of the sum from the reports is null: it is in those, under `hosts`.
pub(super) fn report(leaves: &[Leaf], subject: &Subject<'_>, sum: &Measurement) -> Value {
    let mut out = report::json(subject, sum);
    let reports: Vec<_> = leaves.iter().map(|leaf| &leaf.report).collect();
    for key in COMMON {
        out[key] = common(reports.iter().map(|report| &report[key]));
    }
    let keys = reports.iter().flat_map(|report| report["labels"].as_object()).flat_map(Map::keys);
    let common_label = |key: &String| {
        let value = common(reports.iter().map(|report| &report["labels"][key]));
        (!value.is_null()).then(|| (key.clone(), value))
    };
    out["labels"] = keys.filter_map(common_label).collect::<Map<_, _>>().into();
    for key in ["ip", "port"] {
        out["target"][key] = common(reports.iter().map(|report| &report["target"][key]));
    }
    out["config"] = config(&reports, subject);
    let wrong = sum.together.iter().flat_map(|together| together.wrong());
    out["wrong"] = wrong
        .map(|(what, messages)| {
            json!({ "what": what, "byte": null, "messages": messages, "first_message": null, "first_offset": null })
        })
        .collect();
    // A snapshot of one connection is none of all hosts.
    if let Some(srtt) = out.pointer_mut("/tcp_info/srtt_us") {
        *srtt = Value::Null;
    }
    out["intervals"] = Value::Null;
    out["merged"] = leaves.len().into();
    let (time, share) = sum.together.as_deref().map(Together::overlap).unwrap_or_default();
    out["shared"] = json!({ "time_s": time.as_secs_f64(), "share": share });
    out["hosts"] = leaves.iter().map(of_host).collect();
    out
}

/// The value that all have; null if there is no such value.
fn common<'a>(mut values: impl Iterator<Item = &'a Value>) -> Value {
    let first = values.next().unwrap_or(&Value::Null);
    if values.all(|value| alike(value, first)) { first.clone() } else { Value::Null }
}

/// The settings of all; of those that each has for itself the sum, or none.
fn config(reports: &[&Value], subject: &Subject<'_>) -> Value {
    let mut out = reports[0]["config"].clone();
    for key in OWN {
        out[key] = common(reports.iter().map(|report| &report["config"][key]));
    }
    out["connections"] = subject.hosts.map(|hosts| hosts.connections).into();
    if let Some(each) = out["rate_per_s"].as_f64() {
        out["rate_per_s"] = (each * reports.len() as f64).into();
    }
    out
}

/// The report of a host, with its name before all else.
fn of_host(leaf: &Leaf) -> Value {
    let mut out = Map::new();
    out.insert("name".into(), leaf.name.clone().into());
    let fields = leaf.report.as_object().into_iter().flatten();
    out.extend(fields.map(|(key, value)| (key.clone(), value.clone())));
    out.into()
}
