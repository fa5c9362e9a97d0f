//! Which runs can be added.

use anyhow::{Result, bail};
use serde_json::Value;

use super::leaf::Leaf;
use crate::report::file::{alike, differing};
use crate::verdict::Misuse;

/// What must be the same beside the settings, or numbers of one name mean different things.
const KIND: [&str; 3] = ["/tool", "/command", "/target/protocol"];

/// Settings in which hosts may differ: how much each of them measured, and the share of the load that it had.
pub(super) const OWN: [&str; 4] = ["connections", "bind", "count", "time_s"];

/// What is worth a note where it differs.
const NOTED: [&str; 4] = ["/config/connections", "/tool_version", "/target/name", "/target/ip"];

/// What makes a report that of one run, and no other's.
const SELF: [&str; 5] = ["/host", "/started", "/elapsed_s", "/sent", "/service_ns/histogram"];

/// Refuses runs that are unlike, and a run that is there twice.
///
/// # Errors
///
/// A [`Misuse`] that names what differs, or what is there twice.
pub(super) fn check(leaves: &[Leaf]) -> Result<()> {
    for (n, leaf) in leaves.iter().enumerate() {
        let same = |other: &&Leaf| {
            let at =
                |place: &&str| [&leaf.report, &other.report].map(|report| report.pointer(place));
            SELF.iter().all(|place| matches!(at(place), [Some(a), Some(b)] if alike(a, b)))
        };
        if let Some(other) = leaves[..n].iter().find(same) {
            let text =
                format!("cannot merge a run with itself: {} and {}", other.called(), leaf.called());
            bail!(Misuse(text));
        }
    }
    let reports: Vec<_> = leaves.iter().map(|leaf| &leaf.report).collect();
    let unlike = differing(&reports, KIND.map(str::to_owned).into_iter().chain(settings(&reports)));
    if !unlike.is_empty() {
        bail!(Misuse(format!("cannot merge runs of unlike settings: {}", unlike.join(", "))));
    }
    Ok(())
}

/// The places of all settings that matter; one that is not known here does.
fn settings(reports: &[&Value]) -> Vec<String> {
    let configs = reports.iter().filter_map(|report| report["config"].as_object());
    let mut keys: Vec<_> = configs.flat_map(|config| config.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let keys = keys.into_iter().filter(|key| !OWN.contains(&key.as_str()));
    keys.map(|key| format!("/config/{key}")).collect()
}

/// Notes on what differs and is no fault.
pub(super) fn notes(leaves: &[Leaf]) -> Vec<String> {
    let reports: Vec<_> = leaves.iter().map(|leaf| &leaf.report).collect();
    let differs = differing(&reports, NOTED);
    let note =
        (!differs.is_empty()).then(|| format!("note: the runs differ in: {}", differs.join(", ")));
    note.into_iter().collect()
}
