//! The echo service and its instruments on the operating system's TCP.
//!
//! `echo-core` decides; this crate moves bytes, reads the clock, waits, and
//! words results. The binary `hosted` is [`run`] and an exit code.

#![warn(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "they panic where nobody reads: `progress::note` tells, `writeln!` says what failed"
)]

pub mod address;
pub mod blocks;
pub mod cli;
pub mod client;
pub mod clock;
pub mod compare;
pub mod completions;
pub mod confidence;
pub mod delivery;
pub mod descriptors;
pub mod escape;
pub mod exports;
pub mod fail_rate;
pub mod figure;
pub mod load;
pub mod outlet;
pub mod output;
pub mod panel;
pub mod percentiles;
pub mod ports;
pub mod progress;
pub mod pump;
pub mod rate;
pub mod report;
pub mod server;
pub mod signals;
pub mod sockets;
pub mod stack;
mod stopwatch;
pub mod streams;
mod tcp_info;
pub mod timeline;
pub mod timer;
pub mod times;
pub mod trial;
pub mod units;
mod verdict;

use anyhow::Result;

use crate::cli::{Cli, Command};
pub use crate::verdict::{Misuse, Verdict, exit_code};

/// Runs one command.
///
/// # Errors
///
/// What could not be resolved, connected to, listened on or opened: exit code 3; or a [`Misuse`].
pub fn run(cli: Cli) -> Result<Verdict> {
    descriptors::raise_limit();
    signals::survive_file_size_limit()?;
    match cli.command {
        Command::Server(args) => server::main(&args),
        Command::Client(args) => client::main(&args),
        Command::Rate(args) => rate::main(&args),
        Command::FailRate(args) => fail_rate::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Completions(args) => completions::main(&args),
        Command::Man => completions::man(),
    }
}
