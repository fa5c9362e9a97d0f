//! Runs that are not one distribution: what is compared of them belongs to no part of them.

use std::time::Duration;

use serde_json::Value;

use crate::quantity::duration;

/// What a report says of a run that is not one distribution.
pub(super) fn unsteady(report: &Value) -> Option<String> {
    let told = &report["stationary"];
    let time = |key: &str| told[key].as_u64().map(|nanos| duration(Duration::from_nanos(nanos)));
    let medians = || Some([time("p50_before_ns")?, time("p50_after_ns")?]);
    let how = match told["verdict"].as_str()? {
        "changed" => {
            let at = Duration::try_from_secs_f64(told["at_s"].as_f64()?).ok()?;
            let [before, after] = medians()?;
            format!("p50 {before} until {}, {after} after", duration(at))
        }
        "drifts" => {
            let [first, last] = medians()?;
            format!("p50 drifts from {first} to {last}")
        }
        _ => return None,
    };
    Some(format!("not one distribution ({how}): its numbers are those of a mixture"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_run_that_is_not_one_distribution_is_told_of() {
        let of = |verdict: &str, at: Value| {
            unsteady(&json!({ "stationary": {
                "verdict": verdict, "at_s": at, "p50_before_ns": 71_000, "p50_after_ns": 15_000
            } }))
        };
        let told = "not one distribution (p50 71.0 µs until 4.20 s, 15.0 µs after): its numbers are those of a mixture";
        assert_eq!(of("changed", json!(4.2)).as_deref(), Some(told));
        let told = "not one distribution (p50 drifts from 71.0 µs to 15.0 µs): its numbers are those of a mixture";
        assert_eq!(of("drifts", Value::Null).as_deref(), Some(told));
        assert_eq!(of("one", Value::Null), None);
        // What no report has is no reason to fail.
        for at in [json!(-1), json!(1e300), json!("soon"), Value::Null] {
            assert_eq!(of("changed", at), None);
        }
        assert_eq!(unsteady(&json!({})), None);
        assert_eq!(unsteady(&json!({ "stationary": null })), None);
    }
}
