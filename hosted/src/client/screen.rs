//! What the user sees on the standard output.
//!
//! A program that reads our output gets the bytes of the server as they are;
//! a person gets a prompt, and lines that cannot harm the terminal.

use std::io::{self, BufWriter, Write};
use std::mem;

use echo_instruments::terminal::escape::Escaped;

/// The standard output, in one of three forms.
#[derive(Debug)]
pub(super) struct Screen<W: Write> {
    out: BufWriter<W>,
    form: Form,
    /// What came of the line, or of the reply, that is shown as a whole.
    reply: Vec<u8>,
    /// The cursor stands behind the prompt.
    prompted: bool,
}

/// A line that is longer than this is shown as several: memory is bounded.
const LONGEST: usize = 64 * 1024;

/// How replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they come.
    Raw,
    /// Escaped, line by line.
    Escaped,
    /// Escaped, each reply on a line of its own, between prompts.
    Dialogue,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, form: Form) -> Self {
        Self { out: BufWriter::new(out), form, reply: Vec::new(), prompted: false }
    }

    /// Asks for a line, once.
    pub(super) fn prompt(&mut self) -> io::Result<()> {
        if self.form != Form::Dialogue || mem::replace(&mut self.prompted, true) {
            return Ok(());
        }
        self.out.write_all(b"To server < ")?;
        self.out.flush()
    }

    /// The user ended the line that was asked for.
    pub(super) fn entered(&mut self) {
        self.prompted = false;
    }

    /// A part of a reply came.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.form {
            Form::Raw => self.out.write_all(bytes)?,
            Form::Dialogue => self.reply.extend_from_slice(bytes),
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

    /// No more of the reply will come: what did, is shown.
    pub(super) fn complete(&mut self) -> io::Result<()> {
        if !self.reply.is_empty() {
            self.show()?;
        }
        self.out.flush()
    }

    /// Leaves the line of the prompt.
    pub(super) fn fresh_line(&mut self) -> io::Result<()> {
        if mem::take(&mut self.prompted) {
            writeln!(self.out)?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Writes what came as a line.
    fn show(&mut self) -> io::Result<()> {
        self.fresh_line()?;
        let name = if self.form == Form::Dialogue { "From server > " } else { "" };
        let reply = Escaped(self.reply.strip_suffix(b"\n").unwrap_or(&self.reply));
        writeln!(self.out, "{name}{reply}")?;
        self.reply.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `form` makes of a prompt, an entered line and two replies in pieces.
    fn shown(form: Form) -> Vec<u8> {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, form);
        for pieces in [[&b"\x1b[2J gr\xc3"[..], b"\xbc\xc3\x9fe\n"], [b"\0", b"\xff"]] {
            screen.prompt().expect("a vector");
            screen.prompt().expect("asked already");
            screen.entered();
            for piece in pieces {
                screen.receive(piece).expect("a vector");
            }
            screen.complete().expect("a vector");
            screen.complete().expect("nothing new");
        }
        screen.prompt().expect("a vector");
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
    fn an_unended_line_is_left_before_the_reply() {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, Form::Dialogue);
        screen.prompt().expect("a vector");
        screen.receive(b"hi").expect("a vector");
        screen.complete().expect("a vector");
        drop(screen);
        assert_eq!(out, b"To server < \nFrom server > hi\n");
    }
}
