//! The line that is edited: its text, the cursor, and the part of it that fits into a row.

use std::ops::Range;

use echo_instruments::terminal::escape::Escaped;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::keys::Step;

/// A line of any bytes.
///
/// Bytes that are not UTF-8 stand in the text as private-use characters, one for each byte, so
/// that a cursor can move over them; so do the bytes of those characters themselves, so that
/// nothing is ambiguous.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Line {
    text: String,
    cursor: usize,
}

/// The character that stands for the byte 0; these characters have no agreed meaning.
const BYTES: u32 = 0x10_fe00;

impl Line {
    /// A line with these bytes, and the cursor at its end.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut line = Self::default();
        line.insert(bytes);
        line
    }

    /// The bytes that were entered.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len());
        for c in self.text.chars() {
            match byte(c) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Inserts `bytes` before the cursor.
    pub(super) fn insert(&mut self, bytes: &[u8]) {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                match byte(c) {
                    None => text.push(c),
                    Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(stand_in)),
                }
            }
            text.extend(chunk.invalid().iter().copied().map(stand_in));
        }
        self.text.insert_str(self.cursor, &text);
        self.cursor += text.len();
    }

    /// Moves the cursor.
    pub(super) fn step(&mut self, step: Step) {
        self.cursor = self.place(step);
    }

    /// Removes what a step would go over, and returns it.
    pub(super) fn erase(&mut self, step: Step) -> Vec<u8> {
        let place = self.place(step);
        let erased: String =
            self.text.drain(place.min(self.cursor)..place.max(self.cursor)).collect();
        self.cursor = self.cursor.min(place);
        Self { text: erased, cursor: 0 }.bytes()
    }

    /// The place where a step ends.
    fn place(&self, step: Step) -> usize {
        let (before, after) = self.text.split_at(self.cursor);
        match step {
            Step::Start => 0,
            Step::End => self.text.len(),
            Step::Left => self.cursor - before.graphemes(true).next_back().map_or(0, str::len),
            Step::Right => self.cursor + after.graphemes(true).next().map_or(0, str::len),
            Step::WordLeft => before.unicode_word_indices().next_back().map_or(0, |(at, _)| at),
            Step::WordRight => after
                .unicode_word_indices()
                .next()
                .map_or(self.text.len(), |(at, word)| self.cursor + at + word.len()),
        }
    }

    /// The part that is shown in a row of this many `columns`, and how far its end is after the
    /// cursor. If not all of the line fits, it is the part around the cursor.
    pub(super) fn shown(&self, columns: usize) -> (String, usize) {
        let (before, after) = self.text.split_at(self.cursor);
        // At least a third of the row, or what the other side leaves.
        let ahead = fitting(after.graphemes(true), columns / 3).1;
        let (start, behind) = fitting(before.graphemes(true).rev(), columns - ahead);
        let (end, ahead) = fitting(after.graphemes(true), columns - behind);
        let range: Range<usize> = self.cursor - start..self.cursor + end;
        (self.text[range].graphemes(true).map(spelled).collect(), ahead)
    }
}

/// How many bytes of text, and columns, of these graphemes fit.
fn fitting<'t>(graphemes: impl Iterator<Item = &'t str>, columns: usize) -> (usize, usize) {
    let (mut length, mut taken) = (0, 0);
    for grapheme in graphemes {
        let width = spelled(grapheme).width();
        if taken + width > columns {
            break;
        }
        length += grapheme.len();
        taken += width;
    }
    (length, taken)
}

/// A grapheme in the form in which it is sent to the terminal.
fn spelled(grapheme: &str) -> String {
    match grapheme.chars().next().and_then(byte) {
        Some(byte) => Escaped(&[byte]).to_string(),
        None => Escaped(grapheme.as_bytes()).to_string(),
    }
}

/// The byte that a character stands for.
fn byte(c: char) -> Option<u8> {
    u32::from(c).checked_sub(BYTES).and_then(|byte| byte.try_into().ok())
}

/// The character that stands for a byte.
fn stand_in(byte: u8) -> char {
    char::from_u32(BYTES + u32::from(byte)).expect("below the last one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_out_as_they_were_entered() {
        let every: Vec<u8> = (0..=255).collect();
        let private: String = (0..=255).map(stand_in).collect();
        for bytes in [&b""[..], b"a\tb\x1b[2J", b"gr\xfc\xdfe \xe2\x98", private.as_bytes(), &every]
        {
            assert_eq!(Line::new(bytes).bytes(), bytes);
        }
    }

    #[test]
    fn the_cursor_goes_by_what_is_seen_and_by_words() {
        let mut line = Line::new("one zwei e\u{301}\u{1f469}\u{200d}\u{1f4bb}".as_bytes());
        line.step(Step::Left);
        line.insert(b"|");
        line.step(Step::Left);
        line.step(Step::Left);
        line.insert(b"|");
        assert_eq!(line.text, "one zwei |e\u{301}|\u{1f469}\u{200d}\u{1f4bb}");
        line.step(Step::WordLeft);
        assert_eq!(&line.text[line.cursor..][..4], "zwei");
        line.step(Step::WordLeft);
        line.step(Step::WordLeft);
        assert_eq!(line.cursor, 0);
        line.step(Step::WordRight);
        assert_eq!(&line.text[..line.cursor], "one");
        line.step(Step::End);
        line.step(Step::Right);
        assert_eq!(line.cursor, line.text.len());
    }

    #[test]
    fn what_is_erased_is_handed_out() {
        for (step, erased, left) in [
            (Step::Left, "z", "one wei"),
            (Step::Right, "w", "one zei"),
            (Step::WordLeft, "z", "one wei"),
            (Step::WordRight, "wei", "one z"),
            (Step::Start, "one z", "wei"),
            (Step::End, "wei", "one z"),
        ] {
            let mut line = Line { text: "one zwei".into(), cursor: 5 };
            assert_eq!(line.erase(step), erased.as_bytes(), "{step:?}");
            assert_eq!(line.text, left, "{step:?}");
        }
        let mut line = Line::new(b"\xff");
        assert_eq!(line.erase(Step::Left), b"\xff");
    }

    #[test]
    fn what_fits_is_shown_around_the_cursor() {
        let mut line = Line::new(b"0123456789abcdef");
        assert_eq!(line.shown(16), ("0123456789abcdef".into(), 0));
        assert_eq!(line.shown(9), ("789abcdef".into(), 0));
        line.step(Step::Start);
        assert_eq!(line.shown(9), ("012345678".into(), 9));
        (0..8).for_each(|_| line.step(Step::Right));
        assert_eq!(line.shown(9), ("23456789a".into(), 3));
        assert_eq!(line.shown(0), (String::new(), 0));
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out_and_measured() {
        let mut line = Line::new("\x1b[2J\u{4f60}\t\u{301}".as_bytes());
        line.insert(b"\xff");
        assert_eq!(line.shown(80).0, "\\x1b[2J\u{4f60}\\t\u{301}\\xff");
        line.step(Step::Start);
        assert_eq!(line.shown(9).1, 9, "two columns for the ideogram");
        assert_eq!(line.shown(8).1, 7, "it does not fit");
    }
}
