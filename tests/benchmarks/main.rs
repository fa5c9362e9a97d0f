//! The benchmarks, which `cargo bench -p benchmarks -- NAME` runs, on an idle machine with two processors.
//!
//! They are one program, and it is the servers that they start as well: each in a process of its own.

mod accuracy;
mod agreement;
mod alike;
mod beside;
mod c;
mod datagrams;
mod ends;
mod process;
mod server;
mod side_by_side;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};
use echo_instruments::verdict::{exit_code, refuse};

/// A benchmark, and the words behind its name.
type Benchmark = fn(&[String]) -> Result<()>;

const ALL: [(&str, Benchmark); 7] = [
    ("accuracy", |_| accuracy::run()),
    ("agreement", |_| agreement::run()),
    ("alike", alike::run),
    ("beside", |_| beside::run()),
    ("datagrams", datagrams::run),
    ("server", |_| server::run()),
    ("side_by_side", |_| side_by_side::run()),
];

fn main() -> ExitCode {
    // Cargo adds one of its own.
    let words: Vec<_> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.first().map(String::as_str) {
        Some("hosted") => {
            let cli = hosted::cli::Cli::read(words).unwrap_or_else(|error| refuse(&error));
            exit_code(hosted::run(cli))
        }
        Some("tap-demo") => {
            let cli = tap_demo::cli::Cli::read(words).unwrap_or_else(|error| refuse(&error));
            exit_code(tap_demo::run(&cli))
        }
        _ => match run(&words) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn run(words: &[String]) -> Result<()> {
    let names = ALL.map(|(name, _)| name).join(", ");
    let Some((name, rest)) = words.split_first() else { bail!("name a benchmark: {names}") };
    if let Some(serve) = process::minimal(name) {
        return serve();
    }
    let Some((_, run)) = ALL.iter().find(|(it, _)| it == name) else {
        bail!("no benchmark {name}: there are {names}");
    };
    run(rest)
}
