//! What the user sees on standard output.
//!
//! A program that reads our output gets the bytes of the server as they are;
//! a person gets a prompt, and lines that cannot harm the terminal.

use std::io::{self, BufWriter, Write};

use echo_instruments::terminal::escape::Escaped;

use super::line::Line;

/// Standard output, in one of four forms.
#[derive(Debug)]
pub(super) struct Screen<W: Write> {
    out: BufWriter<W>,
    form: Form,
    /// The part of the line, or of the reply, that has arrived; it is shown as a whole.
    reply: Vec<u8>,
    /// The row after the prompt, if the cursor stands there.
    prompted: Option<String>,
    /// Whether the cursor may no longer stand there.
    disturbed: bool,
}

const PROMPT: &str = "To server < ";

/// The control sequence that empties the row of the cursor.
const EMPTY: &str = "\r\x1b[J";

/// The longest line that is shown as one: memory is bounded.
const LONGEST: usize = 64 * 1024;

/// How replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they arrive.
    Raw,
    /// Escaped, line by line.
    Escaped,
    /// Escaped, each reply on a line of its own, between prompts.
    Dialogue,
    /// A dialogue whose terminal does not echo what is typed: the client does.
    Edited,
}

/// The part of `line` that fits after the prompt, and the cursor in it: one row, in which a line of
/// any length can be edited. The last column stays free, so that the cursor stays in the row.
pub(super) fn row(line: &Line, columns: usize) -> String {
    let (mut row, behind) = line.shown(columns.saturating_sub(PROMPT.len() + 1));
    if behind > 0 {
        row += &format!("\x1b[{behind}D");
    }
    row
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, form: Form) -> Self {
        Self { out: BufWriter::new(out), form, reply: Vec::new(), prompted: None, disturbed: false }
    }

    /// Prompts for a line, of which `row` is shown; writes nothing if that has not changed.
    pub(super) fn prompt(&mut self, row: &str) -> io::Result<()> {
        let is_shown = !self.disturbed && self.prompted.as_deref() == Some(row);
        if !self.is_dialogue() || is_shown {
            return Ok(());
        }
        let empty = if self.form == Form::Edited { EMPTY } else { "" };
        write!(self.out, "{empty}{PROMPT}{row}")?;
        self.prompted = Some(row.into());
        self.disturbed = false;
        self.out.flush()
    }

    /// The user ended the line. If it was edited, all of it is shown.
    pub(super) fn entered(&mut self, line: &[u8]) -> io::Result<()> {
        if self.form == Form::Edited {
            writeln!(self.out, "{EMPTY}{PROMPT}{}", Escaped(line))?;
            // What comes next may be a note, which goes another way to the terminal.
            self.out.flush()?;
        }
        self.prompted = None;
        Ok(())
    }

    /// Another program wrote on the terminal, or its width has changed.
    pub(super) fn disturb(&mut self) {
        self.disturbed = true;
    }

    fn is_dialogue(&self) -> bool {
        matches!(self.form, Form::Dialogue | Form::Edited)
    }

    /// A part of a reply came.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.form {
            Form::Raw => self.out.write_all(bytes)?,
            Form::Dialogue | Form::Edited => self.reply.extend_from_slice(bytes),
            Form::Escaped => {
                for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
                    self.reply.extend_from_slice(piece);
                    if piece.ends_with(b"\n") || self.reply.len() >= LONGEST {
                        self.show()?;
                    }
                }
            }
        }
        self.out.flush()
    }

    /// A whole reply came, which may be empty.
    pub(super) fn receive_whole(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.receive(bytes)?;
        if self.is_dialogue() {
            self.show()?;
        }
        self.out.flush()
    }

    /// No more of the reply will come: what has come is shown.
    pub(super) fn complete(&mut self) -> io::Result<()> {
        if !self.reply.is_empty() {
            self.show()?;
        }
        self.out.flush()
    }

    /// Leaves the line of the prompt.
    pub(super) fn fresh_line(&mut self) -> io::Result<()> {
        if self.prompted.take().is_some() {
            writeln!(self.out)?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Writes what came as a line.
    fn show(&mut self) -> io::Result<()> {
        self.fresh_line()?;
        let name = if self.is_dialogue() { "From server > " } else { "" };
        let reply = Escaped(self.reply.strip_suffix(b"\n").unwrap_or(&self.reply));
        writeln!(self.out, "{name}{reply}")?;
        self.reply.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::Step;
    use super::*;

    /// What `form` makes of a prompt, an entered line and two replies in pieces.
    fn shown(form: Form) -> Vec<u8> {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, form);
        for pieces in [[&b"\x1b[2J gr\xc3"[..], b"\xbc\xc3\x9fe\n"], [b"\0", b"\xff"]] {
            screen.prompt("").expect("a vector");
            screen.prompt("").expect("asked already");
            screen.entered(b"text\x07").expect("a vector");
            for piece in pieces {
                screen.receive(piece).expect("a vector");
            }
            screen.complete().expect("a vector");
            screen.complete().expect("nothing new");
        }
        screen.prompt("").expect("a vector");
        screen.fresh_line().expect("a vector");
        drop(screen);
        out
    }

    #[test]
    fn a_program_gets_the_bytes() {
        assert_eq!(shown(Form::Raw), b"\x1b[2J gr\xc3\xbc\xc3\x9fe\n\0\xff");
    }

    #[test]
    fn a_terminal_gets_lines() {
        let lines = String::from_utf8(shown(Form::Escaped)).expect("text");
        assert_eq!(lines, "\\x1b[2J grüße\n\\x00\\xff\n");
    }

    #[test]
    fn a_stream_on_a_terminal_is_shown_by_lines() {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, Form::Escaped);
        for piece in [&b"a\n\n\x1bb"[..], b"c", b"\nlast"] {
            screen.receive(piece).expect("a vector");
        }
        screen.receive(&[b'x'; LONGEST]).expect("a vector");
        screen.receive(b"y").expect("a vector");
        screen.complete().expect("a vector");
        drop(screen);
        let long = "x".repeat(LONGEST);
        let lines = String::from_utf8(out).expect("text");
        assert_eq!(lines, format!("a\n\n\\x1bbc\nlast{long}\ny\n"));
    }

    #[test]
    fn a_dialogue_has_prompts() {
        let lines = String::from_utf8(shown(Form::Dialogue)).expect("text");
        assert_eq!(
            lines,
            "To server < From server > \\x1b[2J grüße\n\
             To server < From server > \\x00\\xff\n\
             To server < \n"
        );
    }

    #[test]
    fn an_edited_line_is_drawn_anew_and_in_the_end_as_a_whole() {
        let lines = String::from_utf8(shown(Form::Edited)).expect("text");
        assert_eq!(
            lines.replace(EMPTY, "|"),
            "|To server < |To server < text\\x07\nFrom server > \\x1b[2J gr\u{fc}\u{df}e\n\
             |To server < |To server < text\\x07\nFrom server > \\x00\\xff\n\
             |To server < \n"
        );
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, Form::Edited);
        for row in ["a", "a", "ab"] {
            screen.prompt(row).expect("a vector");
        }
        screen.disturb();
        screen.prompt("ab").expect("a vector");
        screen.prompt("ab").expect("a vector");
        drop(screen);
        let rows = String::from_utf8(out).expect("text").replace(EMPTY, "|");
        assert_eq!(rows, "|To server < a|To server < ab|To server < ab");
    }

    #[test]
    fn an_edited_line_is_shown_before_anything_comes() {
        let mut screen = Screen::new(Vec::new(), Form::Edited);
        screen.prompt("a").expect("a vector");
        screen.entered(b"a").expect("a vector");
        assert!(screen.out.get_ref().ends_with(b"To server < a\n"));
    }

    #[test]
    fn a_row_is_never_longer_than_the_window() {
        let mut line = Line::new(&[b'x'; 100]);
        assert_eq!(row(&line, 80), "x".repeat(67));
        line.step(Step::Left);
        assert_eq!(row(&line, 80), "x".repeat(67) + "\x1b[1D");
        assert_eq!(row(&line, 5), "");
    }

    #[test]
    fn an_unended_line_is_left_before_the_reply() {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, Form::Dialogue);
        screen.prompt("").expect("a vector");
        screen.receive(b"hi").expect("a vector");
        screen.complete().expect("a vector");
        drop(screen);
        assert_eq!(out, b"To server < \nFrom server > hi\n");
    }
}
