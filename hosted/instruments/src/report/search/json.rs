//! A search as JSON: the report of one step, with all steps and the answer.

use serde_json::{Value, json};

use crate::measurement::Measurement;
use crate::measurement::arrival::Arrival;
use crate::report::{Subject, effort};
use crate::search::{Answer, Breach, Hunt, Outcome, Step};

/// The report as one object; that of a search is about the step that is told in full.
#[must_use]
pub(crate) fn report(
    subject: &Subject<'_>,
    measurement: &Measurement,
    hunt: Option<&Hunt<'_>>,
) -> Value {
    let mut report = crate::report::json(subject, measurement);
    if let Some(hunt) = hunt {
        report["search"] = search(hunt);
        report["complete"] = hunt.is_complete().into();
    }
    report
}

/// The search as an object.
fn search(hunt: &Hunt<'_>) -> Value {
    let goal = hunt.goal();
    let (answer, kept, broken) = match hunt.answer() {
        Answer::Between(kept, broken) => ("between", Some(kept), Some(broken)),
        Answer::AtLeast(kept) => ("at_least", Some(kept), None),
        Answer::Below(broken) => ("below", None, Some(broken)),
        Answer::Unknown => ("unknown", None, None),
    };
    let steps: Vec<_> = hunt.steps().iter().map(of_step).collect();
    json!({
        "bound": goal.to_string(),
        "bound_ns": goal.bound().as_nanos() as u64,
        "answer": answer,
        "kept_per_s": kept,
        "broken_per_s": broken,
        "fewest_messages": goal.fewest(),
        "steps": steps,
    })
}

fn of_step(step: &Step) -> Value {
    let named = [("p50", step.p50), ("p99", step.p99), ("bounded", step.bounded)];
    let time = |arrival: Option<Arrival>| match arrival {
        Some(Arrival::After(time)) => Some(time.as_nanos() as u64),
        Some(Arrival::Never) | None => None,
    };
    let infinite = named.iter().filter(|(_, arrival)| *arrival == Some(Arrival::Never));
    let outcome = match step.outcome() {
        None => "stopped",
        Some(Outcome::Kept) => "kept",
        Some(Outcome::Broken | Outcome::Missed) => "broken",
    };
    json!({
        "rate_per_s": step.rate,
        "messages_per_s": step.echoed_per_s,
        "elapsed_s": step.elapsed.as_secs_f64(),
        "sent": step.sent,
        "failed": step.failed,
        "unsent": step.unsent,
        "unsent_rate": step.unsent_rate,
        "p50_ns": time(step.p50),
        "p99_ns": time(step.p99),
        "bounded_ns": time(step.bounded),
        "infinite": infinite.map(|(name, _)| *name).collect::<Vec<_>>(),
        "limited_by": step.limit.map(effort::name),
        "outcome": outcome,
        "why": step.breach.map(|breach| match breach {
            Breach::Failed => "failed",
            Breach::Slow => "slow",
            Breach::Unsent => "unsent",
            Breach::TooFew => "too_few",
        }),
    })
}
