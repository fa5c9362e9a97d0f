//! Several runs a side: they show how far runs of one program differ, so that a change can be told from that.

use anyhow::Result;
use serde_json::Value;

use super::Sureness;
use super::change::{Change, Number, Unit, percent};
use super::permutation::{ALPHA, can_tell, chances};
use super::shift::shift;
use crate::quantity::counted;

/// The changes of all numbers that every run has.
pub(super) fn changes(sides: &[Vec<&Value>; 2]) -> Result<(Vec<Change>, Sureness)> {
    let [before, after] = sides.each_ref().map(Vec::len);
    let runs = sides.concat();
    let mut found = Vec::new();
    if before > 0 && after > 0 {
        for number in Number::of(&runs) {
            found.extend(number.values(&runs)?.map(|values| (number, levelled(values))));
        }
    }
    let scaled: Vec<Vec<_>> = found
        .iter()
        .map(|(number, values)| values.iter().map(|value| scale(number.unit, *value)).collect())
        .collect();
    let chances = chances(&scaled, before);
    let enough = can_tell(before, after);
    let changes =
        found.into_iter().zip(scaled).zip(&chances).map(|(((number, values), scaled), chance)| {
            let (a, b) = values.split_at(before);
            let [first, second] = scaled.split_at(before).into();
            let (middle, ends) = shift(first, second);
            let medians = [median(a), median(b)];
            let told = |shift: f64| told(number.unit, shift, medians[0]);
            let sure = enough && *chance <= ALPHA;
            Change {
                certainty: if values.iter().all(|value| *value == values[0]) {
                    "(the same in all runs)".into()
                } else {
                    certainty(ends.map(|ends| ends.map(told)), enough, sure)
                },
                percent: told(middle),
                judged: enough,
                sure,
                name: number.name,
                unit: number.unit,
                values: medians,
            }
        });
    let changes: Vec<_> = changes.collect();
    let smallest = chances.iter().copied().fold(1.0, f64::min);
    Ok((changes, sureness(before, after, smallest)))
}

fn sureness(before: usize, after: usize, chance: f64) -> Sureness {
    let runs = format!("{before} and {}", counted(after as u64, "run"));
    let (often, limit) = if chance <= ALPHA {
        (format!("one of {}", (1.0 / chance).floor()), "")
    } else {
        (format!("{:.0} of 100", chance * 100.0), ", which is no surprise")
    };
    Sureness {
        heading: format!(
            "the middle of {} before and of {after} after:\n",
            counted(before as u64, "run")
        ),
        advice: format!(
            "(if both sides were the same program, {runs} would differ that much in {often} comparisons{limit})"
        ),
        lack: format!(
            "{runs} cannot show whether one program is worse, whatever they say: make at least 4 a side, better 5 \
             (--repeat 5)"
        ),
    }
}

/// Values that differ by what rounding leaves are the same: a planned rate ends within a nanosecond of its time.
fn levelled(values: Vec<f64>) -> Vec<f64> {
    let most = values.iter().copied().fold(0.0, f64::max);
    let least = values.iter().copied().fold(most, f64::min);
    if most - least < ROUNDING * most { vec![least; values.len()] } else { values }
}

/// A difference that is none, as a share of the number.
const ROUNDING: f64 = 1e-7;

/// Changes of times and rates are relative; a share can be 0.
fn scale(unit: Unit, value: f64) -> f64 {
    match unit {
        Unit::Share => value,
        // A rate of 0 bit/s is no logarithm, but less than any other.
        Unit::Nanoseconds | Unit::BitsPerSecond => value.max(1e-9).ln(),
    }
}

/// A shift in per cent of what was `before`.
fn told(unit: Unit, shift: f64, before: f64) -> f64 {
    match unit {
        Unit::Share => percent(before, before + shift),
        Unit::Nanoseconds | Unit::BitsPerSecond => (shift.exp() - 1.0) * 100.0,
    }
}

fn certainty(ends: Option<[f64; 2]>, enough: bool, sure: bool) -> String {
    let sureness = match (enough, sure) {
        (false, _) => "too few runs to tell",
        (true, false) => "may be chance",
        (true, true) => "sure",
    };
    match ends.filter(|ends| ends.iter().all(|end| end.is_finite())) {
        None => format!("({sureness})"),
        Some([low, high]) => format!("(95 %: {low:+.1} % to {high:+.1} %; {sureness})"),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}
