//! The one place where `exit` is recognised.
//!
//! Somebody at a terminal types `exit` to leave; a file that happens to contain
//! the word must come back whole. Only what follows the word distinguishes the
//! two, so the scanner holds the word back until that is known:
//!
//! | what follows a message that is exactly the word | what the word was |
//! |---|---|
//! | more input | data |
//! | silence, which the [`Session`](crate::Session) times | a command |
//! | the end of the input | data, the tail of a file; but a command if the peer sent nothing else |
//!
//! A message starts where the connection starts, or after input went quiet.

/// The spellings that count as the word.
const WORDS: [&[u8]; 3] = [b"exit", b"exit\n", b"exit\r\n"];

/// All beginnings of [`WORDS`].
const SPELLINGS: [&[u8]; 7] = [b"e", b"ex", b"exi", b"exit", b"exit\n", b"exit\r", b"exit\r\n"];

/// Splits a stream into data and the word `exit`, `exit\n` or `exit\r\n`.
///
/// It stores no bytes: what it holds back is a part of the word.
#[derive(Debug, Clone)]
pub struct ExitScanner {
    /// The part of the word that has been received: one of [`SPELLINGS`], or empty.
    spelled: &'static [u8],
    /// The number of bytes at the end of `spelled` that are held back. Fewer than all if
    /// the word came in pieces with pauses between: those were echoed.
    held: usize,
    /// Whether a message may start with the next byte.
    at_start: bool,
    /// Whether nothing but the word, or its beginning, has ever been received.
    alone: bool,
}

/// What [`ExitScanner::receive`] makes of a piece of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    /// Earlier bytes that turned out to be data; they come first.
    pub released: &'static [u8],
    /// Whether the piece itself is data; otherwise it is held back, whole.
    pub is_data: bool,
}

impl ExitScanner {
    /// A scanner at the start of a connection.
    #[must_use]
    pub const fn new() -> Self {
        Self { spelled: b"", held: 0, at_start: true, alone: true }
    }

    /// The number of bytes that are held back, at most 6.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Whether the whole word is held back, so that silence makes it a command.
    #[must_use]
    pub fn holds_word(&self) -> bool {
        WORDS.contains(&self.spelled)
    }

    /// `bytes` arrived.
    pub fn receive(&mut self, bytes: &[u8]) -> Scan {
        let at_start = core::mem::replace(&mut self.at_start, false);
        if (at_start || !self.spelled.is_empty())
            && let Some(spelled) = spell(self.spelled, bytes)
        {
            self.spelled = spelled;
            self.held += bytes.len();
            return Scan { released: b"", is_data: false };
        }
        let released = self.release();
        self.alone &= self.spelled.is_empty();
        self.spelled = spell(b"", bytes).filter(|_| at_start).unwrap_or_default();
        let is_data = self.spelled.is_empty();
        self.alone &= !is_data;
        self.held = if is_data { 0 } else { bytes.len() };
        Scan { released, is_data }
    }

    /// Input went quiet. Returns what need not be held any longer: a mere
    /// beginning of the word is echoed at once, although the rest of the word may
    /// still follow.
    pub fn quiet(&mut self) -> &'static [u8] {
        self.at_start = true;
        if self.holds_word() { b"" } else { self.release() }
    }

    /// Input ended. Returns the last data, or `None` if it was the command.
    pub fn end(&mut self) -> Option<&'static [u8]> {
        if self.holds_word() && self.alone { None } else { Some(self.release()) }
    }

    fn release(&mut self) -> &'static [u8] {
        let echoed = self.spelled.len().saturating_sub(self.held);
        self.held = 0;
        self.spelled.get(echoed..).unwrap_or_default()
    }
}

impl Default for ExitScanner {
    fn default() -> Self {
        Self::new()
    }
}

/// The spelling that is `start` followed by `bytes`, if there is one.
fn spell(start: &[u8], bytes: &[u8]) -> Option<&'static [u8]> {
    // The length first: it settles the matter for nearly all input, and without
    // it the comparison of seven empty prefixes was 95 % of the cost of an echo.
    SPELLINGS.into_iter().find(|spelling| {
        spelling.len() == start.len() + bytes.len()
            && spelling.starts_with(start)
            && spelling.ends_with(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Scan = Scan { released: b"", is_data: false };
    const DATA: Scan = Scan { released: b"", is_data: true };

    #[test]
    fn the_word_is_held_however_it_is_cut() {
        for word in WORDS {
            for cut in 0..=word.len() {
                let (head, tail) = word.split_at(cut);
                let mut scanner = ExitScanner::new();
                for piece in [head, tail].into_iter().filter(|piece| !piece.is_empty()) {
                    assert_eq!(scanner.receive(piece), HELD);
                }
                assert_eq!(scanner.quiet(), b"");
                assert!(scanner.holds_word());
            }
        }
    }

    #[test]
    fn a_beginning_is_echoed_at_a_pause_and_still_counts() {
        let mut scanner = ExitScanner::new();
        scanner.receive(b"ex");
        assert_eq!(scanner.quiet(), b"ex");
        assert_eq!(scanner.receive(b"it"), HELD);
        assert_eq!(scanner.quiet(), b"");
        assert!(scanner.holds_word());
        assert_eq!(scanner.held(), 2);
    }

    #[test]
    fn what_is_glued_to_other_data_is_data() {
        for data in [&b"exits"[..], b" exit", b"a\nexit\nb", b"exit\n\n", b"exit\r\r\n", b"EXIT"] {
            assert_eq!(ExitScanner::new().receive(data), DATA);
        }
        let mut scanner = ExitScanner::new();
        assert_eq!(scanner.receive(b"exit"), HELD);
        assert_eq!(scanner.receive(b"s"), Scan { released: b"exit", is_data: true });
        assert_eq!(scanner.receive(b"exit"), DATA, "no message starts here");
    }

    #[test]
    fn a_pause_starts_a_message() {
        let mut scanner = ExitScanner::new();
        scanner.receive(b"hello");
        scanner.quiet();
        assert_eq!(scanner.receive(b"exit"), HELD);
        scanner.quiet();
        assert_eq!(scanner.receive(b"exit\n"), Scan { released: b"exit", is_data: false });
        assert!(scanner.holds_word());
    }

    #[test]
    fn a_carriage_return_alone_does_not_complete_the_word() {
        let mut scanner = ExitScanner::new();
        scanner.receive(b"exit\r");
        assert!(!scanner.holds_word());
        assert_eq!(scanner.quiet(), b"exit\r");
    }

    #[test]
    fn at_the_end_the_word_is_a_command_only_if_it_is_all_there_was() {
        let mut scanner = ExitScanner::new();
        scanner.receive(b"exit\n");
        assert_eq!(scanner.end(), None);

        for before in [&b"body"[..], b"e", b"exit"] {
            let mut scanner = ExitScanner::new();
            scanner.receive(before);
            scanner.quiet();
            scanner.receive(b"exit");
            assert_eq!(scanner.end(), Some(&b"exit"[..]), "after {before:?}");
        }
    }
}
