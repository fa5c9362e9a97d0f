//! What to send: lines of the standard input, or one message.
//!
//! It never waits. The client asks for the [`next`](Input::next) message, and
//! lets it [`read`](Input::read) when the operating system says that it can.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

/// As much as a pipe holds.
const CHUNK: usize = 64 * 1024;

/// A source of messages.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: BufReader<R>,
    /// The beginning of the next message.
    line: Vec<u8>,
    /// The source has ended.
    ended: bool,
    /// No message will follow.
    over: bool,
    form: Form,
}

/// How lines become messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// The newline is how a message was entered, not a part of it.
    pub(super) typed: bool,
    /// Only the first counts.
    pub(super) once: bool,
}

/// The next message, as far as it is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Message(Vec<u8>),
    /// There is none.
    End,
    /// It is not complete: read.
    Unknown,
}

impl Input<File> {
    /// The standard input, past the buffer that the library keeps of it: what
    /// is hidden there would not show when waiting.
    pub(super) fn standard(form: Form) -> io::Result<Self> {
        Ok(Self::new(io::stdin().as_fd().try_clone_to_owned()?.into(), form))
    }
}

impl<R: Read> Input<R> {
    fn new(source: R, form: Form) -> Self {
        let reader = BufReader::with_capacity(CHUNK, source);
        Self { reader, line: Vec::new(), ended: false, over: false, form }
    }

    /// Replaces all lines by one `message`.
    pub(super) fn with_message(mut self, message: &str) -> Self {
        self.line = message.into();
        self.ended = true;
        self
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Next {
        if self.over {
            return Next::End;
        }
        if self.ended {
            // What is left is a last line, if anything.
            self.over = true;
            return if self.line.is_empty() { Next::End } else { self.message() };
        }
        let buffer = self.reader.buffer();
        let newline = buffer.iter().position(|&byte| byte == b'\n');
        let taken = newline.map_or(buffer.len(), |at| at + 1);
        self.line.extend_from_slice(&buffer[..taken]);
        self.reader.consume(taken);
        if newline.is_none() {
            return Next::Unknown;
        }
        if self.form.typed {
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
            Ok(bytes) => self.ended |= bytes.is_empty(),
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
}

impl<R: AsFd> AsFd for Input<R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.get_ref().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPED: Form = Form { typed: false, once: false };

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
    fn piped_lines_keep_every_byte() {
        for text in [&b""[..], b"\n", b"a\n\nb\n", b"a\r\n\0\xff\nno newline"] {
            let messages = messages(Input::new(text, PIPED));
            let lines: Vec<_> = text.split_inclusive(|&byte| byte == b'\n').collect();
            assert_eq!(messages, lines);
        }
    }

    #[test]
    fn a_line_may_be_longer_than_any_buffer() {
        let long = [vec![b'x'; 3 * CHUNK], b"\ny".to_vec()].concat();
        let messages = messages(Input::new(&long[..], PIPED));
        assert_eq!(messages.concat(), long);
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn typed_lines_come_without_their_newline() {
        let typed = Form { typed: true, ..PIPED };
        assert_eq!(messages(Input::new(&b"a\n\nb"[..], typed)), [&b"a"[..], b"", b"b"]);
    }

    #[test]
    fn once_is_one_line() {
        let once = Form { once: true, ..PIPED };
        assert_eq!(messages(Input::new(&b"a\nb\n"[..], once)), [b"a\n"]);
        assert_eq!(messages(Input::new(&b""[..], once)).len(), 0);
    }

    #[test]
    fn a_message_replaces_the_lines() {
        let input = Input::new(&b"lines\n"[..], PIPED).with_message("exactly\nthis");
        assert_eq!(messages(input), [b"exactly\nthis"]);
    }
}
