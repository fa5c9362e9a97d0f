//! The server's lines about its clients, as the original programs printed them.

use std::fmt;
use std::io::{self, BufWriter, Stdout, Write};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Nothing.
    None,
    /// Who comes and goes.
    Clients,
    /// What is received, too.
    Messages,
}

/// Lines on stdout. They are collected until [`flush`](Self::flush), which each
/// worker calls once per wake-up: not one system call a line.
#[derive(Debug)]
pub struct Log {
    lines: Lines,
    out: Mutex<BufWriter<Stdout>>,
}

impl Log {
    /// A log that tells as much as `lines` says.
    #[must_use]
    pub fn new(lines: Lines) -> Self {
        Self { lines, out: Mutex::new(BufWriter::new(io::stdout())) }
    }

    /// Whether messages are shown.
    #[must_use]
    pub fn shows_messages(&self) -> bool {
        self.lines == Lines::Messages
    }

    /// Says what became of a client.
    pub fn client(&self, peer: SocketAddr, what: impl fmt::Display) {
        if self.lines != Lines::None {
            self.line(format_args!("Client {peer} {what}!"));
        }
    }

    /// Shows what a client sent, if messages are shown.
    pub fn message(&self, peer: SocketAddr, bytes: &[u8]) {
        if self.shows_messages() {
            self.line(format_args!("Client {peer} sent: {}", bytes.escape_ascii()));
        }
    }

    fn line(&self, line: fmt::Arguments<'_>) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // What could not be written stays in the buffer, so `flush` reports it.
        let _ = writeln!(out, "{line}");
    }

    /// Writes the collected lines.
    ///
    /// # Errors
    ///
    /// If stdout is gone.
    pub fn flush(&self) -> io::Result<()> {
        if self.lines == Lines::None {
            return Ok(());
        }
        self.out.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}
