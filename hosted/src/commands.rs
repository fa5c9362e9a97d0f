//! The subcommands, one file each: flags become a plan, and the plan is carried out.

mod check;
mod client;
mod compare;
mod measure;
mod server;

use anyhow::Result;
use echo_instruments::trial::Trial;
use echo_instruments::verdict::Verdict;
use echo_instruments::{descriptors, merge, signals};

use crate::cli::{Cli, Command};

/// Runs one command.
///
/// # Errors
///
/// If something could not be resolved, connected to, listened on or opened: exit code 3; or a
/// [`Misuse`](echo_instruments::verdict::Misuse).
pub fn run(cli: Cli) -> Result<Verdict> {
    descriptors::raise_limit();
    signals::survive_file_size_limit()?;
    match cli.command {
        Command::Server(args) => server::main(&args),
        Command::Client(args) => client::main(&args),
        Command::Rate(args) => measure::main(&args.way, &Trial::from(&args)),
        Command::FailRate(args) => measure::main(&args.way, &Trial::from(&args)),
        Command::Check(args) => check::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Merge(args) => merge::run(&args),
        Command::About(about) => Cli::line().tell(&about),
    }
}
