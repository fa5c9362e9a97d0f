//! The binary: parse, run, exit code.

use std::env;
use std::process::ExitCode;

use echo_instruments::verdict::{exit_code, refuse};
use hosted::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::read(env::args_os()).unwrap_or_else(|error| refuse(&error));
    exit_code(hosted::run(cli))
}
