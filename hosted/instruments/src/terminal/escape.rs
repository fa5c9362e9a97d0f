//! The one rule for text that others wrote: bytes from the network, names of hosts and files.
//!
//! Printable UTF-8 stays readable. What would move the cursor, change colours,
//! reorder text, is forbidden in XML or is no UTF-8 at all is spelled out instead. Text that was
//! spelled out stays as it is, so it may be done again: it is for all that goes to stderr.

use std::fmt;
use std::path::Path;

/// Shows bytes with `\n`, `\x1b`, `\xff`, `\u{202e}` in place of what a terminal would obey.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            // Runs of harmless text are written whole: a reply can be long.
            for piece in chunk.valid().split_inclusive(is_obeyed) {
                let (text, last) = match piece.char_indices().next_back() {
                    Some((at, last)) if is_obeyed(last) => (&piece[..at], Some(last)),
                    _ => (piece, None),
                };
                f.write_str(text)?;
                match last {
                    Some(control @ '\0'..='\x7f') => {
                        write!(f, "{}", (control as u8).escape_ascii())?;
                    }
                    Some(control) => write!(f, "{}", control.escape_unicode())?,
                    None => {}
                }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

/// A path for people: on Unix its name may be any bytes.
#[must_use]
pub fn shown(path: &Path) -> Escaped<'_> {
    Escaped(path.as_os_str().as_encoded_bytes())
}

/// Each line of a text of ours, in which something may stand that others wrote.
#[must_use]
pub(crate) fn lines(text: &str) -> String {
    text.lines().map(|line| Escaped(line.as_bytes()).to_string()).collect::<Vec<_>>().join("\n")
}

/// Controls, separators of lines, the marks that turn the direction of the text around them,
/// and what is no character (in XML it is an error).
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_stays_as_it_is() {
        for text in ["", "hello, world", "Grüße, Zoë ☕ 你好 👩‍💻", r#"back\slash "and" 'quotes'"#]
        {
            assert_eq!(Escaped(text.as_bytes()).to_string(), text);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        for (bytes, shown) in [
            (&b"\x1b[31mred\x1b[0m"[..], r"\x1b[31mred\x1b[0m"),
            (b"a\tb\rc\nd", r"a\tb\rc\nd"),
            (b"\0\x07\x08\x7f", r"\x00\x07\x08\x7f"),
            ("\u{9b}2J".as_bytes(), r"\u{9b}2J"),
            ("user\u{202e}txt".as_bytes(), r"user\u{202e}txt"),
            ("one\u{2028}two\u{ffff}".as_bytes(), r"one\u{2028}two\u{ffff}"),
        ] {
            assert_eq!(Escaped(bytes).to_string(), shown);
            assert_eq!(Escaped(shown.as_bytes()).to_string(), shown, "twice");
        }
    }

    #[test]
    fn lines_of_ours_stay_lines() {
        assert_eq!(
            lines("error: no \x1b[2J\nhint: \u{202e}\n"),
            "error: no \\x1b[2J\nhint: \\u{202e}"
        );
    }

    #[test]
    fn what_is_no_utf8_is_spelled_out() {
        assert_eq!(Escaped(b"\xff\xfe").to_string(), r"\xff\xfe");
        assert_eq!(Escaped(b"gr\xc3\xbc\xc3!").to_string(), "grü\\xc3!");
        assert_eq!(Escaped(b"\x9b2J").to_string(), r"\x9b2J");
    }

    #[test]
    fn no_byte_gets_through_that_a_terminal_would_obey() {
        let every: Vec<u8> = (0..=255).collect();
        assert!(!Escaped(&every).to_string().contains(char::is_control));
    }
}
