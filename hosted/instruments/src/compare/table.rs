//! The table of changes, for a terminal of any width.

use super::change::Change;

/// A heading and a row for each change, of which none is wider than `width`. Where a row and its
/// intervals do not fit into one line, they have a line of their own in all rows.
pub(super) fn table(changes: &[Change], width: Option<usize>) -> String {
    let wide = changes.iter().map(|change| change.name.len()).max().unwrap_or_default() + 2;
    let rows: Vec<_> = changes.iter().map(|it| (numbers(it, wide), &it.certainty)).collect();
    let length =
        |(row, certainty): &(String, &String)| format!("{row}   {certainty}").chars().count();
    let fits = width.is_none_or(|width| rows.iter().all(|row| length(row) <= width));
    let gap = if fits { "   " } else { "\n    " };
    let mut text = format!("{:<wide$}{:>12}{:>14}{:>12}\n", "", "before", "after", "change");
    for (row, certainty) in rows {
        text.push_str(&format!("{row}{gap}{certainty}\n"));
    }
    text
}

fn numbers(change: &Change, wide: usize) -> String {
    let [before, after] = change.values.map(|value| change.unit.worded(value));
    format!("{:<wide$}{before:>12}{after:>14}{:>12}", change.name, change.worded())
}

#[cfg(test)]
mod tests {
    use super::super::change::{Unit, percent};
    use super::*;

    fn change(name: &str, unit: Unit, values: [f64; 2], certainty: &str) -> Change {
        Change {
            name: name.into(),
            unit,
            values,
            percent: percent(values[0], values[1]),
            certainty: certainty.into(),
            judged: true,
            sure: false,
        }
    }

    #[test]
    fn intervals_that_do_not_fit_have_lines_of_their_own() {
        let ends = "(95 %: before 569 Mbit/s to 1.11 Gbit/s, after 496 Mbit/s to 958 Mbit/s)";
        let changes = [
            change("rate", Unit::BitsPerSecond, [840e6, 727e6], ends),
            change("p99.9", Unit::Nanoseconds, [1.44e6, 1.89e6], "(too few to tell)"),
        ];
        let whole = table(&changes, None);
        assert_eq!(whole.lines().count(), 3, "{whole}");
        let widest = whole.lines().map(|line| line.chars().count()).max();
        assert_eq!(table(&changes, widest), whole);
        let narrow = table(&changes, Some(80));
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        assert!(narrow.contains(&format!("\n    {ends}\n")), "{narrow}");
        assert!(narrow.ends_with(" %\n    (too few to tell)\n"), "{narrow}");
        assert_eq!(
            narrow.split_whitespace().collect::<Vec<_>>(),
            whole.split_whitespace().collect::<Vec<_>>()
        );
    }
}
