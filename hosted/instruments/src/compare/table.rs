//! The table of changes, for a terminal of any width.

use std::time::Duration;

use super::{Change, Unit};
use crate::quantity;

/// A heading and a row for each change, of which none is wider than `width`. Where a row and its
/// intervals do not fit into one line, they have a line of their own in all rows.
pub(super) fn table(changes: &[Change], width: Option<usize>) -> String {
    let wide = changes.iter().map(|change| change.name.len()).max().unwrap_or_default() + 2;
    let rows: Vec<_> = changes.iter().map(|it| (numbers(it, wide), certainty(it))).collect();
    let length =
        |(row, certainty): &(String, String)| format!("{row}   {certainty}").chars().count();
    let fits = width.is_none_or(|width| rows.iter().all(|row| length(row) <= width));
    let gap = if fits { "   " } else { "\n    " };
    let mut text = format!("{:<wide$}{:>12}{:>14}{:>10}\n", "", "before", "after", "change");
    for (row, certainty) in rows {
        text.push_str(&format!("{row}{gap}{certainty}\n"));
    }
    text
}

fn numbers(change: &Change, wide: usize) -> String {
    let [before, after] = change.values.map(|value| worded(value, change.unit));
    format!("{:<wide$}{before:>12}{after:>14}{}", change.name, change.worded())
}

/// The interval of each value, or why one is unknown.
fn certainty(change: &Change) -> String {
    let word = |end| worded(end, change.unit);
    change.sure().map_or_else(
        || format!("({})", change.unknown),
        |intervals| {
            let [a, b] = intervals.map(|(low, high)| [low, high].map(word).join(" to "));
            format!("(95 %: {a}; {b})")
        },
    )
}

fn worded(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanoseconds => quantity::duration(Duration::from_nanos(value as u64)),
        Unit::BitsPerSecond => quantity::bit_rate(value),
        Unit::Share => quantity::ratio(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_that_do_not_fit_have_lines_of_their_own() {
        let rate = Change {
            name: "rate".into(),
            unit: Unit::BitsPerSecond,
            values: [840e6, 727e6],
            intervals: [Some((569e6, 1.11e9)), Some((496e6, 958e6))],
            unknown: "",
        };
        let time = Change {
            name: "p99.9".into(),
            unit: Unit::Nanoseconds,
            values: [1.44e6, 1.89e6],
            intervals: [None, None],
            unknown: "too few to tell",
        };
        let changes = [rate, time];
        let whole = table(&changes, None);
        assert_eq!(whole.lines().count(), 3, "{whole}");
        let widest = whole.lines().map(|line| line.chars().count()).max();
        assert_eq!(table(&changes, widest), whole);
        let narrow = table(&changes, Some(80));
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        let ends = "\n    (95 %: 569 Mbit/s to 1.11 Gbit/s; 496 Mbit/s to 958 Mbit/s)\n";
        assert!(narrow.contains(ends), "{narrow}");
        assert!(narrow.ends_with(" %\n    (too few to tell)\n"), "{narrow}");
        assert_eq!(
            narrow.split_whitespace().collect::<Vec<_>>(),
            whole.split_whitespace().collect::<Vec<_>>()
        );
    }
}
