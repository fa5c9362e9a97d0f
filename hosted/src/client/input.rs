//! The input to send: standard input, as lines or as it arrives, or one message.
//!
//! It never waits. The client asks for the [`next`](Input::next) message, and
//! calls [`read`](Input::read) when the operating system reports that it can.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

use super::editor::{Editor, Entered};

/// The number of bytes read at once: as many as a pipe holds.
pub(super) const CHUNK: usize = 64 * 1024;

/// A source of messages.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: BufReader<R>,
    /// The beginning of the next message.
    line: Vec<u8>,
    /// The only message, if there is no source.
    given: Option<Vec<u8>>,
    /// Whether the source has ended.
    ended: bool,
    /// Whether no message will follow.
    over: bool,
    form: Form,
    /// The editor, if lines are edited here and not by the terminal.
    editor: Option<Editor>,
}

/// How the input is turned into messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) unit: Unit,
    /// Whether only the first message is sent.
    pub(super) once: bool,
}

/// How the input is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Into lines without their newline, which only ends the entry and is not part of the message.
    Typed,
    /// Into lines, with all of their bytes.
    Line,
    /// Not at all, as a stream: a message is whatever has arrived, but no more bytes than this.
    Piece(usize),
}

/// The next message, as far as it is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Message(Vec<u8>),
    /// There is no more.
    End,
    /// It is not complete: more must be read.
    Unknown,
}

impl Input<File> {
    /// Standard input, bypassing the standard library's buffer: a wait would not
    /// see what is hidden there.
    pub(super) fn standard(form: Form) -> io::Result<Self> {
        Ok(Self::new(io::stdin().as_fd().try_clone_to_owned()?.into(), form))
    }
}

impl<R: Read> Input<R> {
    fn new(source: R, form: Form) -> Self {
        let reader = BufReader::with_capacity(CHUNK, source);
        let (line, given, editor) = (Vec::new(), None, None);
        Self { reader, line, given, ended: false, over: false, form, editor }
    }

    /// Replaces all lines by one `message`.
    pub(super) fn with_message(mut self, message: &str) -> Self {
        self.given = Some(message.into());
        self.ended = true;
        self
    }

    /// Makes the bytes keys that edit lines.
    pub(super) fn edited(mut self) -> Self {
        self.editor = Some(Editor::default());
        self
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Next {
        if self.over {
            return Next::End;
        }
        if let Some(message) = self.given.take() {
            self.over = true;
            return Next::Message(message);
        }
        if let Some(editor) = &mut self.editor {
            let entered = editor.next();
            self.over = match entered {
                Some(Entered::Line(_)) => self.form.once,
                Some(Entered::End) => true,
                None => self.ended,
            };
            return match entered {
                Some(Entered::Line(line)) => Next::Message(line),
                _ if self.over => Next::End,
                _ => Next::Unknown,
            };
        }
        if self.ended {
            // The rest, if there is any, is the last line.
            self.over = true;
            return if self.line.is_empty() { Next::End } else { self.message() };
        }
        let buffer = self.reader.buffer();
        let newline = buffer.iter().position(|&byte| byte == b'\n');
        let end = match self.form.unit {
            Unit::Typed | Unit::Line => newline.map(|at| at + 1),
            Unit::Piece(most) => Some(buffer.len().min(most)).filter(|length| *length > 0),
        };
        let taken = end.unwrap_or(buffer.len());
        self.line.extend_from_slice(&buffer[..taken]);
        self.reader.consume(taken);
        if end.is_none() {
            return Next::Unknown;
        }
        if self.form.unit == Unit::Typed {
            self.line.pop();
        }
        self.over = self.form.once;
        self.message()
    }

    fn message(&mut self) -> Next {
        Next::Message(mem::take(&mut self.line))
    }

    /// Reads once, when there is something to read.
    pub(super) fn read(&mut self) -> io::Result<()> {
        match self.reader.fill_buf() {
            Ok(bytes) => {
                self.ended |= bytes.is_empty();
                if let Some(editor) = &mut self.editor {
                    editor.receive(bytes);
                    let length = bytes.len();
                    self.reader.consume(length);
                }
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether the source has ended, and not only a line of it.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The editor of the lines, if they are edited here.
    pub(super) fn editor(&mut self) -> Option<&mut Editor> {
        self.editor.as_mut()
    }

    /// Whether to read before it is the input's turn: keys are handled at any time, but no more
    /// than a line is typed ahead.
    pub(super) fn reads_ahead(&self) -> bool {
        let is_open = !self.ended && !self.over;
        is_open && self.editor.as_ref().is_some_and(|editor| !editor.is_ahead())
    }
}

impl<R: AsFd> AsFd for Input<R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.get_ref().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Form = Form { unit: Unit::Line, once: false };

    /// All messages of `input`.
    fn messages(mut input: Input<impl Read>) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        loop {
            match input.next() {
                Next::Message(message) => messages.push(message),
                Next::End => return messages,
                Next::Unknown => input.read().expect("a slice"),
            }
        }
    }

    #[test]
    fn lines_keep_every_byte() {
        for text in [&b""[..], b"\n", b"a\n\nb\n", b"a\r\n\0\xff\nno newline"] {
            let messages = messages(Input::new(text, LINES));
            let lines: Vec<_> = text.split_inclusive(|&byte| byte == b'\n').collect();
            assert_eq!(messages, lines);
        }
    }

    #[test]
    fn a_line_may_be_longer_than_any_buffer() {
        let long = [vec![b'x'; 3 * CHUNK], b"\ny".to_vec()].concat();
        let messages = messages(Input::new(&long[..], LINES));
        assert_eq!(messages.concat(), long);
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn typed_lines_come_without_their_newline() {
        let typed = Form { unit: Unit::Typed, ..LINES };
        assert_eq!(messages(Input::new(&b"a\n\nb"[..], typed)), [&b"a"[..], b"", b"b"]);
    }

    #[test]
    fn edited_lines_are_what_the_keys_make_of_them() {
        let typed = Form { unit: Unit::Typed, ..LINES };
        let keys = &b"b\x1b[Da\r\x1b[A!\r\x04rest"[..];
        assert_eq!(messages(Input::new(keys, typed).edited()), [&b"ab"[..], b"ab!"]);
        let once = Form { once: true, ..typed };
        assert_eq!(messages(Input::new(keys, once).edited()), [b"ab"]);
        assert_eq!(messages(Input::new(&b"unended"[..], typed).edited()).len(), 0);
    }

    #[test]
    fn no_more_than_a_line_is_read_ahead() {
        let typed = Form { unit: Unit::Typed, ..LINES };
        let mut input = Input::new(&b"a\r"[..], typed).edited();
        assert!(input.reads_ahead());
        input.read().expect("a slice");
        assert!(!input.reads_ahead());
        assert_eq!(input.next(), Next::Message(b"a".into()));
        assert!(input.reads_ahead());
        input.read().expect("a slice");
        assert!(!input.reads_ahead() && input.next() == Next::End);
        assert!(!Input::new(&b"a\n"[..], typed).reads_ahead(), "the terminal keeps it");
    }

    #[test]
    fn a_stream_is_taken_as_it_comes() {
        let text = [&b"a\n\n\0b"[..], &[b'x'; 2 * CHUNK]].concat();
        let taken =
            |most| messages(Input::new(&text[..], Form { unit: Unit::Piece(most), once: false }));
        let messages = taken(CHUNK);
        assert_eq!(messages.concat(), text);
        assert!(messages.iter().all(|piece| (1..=CHUNK).contains(&piece.len())));
        assert_eq!(messages.len(), 3, "as much as can be read at once");
        let smaller = taken(1_000);
        assert_eq!(smaller.concat(), text);
        assert!(smaller.iter().all(|piece| piece.len() <= 1_000));
        assert!(smaller.iter().filter(|piece| piece.len() < 1_000).count() <= 3);
    }

    #[test]
    fn once_is_one_line() {
        let once = Form { once: true, ..LINES };
        assert_eq!(messages(Input::new(&b"a\nb\n"[..], once)), [b"a\n"]);
        assert_eq!(messages(Input::new(&b""[..], once)).len(), 0);
    }

    #[test]
    fn a_message_replaces_the_lines() {
        let input = Input::new(&b"lines\n"[..], LINES).with_message("exactly\nthis");
        assert_eq!(messages(input), [b"exactly\nthis"]);
    }
}
