//! The binary: parse, run, exit code.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::Parser;
use hosted::cli::Cli;
use hosted::progress::complain;
use hosted::{Misuse, Verdict};

fn main() -> ExitCode {
    match hosted::run(Cli::parse()) {
        Ok(Verdict::Well) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(1),
        // Whoever read our output has seen enough.
        Err(error) if error.chain().any(is_broken_pipe) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(if error.is::<Misuse>() { 2 } else { 3 })
        }
    }
}

fn is_broken_pipe(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
