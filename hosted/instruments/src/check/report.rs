//! The report of a check, for people and for programs.

use std::time::Duration;

use echo_cases::Case;
use serde_json::{Value, json};

use super::Subject;
use super::finding::Finding;
use crate::quantity;
use crate::target;
use crate::terminal::wrap::broken;

/// Version of the object below: the number changes when a reader may break.
const SCHEMA: &str = "hosted-check/1";

/// The widest line.
const WIDTH: usize = 80;

/// The indentation of the parts of a failure.
const INDENT: usize = 4;

/// The result of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name of the case.
    pub name: &'static str,
    /// The document that demands it.
    pub source: &'static str,
    /// The time that it took.
    pub took: Duration,
    /// The outcome.
    pub outcome: Outcome,
}

/// Whether a server does what a case asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It does; with a remark, if there is one.
    Pass(Option<String>),
    /// It does not; with the finding.
    Fail(Finding),
    /// It could not be checked; with the reason.
    Skip(String),
}

impl Record {
    /// One line, followed by more for a failure; none is wider than [`WIDTH`].
    pub(super) fn lines(&self) -> String {
        let (word, reason) = match &self.outcome {
            Outcome::Pass(note) => ("pass", note.as_deref().unwrap_or_default()),
            Outcome::Fail(finding) => ("FAIL", finding.brief.as_str()),
            Outcome::Skip(reason) => ("skip", reason.as_str()),
        };
        let name = self.name;
        let mut lines = vec![format!("{word}  {name:<17} {reason}").trim_end().to_owned()];
        if let Outcome::Fail(finding) = &self.outcome {
            for (what, part) in &finding.parts {
                let line = format!("{:INDENT$}{what:<PARTS$}{part}", "");
                lines.push(broken(&line, WIDTH, INDENT + PARTS));
            }
        }
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let (verdict, reason) = match &self.outcome {
            Outcome::Pass(note) => ("pass", note.clone()),
            Outcome::Fail(finding) => ("fail", Some(finding.sentence())),
            Outcome::Skip(reason) => ("skip", Some(reason.clone())),
        };
        json!({
            "name": self.name,
            "source": self.source,
            "verdict": verdict,
            "took_ms": self.took.as_secs_f64() * 1e3,
            "reason": reason,
        })
    }
}

/// The longest name of a part of a failure, and a gap.
const PARTS: usize = 9;

/// The numbers of cases that passed, failed and were skipped.
pub(super) fn counts(records: &[Record]) -> [usize; 3] {
    let count = |is: fn(&Outcome) -> bool| records.iter().filter(|it| is(&it.outcome)).count();
    [
        count(|outcome| matches!(outcome, Outcome::Pass(_))),
        count(|outcome| matches!(outcome, Outcome::Fail(_))),
        count(|outcome| matches!(outcome, Outcome::Skip(_))),
    ]
}

/// The last line; `missing` cases were not reached.
pub(super) fn summary(records: &[Record], missing: usize) -> String {
    let [passed, failed, skipped] = counts(records);
    let missing = match missing {
        0 => String::new(),
        missing => format!("; ended before {}", quantity::counted(missing as u64, "case")),
    };
    format!("{passed} passed, {failed} failed, {skipped} skipped{missing}")
}

/// The report as one object.
pub(super) fn json(subject: &Subject, protocol: &str, records: &[Record], complete: bool) -> Value {
    let [passed, failed, skipped] = counts(records);
    json!({
        "schema": SCHEMA,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "complete": complete,
        "target": {
            "name": subject.name,
            "ip": target::ip(subject.address),
            "port": subject.address.port(),
            "protocol": protocol,
        },
        "cases": records.iter().map(Record::json).collect::<Vec<_>>(),
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
    })
}

/// A case in the list of all.
pub(super) fn listed<R>(case: &Case<'_, R>) -> String {
    let Case { name, source, meaning, .. } = case;
    format!("{name:<17}  {source:<17}  {meaning}\n")
}
