//! The binary: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use hosted::Verdict;
use hosted::progress::complain;
use tap_demo::cli::Cli;

fn main() -> ExitCode {
    match tap_demo::run(&Cli::parse()) {
        Ok(Verdict::Well) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(1),
        Err(error) => {
            complain(&error);
            ExitCode::from(3)
        }
    }
}
