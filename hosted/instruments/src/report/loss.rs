//! What failed, told in times: percentiles that count failed messages as infinitely late, and the shares of all
//! messages that came back within the bounds that the user named.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::measurement::Measurement;
use crate::measurement::arrival::{Arrival, arrival};
use crate::measurement::percentiles::PERCENTILES;
use crate::quantity;

/// The name of such percentiles.
pub(super) const WITH_FAILURES: &str = "with failures";

/// A line that explains them, if anything failed and anything came back.
pub(super) fn explained(measurement: &Measurement) -> Option<String> {
    let tally = &measurement.tally;
    let failed = tally.fail_rate().filter(|failed| *failed > 0.0)?;
    let failed = quantity::ratio(failed);
    (!measurement.times.is_empty()).then(|| {
        format!("{WITH_FAILURES}: the {failed} that failed are counted as infinitely late")
    })
}

/// A cell of their row.
pub(super) fn word(arrival: Option<Arrival>) -> String {
    match arrival {
        None => "n/a".into(),
        Some(Arrival::Never) => "never".into(),
        Some(Arrival::After(time)) => quantity::duration(time),
    }
}

/// A line for each bound: `99.31 % within 1.00 ms (99.19 % to 99.41 % at 95 % confidence)`.
pub(super) fn within(measurement: &Measurement) -> Vec<String> {
    let lines = measurement.within.iter().filter_map(|within| {
        let share = quantity::share(within.share(measurement)?);
        let bound = quantity::duration(within.bound);
        let confidence = within.interval(measurement).map(|(low, high)| {
            let [low, top] = [low, high].map(quantity::share);
            let ends =
                if high < 1.0 { format!("{low} to {top}") } else { format!("at least {low}") };
            format!("{ends} at 95 % confidence")
        });
        let failed =
            (measurement.tally.failures() > 0).then(|| "failed ones count as later".into());
        let said: Vec<_> = failed.into_iter().chain(confidence).collect();
        let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join("; ")) };
        Some(format!("{share} within {bound}{said}"))
    });
    lines.collect()
}

/// The percentiles with failures; null if nothing failed.
pub(super) fn percentiles_json(measurement: &Measurement) -> Value {
    let tally = &measurement.tally;
    if tally.failures() == 0 {
        return Value::Null;
    }
    let mut out = Map::new();
    let mut infinite = Vec::new();
    out.insert("n".into(), tally.messages().into());
    out.insert("failed".into(), tally.failures().into());
    for (name, one_in) in PERCENTILES {
        let name = name.replace('.', "_");
        let time = match arrival(measurement, measurement.felt(), one_in) {
            Some(Arrival::After(time)) => Some(nanos(time)),
            Some(Arrival::Never) => {
                infinite.push(name.clone());
                None
            }
            None => None,
        };
        out.insert(format!("{name}_ns"), time.into());
    }
    out.insert("infinite".into(), infinite.into());
    out.into()
}

/// The shares within the bounds.
pub(super) fn within_json(measurement: &Measurement) -> Vec<Value> {
    let bounds = measurement.within.iter().map(|within| {
        json!({
            "bound_ns": nanos(within.bound),
            "messages": within.messages(measurement),
            "share": within.share(measurement),
            "share_interval95": within.interval(measurement),
        })
    });
    bounds.collect()
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;

    use super::*;
    use crate::made_up::MadeUp;
    use crate::plan::Plan;

    const BOUND: Duration = Duration::from_millis(1);

    fn told(slow: u32, failed: u32) -> Vec<String> {
        let plan = Plan { within: vec![BOUND, 2 * BOUND], keep_going: true, ..Plan::new() };
        let mut made = MadeUp::new(plan, 10_000);
        made.echoes((0..10_000 - failed).map(|n| if n % 145 < slow { 1_001 } else { 1_000 }));
        (0..failed).for_each(|n| made.fails((10_000 / failed * n).into(), 0, Failure::Reset));
        [explained(&made.run).into_iter().collect(), within(&made.run)].concat()
    }

    #[test]
    fn shares_are_of_all_messages_with_their_confidence() {
        assert_eq!(
            told(0, 0),
            [
                "100 % within 1.00 ms (at least 99.970 % at 95 % confidence)",
                "100 % within 2.00 ms (at least 99.970 % at 95 % confidence)",
            ]
        );
        // Wilson's interval of 69 in 10 000, by another program.
        assert_eq!(
            told(1, 0),
            [
                "99.31 % within 1.00 ms (99.13 % to 99.45 % at 95 % confidence)",
                "100 % within 2.00 ms (at least 99.970 % at 95 % confidence)",
            ]
        );
        assert_eq!(
            told(0, 50),
            [
                "with failures: the 0.500 % that failed are counted as infinitely late",
                "99.50 % within 1.00 ms (failed ones count as later; 99.34 % to 99.62 % \
                 at 95 % confidence)",
                "99.50 % within 2.00 ms (failed ones count as later; 99.34 % to 99.62 % \
                 at 95 % confidence)",
            ]
        );
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        let made = MadeUp::new(Plan { within: vec![BOUND], ..Plan::new() }, 0);
        assert_eq!(within(&made.run), [""; 0]);
        assert_eq!(explained(&made.run), None);
        assert_eq!(within_json(&made.run)[0]["share"], Value::Null);
        assert_eq!(percentiles_json(&made.run), Value::Null);
    }
}
