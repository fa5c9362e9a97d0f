//! The binary: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use tap_demo::cli::Cli;

fn main() -> ExitCode {
    echo_instruments::verdict::exit_code(tap_demo::run(&Cli::parse()))
}
