//! Whether the times of a run are from one distribution, in words and for programs.

use serde_json::{Value, json};

use crate::measurement::Measurement;
use crate::measurement::stationarity::{Part, Stationarity, differ, stationarity};
use crate::quantity::duration;
use crate::stack::Placement;

/// A line where the times are not from one distribution.
pub(super) fn text(measurement: &Measurement) -> Option<String> {
    let told = stationarity(measurement)?;
    let parts = told.parts()?;
    let (name, [before, after]) = percentile(parts);
    let [before, after] = [before, after].map(duration);
    Some(match told {
        Stationarity::Changed { at, reason, .. } => {
            let reason = reason.map_or("", worded);
            let at = duration(at);
            format!("not one distribution: {name} {before} until {at}, {after} after{reason}")
        }
        _ => format!(
            "not one distribution: {name} drifts from {before} in the first eighth of the run to {after} in the last"
        ),
    })
}

/// The percentile that differs, by name, and what it was in both parts: the median if it does.
pub(crate) fn percentile(parts: &[Part; 2]) -> (&'static str, [std::time::Duration; 2]) {
    let [p50, p90] = [parts.map(|part| part.p50), parts.map(|part| part.p90)];
    if differ(p50[0], p50[1]) { ("p50", p50) } else { ("p90", p90) }
}

const fn worded(now: Placement) -> &'static str {
    match now {
        Placement::Together => " (both ends share one processor since then)",
        Placement::Apart => " (both ends shared one processor until then)",
    }
}

/// For programs; null if the run is too short to tell.
pub(super) fn json(measurement: &Measurement) -> Option<Value> {
    let told = stationarity(measurement)?;
    let (verdict, at, reason) = match told {
        Stationarity::One => ("one", None, None),
        Stationarity::Changed { at, reason, .. } => {
            ("changed", Some(at.as_secs_f64()), reason.map(key))
        }
        Stationarity::Drifts { .. } => ("drifts", None, None),
    };
    let nanos = |number: usize, of: fn(&Part) -> std::time::Duration| {
        told.parts().map(|parts| of(&parts[number]).as_nanos() as u64)
    };
    Some(json!({
        "verdict": verdict,
        "at_s": at,
        "p50_before_ns": nanos(0, |part| part.p50),
        "p50_after_ns": nanos(1, |part| part.p50),
        "p90_before_ns": nanos(0, |part| part.p90),
        "p90_after_ns": nanos(1, |part| part.p90),
        "reason": reason,
    }))
}

const fn key(now: Placement) -> &'static str {
    match now {
        Placement::Together => "one_processor_since",
        Placement::Apart => "one_processor_before",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::made_up::{MadeUp, spread};
    use crate::measurement::Sample;
    use crate::plan::Plan;

    /// Ten seconds in which round trips take so many microseconds, by the number of one among 10 000.
    fn run(took: impl Fn(u64) -> u64) -> Measurement {
        let mut made = MadeUp::new(Plan::new(), 10_000);
        for (n, part) in (0..10_000).zip(spread(10_000, 0)) {
            let took = Duration::from_micros(took(n) + part % 7);
            let sent = Duration::from_millis(n);
            made.ends(Sample::new(sent + took, 0, Ok(took)));
        }
        made.run
    }

    #[test]
    fn a_change_is_told_with_its_place_and_its_reason() {
        let changes = run(|n| if n < 4_200 { 70 } else { 15 });
        let told = text(&changes).expect("it changes");
        assert!(told.starts_with("not one distribution: p50 7"), "{told}");
        assert!(told.contains(" until 4.1") || told.contains(" until 4.2"), "{told}");
        assert!(told.ends_with(" µs after"), "{told}");
        let told = json(&changes).expect("long enough");
        assert_eq!((&told["verdict"], &told["reason"]), (&"changed".into(), &Value::Null));
        let at = told["at_s"].as_f64().expect("a time");
        assert!((at - 4.2).abs() < 0.05, "{told}");
        let mut moved = changes;
        for look in 0..80 {
            let now = if look < 34 { Placement::Apart } else { Placement::Together };
            moved.timeline.look(Duration::from_millis(125 * look), now);
        }
        let told = text(&moved).expect("it changes");
        assert!(told.ends_with(" after (both ends share one processor since then)"), "{told}");
        assert_eq!(json(&moved).expect("long")["reason"], "one_processor_since");
    }

    #[test]
    fn a_slow_end_that_changes_is_told_by_a_percentile_that_shows_it() {
        let told =
            text(&run(|n| if n > 6_000 && n % 4 == 0 { 300 } else { 70 })).expect("it changes");
        assert!(told.starts_with("not one distribution: p90 7"), "{told}");
    }

    #[test]
    fn a_drift_is_told_by_its_ends() {
        let drifts = run(|n| 70 + n / 100);
        let told = text(&drifts).expect("it drifts");
        assert!(told.starts_with("not one distribution: p50 drifts from 7"), "{told}");
        let told = json(&drifts).expect("long enough");
        assert_eq!((&told["verdict"], &told["at_s"]), (&"drifts".into(), &Value::Null));
    }

    #[test]
    fn nothing_is_said_of_a_run_that_is_one_and_none_of_a_short_one() {
        let one = run(|_| 70);
        assert_eq!(text(&one), None);
        let told = json(&one).expect("long enough");
        assert_eq!((&told["verdict"], &told["p50_after_ns"]), (&"one".into(), &Value::Null));
        assert_eq!(json(&Measurement::new()), None);
    }
}
