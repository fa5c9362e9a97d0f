//! How much the messages of a run tell, in words and for programs: where each resembles the one before it, less than so many
//! that are independent.

use serde_json::{Value, json};

use crate::measurement::Measurement;
use crate::measurement::blocks::Blocks;
use crate::quantity;

/// A mean that is known better than this is known well enough, however it comes to that.
const WELL: f64 = 0.01;

/// A line where messages tell so little because each resembles the one before it.
pub(super) fn text(measurement: &Measurement) -> Option<String> {
    let blocks = Blocks::of(measurement)?;
    let (worth, all) = (blocks.worth()?, measurement.felt().len());
    let mean = measurement.felt().mean().filter(|mean| !mean.is_zero())?;
    let [low, high] = blocks.mean()?;
    let off = (high - low).div_duration_f64(mean) / 2.0;
    if 2.0 * worth > all as f64 || off < WELL {
        return None;
    }
    let what = if measurement.response.is_some() { "responses" } else { "round trips" };
    let [all, worth] = [all, roughly(worth)].map(quantity::count);
    Some(format!(
        "successive {what} are alike: {all} tell as much as about {worth} independent ones (the mean is known to ±{})",
        quantity::ratio(off)
    ))
}

/// For programs.
pub(super) fn json(measurement: &Measurement) -> Option<Value> {
    let lag1 = measurement.succession.resemblance()?;
    let worth = Blocks::of(measurement).and_then(|blocks| blocks.worth());
    Some(json!({ "lag1": lag1, "effective_n": worth.map(|worth| worth.round() as u64) }))
}

/// With two digits: twenty blocks do not know it better.
fn roughly(number: f64) -> u64 {
    let step = 10_f64.powf(number.max(1.0).log10().floor() - 1.0).max(1.0);
    ((number / step).round() * step) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::made_up::recurring::Recurring;
    use crate::measurement::Sample;
    use crate::measurement::times::Times;
    use crate::random::Random;

    fn run(memory: f64, spread: f64) -> Measurement {
        let mut random = Random(2);
        let mut level = Recurring::new(memory, spread).begun(&mut random);
        let mut out = Measurement::new();
        for _ in 0..10_000 {
            level.step(&mut random);
            let took = Duration::from_secs_f64(70e-6 * level.value.exp());
            out.elapsed += took;
            out.record(&Sample::new(out.elapsed, 0, Ok(took)));
        }
        out
    }

    #[test]
    fn what_follows_each_other_tells_less_and_that_is_said_where_it_matters() {
        let told = text(&run(0.9, 0.3)).expect("it matters");
        let start = "successive round trips are alike: 10 000 tell as much as about ";
        assert!(told.starts_with(start) && told.contains("(the mean is known to ±"), "{told}");
        let worth: f64 =
            told[start.len()..].split(' ').next().and_then(|n| n.parse().ok()).expect(&told);
        // 526 by theory; one may be told if blocks scatter more by chance.
        assert!((250.0..700.0).contains(&worth), "{told}");
        assert_eq!(text(&run(0.0, 0.3)), None, "independent");
        assert_eq!(text(&run(0.9, 0.01)), None, "known well");
        assert_eq!(text(&Measurement::new()), None);
        let response = Some(Times::new());
        let mut planned = Measurement { response, ..run(0.9, 0.3) };
        planned.response = Some(planned.times.clone());
        assert!(text(&planned).is_some_and(|told| told.starts_with("successive responses are")));
    }

    #[test]
    fn programs_are_told_how_much_neighbours_resemble_each_other() {
        let number = |told: &Value, key: &str| told[key].as_f64().expect("a number");
        let told = json(&run(0.9, 0.3)).expect("times");
        assert!((number(&told, "lag1") - 0.9).abs() < 0.02, "{told}");
        assert!(number(&told, "effective_n") < 700.0, "{told}");
        let told = json(&run(0.0, 0.3)).expect("times");
        assert!(number(&told, "lag1").abs() < 0.04, "{told}");
        assert!(number(&told, "effective_n") > 4_000.0, "{told}");
        assert_eq!(json(&Measurement::new()), None);
        let mut few = Measurement::new();
        for micros in [70, 80, 70] {
            few.record(&Sample::new(Duration::ZERO, 0, Ok(Duration::from_micros(micros))));
        }
        assert!(json(&few).is_some_and(|told| told["effective_n"].is_null()));
    }

    #[test]
    fn two_digits_are_told() {
        let numbers = [0.2, 1.0, 8.7, 12.4, 526.3, 99_940.0];
        assert_eq!(numbers.map(roughly), [0, 1, 9, 12, 530, 100_000]);
    }
}
