//! Whether messages were sent as planned, in words and for programs.

use serde_json::{Value, json};

use crate::measurement::Measurement;
use crate::measurement::spacing::{Spacing, Verdict};
use crate::plan::Arrivals;
use crate::quantity;

/// From this share on, messages that wait for their connection explain the rest.
const BUSY: f64 = 0.02;

/// A line on random arrivals, and on others that were not as planned.
pub(super) fn text(measurement: &Measurement) -> Option<String> {
    let spacing = measurement.spacing.as_ref()?;
    let kind = match spacing.arrivals() {
        Arrivals::Poisson { seed } => format!("Poisson, --seed {seed}"),
        Arrivals::Even => "at equal intervals".into(),
    };
    let sent = spacing.rate().map_or("n/a".into(), quantity::amount);
    let planned = quantity::amount(spacing.planned_rate());
    let rate = format!("{sent}/s sent of {planned}/s");
    match (spacing.verdict(), spacing.arrivals()) {
        (Verdict::AsPlanned | Verdict::TooFew, Arrivals::Even) => None,
        (Verdict::AsPlanned, _) => Some(format!("arrivals as planned ({kind}): {rate}")),
        (Verdict::TooFew, _) => {
            Some(format!("arrivals ({kind}): too few to tell whether they were as planned"))
        }
        (Verdict::Rate, _) => Some(format!(
            "arrivals not as planned ({kind}): {rate}; {}",
            reason(spacing, measurement.datagrams.is_some())
        )),
        (Verdict::Distances, _) => Some(format!(
            "arrivals not as planned ({kind}): messages were sent at other intervals than asked for; {}",
            reason(spacing, measurement.datagrams.is_some())
        )),
    }
}

/// The probable reason, and what helps.
fn reason(spacing: &Spacing, datagrams: bool) -> String {
    match spacing.waited() {
        Some(share) if share >= BUSY && datagrams => format!(
            "{} of them waited, with as many in flight as can be: with --payload seq these are more, and a shorter \
             --timeout gives up earlier those that are lost",
            quantity::ratio(share)
        ),
        Some(share) if share >= BUSY => format!(
            "{} of them waited for their connection, which more connections (-P) shorten",
            quantity::ratio(share)
        ),
        _ => "this process woke up too late for some (see `sent late by`), which --spin avoids"
            .into(),
    }
}

/// For programs.
pub(super) fn json(measurement: &Measurement) -> Option<Value> {
    let spacing = measurement.spacing.as_ref()?;
    let seed = match spacing.arrivals() {
        Arrivals::Even => None,
        Arrivals::Poisson { seed } => Some(seed),
    };
    let [unlike, bound] = spacing.unlikeness().map_or([None; 2], |both| both.map(Some));
    let (as_planned, why) = match spacing.verdict() {
        Verdict::AsPlanned => (Some(true), None),
        Verdict::TooFew => (None, Some("too few")),
        Verdict::Rate => (Some(false), Some("rate")),
        Verdict::Distances => (Some(false), Some("distances")),
    };
    Some(json!({
        "kind": kind(spacing.arrivals()),
        "seed": seed,
        "as_planned": as_planned,
        "why": why,
        "planned_per_s": spacing.planned_rate(),
        "sent_per_s": spacing.rate(),
        "anderson_darling": unlike,
        "anderson_darling_bound": bound,
        "waited_share": spacing.waited(),
    }))
}

/// The name of a sort of arrivals, as on the command line.
pub(super) const fn kind(arrivals: Arrivals) -> &'static str {
    match arrivals {
        Arrivals::Even => "uniform",
        Arrivals::Poisson { .. } => "poisson",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measurement::Datagrams;
    use crate::plan::{Pace, Plan};

    fn measured(arrivals: Arrivals, gaps: impl Iterator<Item = u64>, waited: bool) -> Measurement {
        let plan = Plan { pace: Pace::Rate(1_000.0), arrivals, ..Plan::new() };
        let mut out = Measurement::of(&plan);
        let spacing = out.spacing.as_mut().expect("a rate");
        let mut at = Duration::ZERO;
        for micros in gaps {
            at += Duration::from_micros(micros);
            spacing.sent(at, waited);
        }
        out
    }

    /// The quantiles of the exponential distribution, shuffled.
    fn exponential() -> impl Iterator<Item = u64> {
        (0..500).map(|i| (-1e3 * ((f64::from(i * 7 % 500) + 0.5) / 500.0).ln()) as u64)
    }

    #[test]
    fn the_verdict_is_told_in_words() {
        let poisson = Arrivals::Poisson { seed: 42 };
        let told = |measurement: &Measurement| text(measurement).unwrap_or_default();
        assert_eq!(
            told(&measured(poisson, exponential(), false)),
            "arrivals as planned (Poisson, --seed 42): 1013/s sent of 1000/s"
        );
        assert_eq!(
            told(&measured(poisson, exponential().take(9), false)),
            "arrivals (Poisson, --seed 42): too few to tell whether they were as planned"
        );
        assert_eq!(
            told(&measured(poisson, (0..500).map(|_| 1_000), true)),
            "arrivals not as planned (Poisson, --seed 42): messages were sent at other intervals than \
             asked for; 100 % of them waited for their connection, which more connections (-P) shorten"
        );
        let mut datagrams = measured(Arrivals::Even, (0..500).map(|_| 2_000), true);
        datagrams.datagrams = Some(Datagrams::default());
        assert_eq!(
            told(&datagrams),
            "arrivals not as planned (at equal intervals): 500/s sent of 1000/s; 100 % of them waited, \
             with as many in flight as can be: with --payload seq these are more, and a shorter \
             --timeout gives up earlier those that are lost"
        );
        assert_eq!(told(&measured(Arrivals::Even, (0..500).map(|_| 1_000), false)), "");
        assert_eq!(
            told(&measured(Arrivals::Even, (0..500).map(|_| 2_000), false)),
            "arrivals not as planned (at equal intervals): 500/s sent of 1000/s; this process woke up \
             too late for some (see `sent late by`), which --spin avoids"
        );
    }

    #[test]
    fn programs_read_what_people_read() {
        let poisson = Arrivals::Poisson { seed: 42 };
        let json = |gaps, waited| json(&measured(poisson, gaps, waited)).expect("a rate");
        let good = json(exponential().take(500), false);
        assert_eq!((&good["as_planned"], &good["seed"]), (&Value::from(true), &Value::from(42)));
        assert!(good["anderson_darling"].as_f64() < good["anderson_darling_bound"].as_f64());
        let few = json(exponential().take(9), false);
        assert_eq!((&few["as_planned"], &few["why"]), (&Value::Null, &Value::from("too few")));
    }
}
