//! The meaning of the bytes from a terminal: text, and the keys that edit it.
//!
//! The keys are those of Emacs and readline, and the sequences those of xterm, rxvt and the
//! console of Linux.

/// A key that was typed, or text that was pasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// Bytes to be entered as they are.
    Text(&'a [u8]),
    /// The end of the line.
    Enter,
    /// The end of the input, if the line is empty.
    End,
    Suspend,
    Move(Step),
    Erase(Step),
    /// Inserts what was last erased, except single characters.
    Yank,
    Earlier,
    Later,
    /// The start of pasted text, up to [`Key::Pasted`].
    Paste,
    Pasted,
    Unknown,
}

/// A movement from the cursor to another place in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Left,
    Right,
    WordLeft,
    WordRight,
    Start,
    End,
}

const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// The end of a paste.
const PASTED: &[u8] = b"\x1b[201~";

/// The first key of `bytes`, and how many of them it takes. None if it is not complete.
pub(super) fn decode(bytes: &[u8]) -> Option<(Key<'_>, usize)> {
    let key = match *bytes.first()? {
        ESCAPE => return escape(bytes),
        // The next byte is text, whatever it is.
        b'\x16' => return bytes.get(1..2).map(|quoted| (Key::Text(quoted), 2)),
        b'\r' | b'\n' => Key::Enter,
        b'\x01' => Key::Move(Step::Start),
        b'\x02' => Key::Move(Step::Left),
        b'\x04' => Key::End,
        b'\x05' => Key::Move(Step::End),
        b'\x06' => Key::Move(Step::Right),
        b'\x08' | DELETE => Key::Erase(Step::Left),
        b'\x0b' => Key::Erase(Step::End),
        b'\x0e' => Key::Later,
        b'\x10' => Key::Earlier,
        b'\x15' => Key::Erase(Step::Start),
        b'\x17' => Key::Erase(Step::WordLeft),
        b'\x19' => Key::Yank,
        b'\x1a' => Key::Suspend,
        b'\t' | b' '.. => {
            let is_text = |byte: &u8| matches!(*byte, b'\t' | b' '..) && *byte != DELETE;
            let end = bytes.iter().position(|byte| !is_text(byte));
            return text(bytes, end);
        }
        _ => Key::Unknown,
    };
    Some((key, 1))
}

/// As [`decode`], within a paste: only its lines and its end are no text.
pub(super) fn decode_pasted(bytes: &[u8]) -> Option<(Key<'_>, usize)> {
    match *bytes.first()? {
        b'\r' if bytes.len() == 1 => None,
        b'\r' if bytes[1] == b'\n' => Some((Key::Enter, 2)),
        b'\r' | b'\n' => Some((Key::Enter, 1)),
        ESCAPE if bytes.starts_with(PASTED) => Some((Key::Pasted, PASTED.len())),
        ESCAPE if PASTED.starts_with(bytes) => None,
        _ => {
            let is_text = |byte: &u8| !matches!(*byte, b'\r' | b'\n' | ESCAPE);
            let end = bytes[1..].iter().position(|byte| !is_text(byte)).map(|end| end + 1);
            text(bytes, end)
        }
    }
}

/// Text up to `end`, or to the last character that is complete.
fn text(bytes: &[u8], end: Option<usize>) -> Option<(Key<'_>, usize)> {
    let end = end.unwrap_or_else(|| {
        let rest = bytes.utf8_chunks().last().map_or(&b""[..], |chunk| chunk.invalid());
        if is_begun(rest) { bytes.len() - rest.len() } else { bytes.len() }
    });
    (end > 0).then(|| (Key::Text(&bytes[..end]), end))
}

/// Whether these bytes are the beginning of a character.
fn is_begun(bytes: &[u8]) -> bool {
    // An error without a length means that more bytes could complete the character.
    str::from_utf8(bytes)
        .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

/// A key that begins with an escape.
fn escape(bytes: &[u8]) -> Option<(Key<'_>, usize)> {
    Some(match *bytes.get(1)? {
        b'[' if bytes.get(2) == Some(&b'[') => (Key::Unknown, bytes.get(..4)?.len()),
        b'[' => {
            let is_final = |byte: &u8| !matches!(*byte, b' '..=b'?');
            let end = 2 + bytes[2..].iter().position(is_final)?;
            (sequence(&bytes[2..end], bytes[end]), end + 1)
        }
        b'O' => (sequence(b"", *bytes.get(2)?), 3),
        b'b' => (Key::Move(Step::WordLeft), 2),
        b'f' => (Key::Move(Step::WordRight), 2),
        b'd' => (Key::Erase(Step::WordRight), 2),
        b'\x08' | DELETE => (Key::Erase(Step::WordLeft), 2),
        // Alt with an arrow, in rxvt.
        ESCAPE => escape(&bytes[1..]).map(|(key, length)| (key, length + 1))?,
        _ => {
            if is_begun(&bytes[1..]) {
                return None;
            }
            let next = bytes[1..].utf8_chunks().next()?.valid().chars().next();
            (Key::Unknown, 1 + next.map_or(1, char::len_utf8))
        }
    })
}

/// A sequence that ends with `last`.
fn sequence(parameters: &[u8], last: u8) -> Key<'static> {
    // With Alt or Ctrl an arrow goes over a word.
    let over_word = matches!(parameters, b"1;3" | b"1;5" | b"3" | b"5");
    match (parameters, last) {
        (_, b'A') => Key::Earlier,
        (_, b'B') => Key::Later,
        (_, b'C') if over_word => Key::Move(Step::WordRight),
        (_, b'D') if over_word => Key::Move(Step::WordLeft),
        (_, b'C') => Key::Move(Step::Right),
        (_, b'D') => Key::Move(Step::Left),
        (b"", b'c') => Key::Move(Step::WordRight),
        (b"", b'd') => Key::Move(Step::WordLeft),
        (_, b'F') | (b"4" | b"8", b'~') => Key::Move(Step::End),
        (_, b'H') | (b"1" | b"7", b'~') => Key::Move(Step::Start),
        (b"", b'M') => Key::Enter,
        (b"3", b'~') => Key::Erase(Step::Right),
        (b"3;3" | b"3;5", b'~') => Key::Erase(Step::WordRight),
        (b"200", b'~') => Key::Paste,
        _ => Key::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_waits_for_its_last_byte() {
        for (bytes, key) in [
            (&b"\x1b[A"[..], Key::Earlier),
            (b"\x1bOB", Key::Later),
            (b"\x1b[1;5D", Key::Move(Step::WordLeft)),
            (b"\x1b\x1b[C", Key::Move(Step::Right)),
            (b"\x1bf", Key::Move(Step::WordRight)),
            (b"\x1b[3~", Key::Erase(Step::Right)),
            (b"\x1b[200~", Key::Paste),
            (b"\x1b[[A", Key::Unknown),
            (b"\x1b[12;34R", Key::Unknown),
            (b"\x16\x1b", Key::Text(b"\x1b")),
            ("\u{2615}".as_bytes(), Key::Text("\u{2615}".as_bytes())),
            (b"\r", Key::Enter),
        ] {
            for end in 0..bytes.len() {
                assert_eq!(decode(&bytes[..end]), None, "{:?}", bytes[..end].escape_ascii());
            }
            let more = [bytes, b"\x7f"].concat();
            assert_eq!(decode(&more), Some((key, bytes.len())));
        }
    }

    #[test]
    fn text_is_taken_up_to_what_is_none() {
        for (bytes, text) in [
            (&b"a b\tc\x7f"[..], &b"a b\tc"[..]),
            ("gr\u{fc}\u{df}e\r".as_bytes(), "gr\u{fc}\u{df}e".as_bytes()),
            (b"gr\xc3", b"gr"),
            // It is not UTF-8: nothing could complete it.
            (b"gr\xfce", b"gr\xfce"),
            (b"gr\xfc\xc3", b"gr\xfc"),
            (b"gr\xc3\r", b"gr\xc3"),
        ] {
            assert_eq!(decode(bytes), Some((Key::Text(text), text.len())));
        }
    }

    #[test]
    fn in_a_paste_only_lines_and_its_end_are_no_text() {
        let text = b"\x01\x1b[A\x7f\x1a\0".as_slice();
        let (mut rest, mut taken) = (text, Vec::new());
        while let Some((Key::Text(piece), length)) = decode_pasted(rest) {
            taken.extend_from_slice(piece);
            rest = &rest[length..];
        }
        assert_eq!(taken, text);
        for (bytes, key) in [
            (&b"\r\n"[..], Some((Key::Enter, 2))),
            (b"\rb", Some((Key::Enter, 1))),
            (b"\n\n", Some((Key::Enter, 1))),
            (b"\r", None),
            (b"\x1b[20", None),
            (PASTED, Some((Key::Pasted, PASTED.len()))),
        ] {
            assert_eq!(decode_pasted(bytes), key);
        }
    }
}
