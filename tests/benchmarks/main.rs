//! What the servers and the instruments cost, and how far to trust them: the tables of README.md beside this file.
//!
//! `cargo bench -p benchmarks` prints them. This program is also the servers that are measured, each in a process of its own.

mod accuracy;
mod agreement;
mod clients;
mod compare;
mod effort;
mod load;
mod machine;
mod namespace;
mod process;
mod rate;
mod readme;
mod series;
mod servers;
mod sheet;
mod tap;
mod tcp;
mod threads;
mod turns;
mod udp;

use std::env;
use std::os::unix::process::parent_id;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use echo_instruments::verdict::{exit_code, refuse};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::effort::Effort;

/// One table.
pub(crate) struct Benchmark {
    pub(crate) name: &'static str,
    /// The number of seconds in which it ends.
    bound: u64,
    run: fn(&Effort) -> Result<String>,
}

const ALL: [Benchmark; 8] = [
    Benchmark { name: "tcp", bound: 120, run: tcp::run },
    Benchmark { name: "threads", bound: 40, run: threads::run },
    Benchmark { name: "udp", bound: 120, run: udp::run },
    Benchmark { name: "tap", bound: 150, run: tap::run },
    Benchmark { name: "rate", bound: 85, run: rate::run },
    Benchmark { name: "accuracy", bound: 100, run: accuracy::run },
    Benchmark { name: "agreement", bound: 80, run: agreement::run },
    Benchmark { name: "compare", bound: 100, run: compare::run },
];

/// The word before the name of a benchmark that is run in this process, and before the processor of a server.
const ALONE: &str = "alone";
const ON: &str = "on";
/// Instead of a processor: on whichever is free.
const ANY: &str = "any";

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let told = match &*words.iter().map(String::as_str).collect::<Vec<_>>() {
        [ALONE, name, rest @ ..] => Ok(alone(name, rest)),
        [ON, processor, server @ ..] => on(processor, server),
        _ => series::run(&series::Cli::parse()),
    };
    told.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// One benchmark, in this process: it prints its table, or why there is none.
fn alone(name: &str, rest: &[&str]) -> ExitCode {
    let run = || {
        die_with_parent()?;
        let benchmark = ALL.iter().find(|it| it.name == name).context("no such benchmark")?;
        (benchmark.run)(&Effort::new(benchmark, rest == ["--quick"]))
    };
    let (text, code) = match run() {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (format!("{error:#}"), ExitCode::FAILURE),
    };
    print!("{text}");
    code
}

/// A server, on this processor.
fn on(processor: &str, server: &[&str]) -> Result<ExitCode> {
    die_with_parent()?;
    if processor != ANY {
        process::pin(processor.parse()?)?;
    }
    match *server {
        ["hosted", ..] => {
            let cli = hosted::cli::Cli::read(server).unwrap_or_else(|error| refuse(&error));
            Ok(exit_code(hosted::run(cli)))
        }
        ["tap-demo", ..] => {
            let cli = tap_demo::cli::Cli::read(server).unwrap_or_else(|error| refuse(&error));
            Ok(exit_code(tap_demo::run(&cli)))
        }
        _ => {
            let name = server.join(" ");
            servers::serve(&name).with_context(|| format!("{name} failed"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Nothing that a benchmark starts outlives it, however it ends.
fn die_with_parent() -> Result<()> {
    let parent = parent_id();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    anyhow::ensure!(parent_id() == parent && parent > 1, "nobody waits for this process");
    Ok(())
}
