//! The exit code, the same for both binaries.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::{self, ExitCode};

use anyhow::{Context, Result};

use crate::terminal::notes::{self, complain, note};

/// The result of a command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Success: exit code 0.
    Well,
    /// It ran, but what it checked failed: exit code 1.
    Failed,
}

/// The exit codes, as the help texts and the manual pages list them.
pub const EXIT_CODES: [(u8, &str); 5] = [
    (0, "success, also if Ctrl+C ended it"),
    (1, "it ran, but something failed: a message, a bound, a comparison, a check"),
    (2, "usage error"),
    (3, "could not resolve, connect, listen, or open a file or an interface"),
    (130, "a second Ctrl+C, or one before it was connected or listening"),
];

/// The arguments make no sense together, which only shows after parsing: exit code 2.
#[derive(Debug)]
pub struct Misuse(pub String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Misuse {}

/// Prints the error, if there is one, and returns the exit code.
#[must_use]
pub fn exit_code(outcome: Result<Verdict>) -> ExitCode {
    code(outcome).into()
}

fn code(outcome: Result<Verdict>) -> u8 {
    let code = match outcome {
        Ok(Verdict::Well) => 0,
        Ok(Verdict::Failed) => 1,
        // The reader of our output has left.
        Err(error) if error.chain().any(is_broken_pipe) => 0,
        Err(error) => {
            complain(&error);
            if error.is::<Misuse>() { 2 } else { 3 }
        }
    };
    // Remarks may still be read.
    notes::settle();
    code
}

/// Ends a program whose command line is wrong, or asks for help. The error is escaped like
/// all other output: a quoted argument cannot send control sequences to a terminal.
pub fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() {
        note(&error.render().to_string());
        process::exit(error.exit_code());
    }
    let told = error.print().context("cannot write to stdout");
    process::exit(code(told.map(|()| Verdict::Well)).into());
}

fn is_broken_pipe(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
