//! The keyboard of a dialogue: keys in, lines out. It knows no terminal.
//!
//! Line editors that one calls to read a line (rustyline, reedline) keep the terminal and the
//! thread until the line is there: a server that closes cannot end them, a stop by Ctrl+Z in a
//! program with several threads is over before it begins, and what is not UTF-8 is an error.
//! Here the client's loop stays in charge, and the libraries are those of Unicode.

use std::collections::VecDeque;
use std::mem;

use super::keys::{self, Key, Step};
use super::line::Line;

/// The number of lines that can be recalled.
const REMEMBERED: usize = 1000;

/// Lines that are edited, one after another.
#[derive(Debug, Default)]
pub(super) struct Editor {
    /// The bytes of a key that is not complete.
    begun: Vec<u8>,
    pasting: bool,
    line: Line,
    entered: VecDeque<Entered>,
    /// The text that was last erased by more than a character.
    erased: Vec<u8>,
    /// The lines before this one, and the index of the one that is shown; their number stands for none.
    history: VecDeque<Vec<u8>>,
    recalled: usize,
    /// The latest line, while an earlier one is shown.
    latest: Line,
    suspended: bool,
}

/// What the user has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entered {
    /// A line, without what ended it.
    Line(Vec<u8>),
    /// The end of the input.
    End,
}

impl Editor {
    /// The user typed `bytes`.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let mut begun = mem::take(&mut self.begun);
        begun.extend_from_slice(bytes);
        let mut rest = begun.as_slice();
        loop {
            let decode = if self.pasting { keys::decode_pasted } else { keys::decode };
            let Some((key, length)) = decode(rest) else { break };
            self.press(key);
            rest = &rest[length..];
        }
        self.begun = rest.to_vec();
    }

    /// The next line, if it is complete.
    pub(super) fn next(&mut self) -> Option<Entered> {
        self.entered.pop_front()
    }

    /// Whether there is a complete line.
    pub(super) fn is_ahead(&self) -> bool {
        !self.entered.is_empty()
    }

    /// Whether the program is to be suspended, once.
    pub(super) fn take_suspended(&mut self) -> bool {
        mem::take(&mut self.suspended)
    }

    /// The line that is edited.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    fn press(&mut self, key: Key<'_>) {
        match key {
            Key::Text(text) => self.line.insert(text),
            Key::Enter => self.enter(),
            Key::End if self.line.is_empty() => self.entered.push_back(Entered::End),
            Key::End => _ = self.line.erase(Step::Right),
            Key::Suspend => self.suspended = true,
            Key::Move(step) => self.line.step(step),
            Key::Erase(step @ (Step::Left | Step::Right)) => _ = self.line.erase(step),
            Key::Erase(step) => {
                let erased = self.line.erase(step);
                if !erased.is_empty() {
                    self.erased = erased;
                }
            }
            Key::Yank => self.line.insert(&self.erased),
            Key::Earlier => self.recall(self.recalled.checked_sub(1)),
            Key::Later => self.recall(self.recalled.checked_add(1)),
            Key::Paste => self.pasting = true,
            Key::Pasted => self.pasting = false,
            Key::Unknown => {}
        }
    }

    fn enter(&mut self) {
        let line = mem::take(&mut self.line).bytes();
        if !line.is_empty() && self.history.back() != Some(&line) {
            self.history.push_back(line.clone());
            if self.history.len() > REMEMBERED {
                self.history.pop_front();
            }
        }
        self.recalled = self.history.len();
        self.entered.push_back(Entered::Line(line));
    }

    /// Shows the `nth` line of the history, or the latest line, which follows them all.
    fn recall(&mut self, nth: Option<usize>) {
        let Some(nth) = nth.filter(|nth| *nth <= self.history.len()) else { return };
        if self.recalled == self.history.len() {
            self.latest = self.line.clone();
        }
        self.line = match self.history.get(nth) {
            Some(bytes) => Line::new(bytes),
            None => mem::take(&mut self.latest),
        };
        self.recalled = nth;
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    /// What `keys` result in, given at once and byte by byte; a line as text, and the end as none.
    #[track_caller]
    fn entered(keys: &[u8]) -> Vec<Option<String>> {
        let [whole, bytewise] = [keys.len().max(1), 1].map(|size| {
            let mut editor = Editor::default();
            keys.chunks(size).for_each(|piece| editor.receive(piece));
            Vec::from(editor.entered)
        });
        assert_eq!(whole, bytewise);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        whole
            .into_iter()
            .map(|entered| match entered {
                Entered::Line(line) => Some(text(line)),
                Entered::End => None,
            })
            .collect()
    }

    #[track_caller]
    fn assert_lines(keys: &[u8], lines: &[&str]) {
        let lines: Vec<_> = lines.iter().map(|line| Some((*line).to_owned())).collect();
        assert_eq!(entered(keys), lines, "{}", keys.escape_ascii());
    }

    #[test]
    fn keys_edit_the_line() {
        for (keys, line) in [
            (&b"hello\r"[..], "hello"),
            (b"\n", ""),
            (b"helo\x1b[Dl\r", "hello"),
            (b"ello\x01h\x05!\r", "hello!"),
            (b"one two\x1bb\x17\r", "two"),
            (b"one two\x17\x19\x19\r", "one twotwo"),
            (b"gr\xc3\xbc\x7f\xc3\xb6n\r", "gr\u{f6}n"),
            (b"abc\x02\x04\r", "ab"),
            (b"abc\x04\r", "abc"),
            (b"\x1b[5~\x1b[24~\x07\x12\x1bza\x1b[Cb\r", "ab"),
            (b"\x16\x1b[2J\x16\r\r", "\x1b[2J\r"),
        ] {
            assert_lines(keys, &[line]);
        }
    }

    #[test]
    fn lines_can_be_called_back_and_edited() {
        assert_lines(b"one\rtwo\r\x1b[A\x1b[A!\r", &["one", "two", "one!"]);
        assert_lines(b"one\rnew\x10\x0e!\r", &["one", "new!"]);
        assert_lines(b"one\r\r\r\x1b[A\r", &["one", "", "", "one"]);
        assert_lines(b"one\rone\rtwo\r\x10\x10\x10\x10\r", &["one", "one", "two", "one"]);
        assert_lines(b"a\x0e\x0e\x10b\r", &["ab"]);
    }

    #[test]
    fn a_paste_is_taken_as_it_is_line_by_line() {
        assert_lines(
            b"<\x1b[200~a\x01\x1b[Ab\r\nc\rd\n\ne\x1b[201~>\r",
            &["<a\x01\x1b[Ab", "c", "d", "", "e>"],
        );
    }

    #[test]
    fn the_end_of_input_is_one_only_in_an_empty_line() {
        assert_eq!(entered(b"\x04"), [None]);
        assert_eq!(entered(b"a\r\x04"), [Some("a".into()), None]);
    }

    #[test]
    fn any_keys_in_any_pieces_are_the_same_keys() {
        let parts = [
            &b"a"[..],
            b"word ",
            b"\x1b[200~",
            b"\x1b[201~",
            b"\x1b[D",
            b"\x1bb",
            b"\x1bd",
            b"\x1b",
            "\u{fc}e\u{301}\u{1f469}\u{200d}\u{1f4bb}\u{10fe41}".as_bytes(),
            b"\xe2\x98",
            b"\xff",
            b"\r",
            b"\r\n",
            b"\x7f",
            b"\x17",
            b"\x15",
            b"\x19",
            b"\x10",
            b"\x0e",
            b"\x01",
            b"\x16",
            b"\x04",
            b"[",
            b"O",
            b"\0",
        ];
        let mut random = 862_u64;
        let mut below = |bound: usize| {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (random >> 33) as usize % bound
        };
        for _ in 0..500 {
            let keys: Vec<u8> = (0..40).flat_map(|_| parts[below(parts.len())]).copied().collect();
            let [mut whole, mut pieces] = [Editor::default(), Editor::default()];
            whole.receive(&keys);
            let mut rest = keys.as_slice();
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(1 + below(rest.len()));
                pieces.receive(piece);
                rest = behind;
                let columns = below(30);
                let (row, behind) = pieces.line.shown(columns);
                assert!(row.width() <= columns && behind <= row.width());
            }
            assert_eq!(pieces.entered, whole.entered, "{}", keys.escape_ascii());
            assert_eq!(pieces.line, whole.line, "{}", keys.escape_ascii());
        }
    }

    #[test]
    fn a_long_paste_costs_no_more_than_its_bytes() {
        let mut editor = Editor::default();
        let piece = [b'x'; 5000];
        // A copy of all for each piece would take minutes.
        for _ in 0..2000 {
            editor.receive(&piece);
            assert_eq!(editor.line().shown(80).0.len(), 80);
        }
        editor.receive(b"\r");
        assert_eq!(editor.next(), Some(Entered::Line(vec![b'x'; 5000 * 2000])));
    }

    #[test]
    fn only_ctrl_z_that_is_typed_suspends() {
        let mut editor = Editor::default();
        editor.receive(b"a\x1b[200~\x1a\x1b[201~\x16\x1a");
        assert!(!editor.take_suspended());
        editor.receive(b"\x1a");
        assert!(editor.take_suspended() && !editor.take_suspended());
        assert_eq!(editor.line().bytes(), b"a\x1a\x1a");
    }
}
