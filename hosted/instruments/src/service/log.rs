//! The server's lines about its clients, as the original programs printed them.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use crate::quantity;
use crate::signals::Stop;
use crate::terminal::escape::Escaped;
use crate::terminal::notes;
use crate::terminal::outlet::Outlet;
use crate::terminal::streams::Stream;

/// How long the end of a server waits for its last lines to be read.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lines that are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// None.
    None,
    /// Clients that connect and leave.
    Clients,
    /// Also what is received.
    Messages,
}

/// Lines on stdout. Service never waits for them: see `terminal::outlet`.
#[derive(Debug)]
pub struct Log {
    lines: Lines,
    out: Option<Outlet>,
}

impl Log {
    /// A log that prints nothing.
    #[must_use]
    pub const fn silent() -> Self {
        Self { lines: Lines::None, out: None }
    }

    /// A log on stdout that prints as much about clients as `lines` says. When its reader leaves,
    /// it requests `stop`.
    ///
    /// # Errors
    ///
    /// If there can be no more threads.
    pub fn on_stdout(lines: Lines, stop: &Stop) -> io::Result<Self> {
        let request = |stop: &Stop| {
            let stop = stop.clone();
            move || stop.request()
        };
        let out = Outlet::new(Stream::stdout(), request(stop))?;
        // Even before there is anything to write: otherwise another client would be served in vain.
        out.leave_when(|| Stream::stdout().wait_until_left(), request(stop))?;
        Ok(Self { lines, out: Some(out) })
    }

    /// Whether messages are shown.
    #[must_use]
    pub fn shows_messages(&self) -> bool {
        self.lines == Lines::Messages
    }

    /// Prints what became of a client.
    pub fn client(&self, peer: SocketAddr, what: impl fmt::Display) {
        if self.lines != Lines::None {
            self.line(format_args!("Client {peer} {what}!"));
        }
    }

    /// Prints what a client sent, if messages are shown.
    pub fn message(&self, peer: SocketAddr, bytes: &[u8]) {
        if self.shows_messages() {
            self.line(format_args!("Client {peer} sent: {}", Escaped(bytes)));
        }
    }

    /// Prints a line about the server itself, whatever is printed about clients.
    pub fn line(&self, line: impl fmt::Display) {
        if let Some(out) = &self.out {
            out.line(format_args!("{line}"));
        }
    }

    /// Checks that the log may still be read.
    ///
    /// # Errors
    ///
    /// A broken pipe, once the reader has left.
    pub fn check(&self) -> io::Result<()> {
        let gone = self.out.as_ref().is_some_and(Outlet::is_gone);
        if gone { Err(ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    /// Waits a while for the last lines to be read. A note on stderr counts those that were not.
    pub fn finish(self) {
        let unwritten = self.out.as_ref().map_or(0, |out| out.settle(PATIENCE));
        if unwritten > 0 {
            let lines = quantity::counted(unwritten, "line");
            notes::note(&format!("stdout is not being read: {lines} lost"));
        }
        notes::settle();
    }
}
