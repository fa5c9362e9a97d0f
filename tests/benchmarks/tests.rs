//! What becomes of numbers, and of the README: all else shows only on a quiet machine.

mod readme;
mod sheet;

use readme::{MARKS, replaced};
use sheet::{Sheet, Unit};

/// A table of the values of rows in rounds, without its head.
fn table(unit: Unit, compares: bool, rows: &[&[f64]]) -> Vec<String> {
    let mut sheet = Sheet::new("of", (0..rows.len()).map(|row| row.to_string()), &[("is", unit)]);
    if !compares {
        sheet = sheet.without_ratios();
    }
    for (row, values) in rows.iter().enumerate() {
        values.iter().for_each(|value| sheet.note(row, 0, *value));
    }
    let text = sheet.to_string();
    assert!(text.starts_with("| of | is |\n|---|---|\n"), "{text}");
    text.lines().skip(2).map(str::to_owned).collect()
}

#[test]
fn a_ratio_is_the_median_of_the_rounds_and_not_of_medians() {
    let told = table(Unit::Time, true, &[&[1e-6, 2e-6, 4e-6], &[2e-6, 2e-6, 8e-6]]);
    let first = "| 0 | 2.00 µs (1.00 to 4.00 µs) |";
    assert_eq!(told, [first, "| 1 | 2.00 µs, ×2.00 (1.00 to 2.00) |"]);
}

#[test]
fn the_order_of_rounds_does_not_matter_to_a_range() {
    for values in [[3e3, 1e3, 2e3], [1e3, 3e3, 2e3], [2e3, 1e3, 3e3]] {
        let told = table(Unit::PerSecond, true, &[&values]);
        assert_eq!(told, ["| 0 | 2000/s (1000 to 3000/s) |"]);
    }
}

#[test]
fn a_single_round_has_no_range_nor_has_what_does_not_show_it() {
    assert_eq!(table(Unit::Time, false, &[&[5e-3, 5.001e-3]]), ["| 0 | 5.00 ms |"]);
    let told = table(Unit::Time, true, &[&[2e-6], &[3e-6]]);
    assert_eq!(told, ["| 0 | 2.00 µs |", "| 1 | 3.00 µs, ×1.50 |"]);
}

#[test]
fn what_was_not_measured_in_the_same_rounds_is_not_compared() {
    let told = table(Unit::Time, true, &[&[], &[2e-6], &[]]);
    assert_eq!(told, ["| 0 | · |", "| 1 | 2.00 µs |", "| 2 | · |"]);
}

#[test]
fn an_error_has_a_sign_and_neither_memory_nor_a_share_a_ratio() {
    let told = table(Unit::Error, false, &[&[-1e-6], &[2e-3]]);
    assert_eq!(told, ["| 0 | -1.00 µs |", "| 1 | +2.00 ms |"]);
    assert_eq!(table(Unit::BytesPerSecond, false, &[&[2e6]]), ["| 0 | 2.00 MB/s |"]);
    let told = table(Unit::Bytes, true, &[&[100.0], &[1500.0]]);
    assert_eq!(told, ["| 0 | 100 B |", "| 1 | 1.50 kB |"]);
    let told = table(Unit::Share, true, &[&[1.0], &[0.504]]);
    assert_eq!(told, ["| 0 | 100 % |", "| 1 | 50 % |"]);
}

#[test]
fn a_range_names_both_units_if_they_differ() {
    let told = table(Unit::Time, false, &[&[900e-9, 2e-6, 1e-3], &[200e-6, 1e-6, 1e-3]]);
    assert_eq!(
        told,
        ["| 0 | 2.00 µs (900 ns to 1.00 ms) |", "| 1 | 200 µs (1.00 µs to 1.00 ms) |"]
    );
}

#[test]
fn nothing_but_the_tables_is_replaced() {
    let around = |tables: &str| format!("before\n{}{tables}{}\nafter\n", MARKS[0], MARKS[1]);
    let new = replaced(&around("old\n"), "new\nones\n").expect("a pair");
    assert_eq!(new, around("new\nones\n"));
    assert_eq!(replaced(&new, "old\n"), Some(around("old\n")));
}

#[test]
fn without_a_pair_of_marks_there_is_no_place() {
    for text in ["", MARKS[0], MARKS[1], &[MARKS[1], MARKS[0]].concat()] {
        assert_eq!(replaced(text, "new"), None, "{text}");
    }
}

#[test]
fn the_readme_has_a_place() {
    let text = include_str!("README.md");
    assert!(replaced(text, "").is_some_and(|new| new.len() < text.len()));
}
