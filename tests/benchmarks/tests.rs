//! What becomes of numbers, and of the README: all else shows only on a quiet machine.

mod readme;
#[path = "servers/reflector/segment.rs"]
mod segment;
mod sheet;

use readme::{MARKS, replaced};
use segment::segment;
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
fn the_range_is_where_the_median_may_be_and_not_where_a_round_was() {
    // 95 % of a binomial distribution, from a table: the first and the last rank.
    for (rounds, first, last) in [(8, 1, 8), (9, 2, 8), (11, 2, 10), (21, 6, 16), (100, 40, 61)] {
        let values: Vec<_> = (1001..=1000 + rounds).map(f64::from).collect();
        let [middle, first, last] = [rounds / 2 + 1, first, last].map(|rank| 1000 + rank);
        let told = table(Unit::PerSecond, true, &[&values]);
        assert_eq!(told, [format!("| 0 | {middle}/s ({first} to {last}/s) |")]);
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

/// Number, number told, flags, window.
type Head = (u32, u32, u8, u16);

/// What answers a segment with so many bytes.
fn answer((number, told, flags, window): Head, bytes: usize) -> Option<Head> {
    let length = (40 + bytes) as u16;
    let mut frame = [&[0; 12][..], &[8, 0, 0x45, 0], &length.to_be_bytes(), &[0; 5], &[6]].concat();
    frame.extend([0, 0, 10, 9, 9, 1, 10, 9, 9, 2, 0x9c, 0x40, 0, 9]);
    frame.extend([number.to_be_bytes(), told.to_be_bytes()].concat());
    frame.extend([0x50, flags]);
    frame.extend(window.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(vec![7; bytes]);
    let sum = !sum(&frame);
    frame[50..52].copy_from_slice(&sum.to_be_bytes());
    let word = |frame: &[u8], at| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let long = |frame: &[u8], at| u32::from(word(frame, at)) << 16 | u32::from(word(frame, at + 2));
    segment(&mut frame).then(|| {
        assert_eq!(self::sum(&frame), 0xffff, "{number} {told} {flags}");
        (long(&frame, 38), long(&frame, 42), frame[47], word(&frame, 48))
    })
}

/// The sum of a segment and its pseudo header: all ones if the checksum is right.
fn sum(frame: &[u8]) -> u16 {
    let length = frame.len() as u32 - 34;
    let pairs = frame[26..].chunks(2);
    let words = pairs.map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum = words.sum::<u32>() + 6 + length;
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum + (sum >> 16)) as u16
}

#[test]
fn a_segment_is_answered_with_its_own_numbers_and_a_right_checksum() {
    let (syn, fin, ack) = (2, 1, 16);
    let near_the_end = u32::MAX - 9;
    for number in [5, 0xffff, near_the_end] {
        let after = |bytes| number.wrapping_add(bytes);
        assert_eq!(answer((number, 0, syn, 500), 0), Some((number, after(1), syn | ack, 500)));
        for bytes in [1, 100, 1001] {
            // Of the room of its sender, what is on the way takes some.
            let told = number.wrapping_sub(50);
            let room = 2000 - 50 - bytes as u16;
            let answered = Some((number, after(bytes), ack, room));
            assert_eq!(answer((number, told, ack, 2000), bytes as usize), answered);
        }
        assert_eq!(answer((number, number, ack, 40), 100), Some((number, after(100), ack, 0)));
        let both = fin | ack;
        assert_eq!(answer((number, number, both, 500), 0), Some((number, after(1), both, 499)));
    }
}

#[test]
fn only_an_ack_that_brings_room_is_answered_and_no_reset() {
    let (ack, reset) = (16, 4);
    assert_eq!(answer((1000, 1000, ack, 500), 0), Some((1000, 1000, ack, 500)));
    assert_eq!(answer((1000, 800, ack, 500), 0), Some((1000, 1000, ack, 300)));
    assert_eq!(answer((1000, 700, ack, 500), 0), None);
    assert_eq!(answer((1000, 1000, ack, 0), 0), None);
    assert_eq!(answer((1000, 1000, reset, 500), 0), None);
}
