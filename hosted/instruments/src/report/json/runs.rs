//! What `--repeat` adds: each run, and how far they differ.

use serde_json::{Map, Value, json};

use super::numbers;
use crate::measurement::between::{Between, Differences};
use crate::measurement::{Ended, Measurement, bits};
use crate::report::Subject;

/// `runs` and `between`; nothing for a single run.
pub(super) fn runs(subject: &Subject<'_>, sum: &Measurement) -> Map<String, Value> {
    let mut out = Map::new();
    let Some(all) = Differences::of(sum) else { return out };
    let length = subject.plan.length;
    let run = |run: &Measurement| one(run, length);
    out.insert("runs".into(), sum.runs.iter().map(run).collect());
    let told = |number: Option<Between>, unit: &dyn Fn(f64) -> f64| {
        number.map(|number| {
            json!({
                "mean": unit(number.mean),
                "stdev": unit(number.deviation),
                "interval95": number.interval.map(unit),
            })
        })
    };
    out.insert(
        "between".into(),
        json!({
            "runs": all.runs,
            "of": if sum.response.is_some() { "response" } else { "service" },
            "p50": told(all.p50, &|ns| ns),
            "p99": told(all.p99, &|ns| ns),
            "rate": told(all.rate, &|messages| bits(messages, length)),
        }),
    );
    out
}

/// A run in the terms of a whole report.
fn one(run: &Measurement, length: u64) -> Value {
    json!({
        "complete": run.ended == Ended::AsPlanned,
        "started": super::started(run),
        "elapsed_s": run.elapsed.as_secs_f64(),
        "sent": run.sent(),
        "echoed": run.tally.echoed(),
        "failures": run.tally.failures(),
        "fail_rate": run.tally.fail_rate(),
        "service_ns": numbers(&run.times),
        "response_ns": run.response.as_ref().map(numbers),
        "unsent": run.unsent,
        "rate_bps": run.bits_per_second(length),
        "messages_per_s": run.messages_per_second(),
    })
}
