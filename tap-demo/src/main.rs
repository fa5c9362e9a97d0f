//! The binary: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use tap_demo::cli::Cli;

fn main() -> ExitCode {
    match tap_demo::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        }
    }
}
