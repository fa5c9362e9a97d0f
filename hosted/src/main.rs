//! The binary: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use echo_instruments::verdict::{exit_code, refuse};
use hosted::cli::Cli;

fn main() -> ExitCode {
    exit_code(hosted::run(Cli::try_parse().unwrap_or_else(|error| refuse(&error))))
}
