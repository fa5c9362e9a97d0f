//! The binary: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use hosted::cli::Cli;

fn main() -> ExitCode {
    hosted::exit_code(hosted::run(Cli::parse()))
}
