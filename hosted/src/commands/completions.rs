//! `hosted completions` and `hosted man`: both from the definition of the flags.

use anyhow::{Context, Result};
use clap::CommandFactory;
use echo_instruments::terminal::streams;
use echo_instruments::verdict::Verdict;

use crate::cli::{Cli, CompletionsArgs};

/// Runs `hosted completions`.
///
/// # Errors
///
/// If stdout cannot be written.
pub(super) fn main(args: &CompletionsArgs) -> Result<Verdict> {
    // The generator panics on a pipe that is closed; a buffer never is.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hosted", &mut script);
    print(&script)
}

/// Runs `hosted man`: the pages of the program and of each of its commands.
///
/// # Errors
///
/// If stdout cannot be written.
pub(super) fn man() -> Result<Verdict> {
    let mut pages = Vec::new();
    let mut program = Cli::command();
    program.build();
    clap_mangen::Man::new(program.clone()).render(&mut pages)?;
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        // Its name is `hosted-rate` and the like: building the program has set it.
        let page = clap_mangen::Man::new(command.clone());
        page.render(&mut pages)?;
    }
    print(&pages)
}

fn print(text: &[u8]) -> Result<Verdict> {
    streams::print(text).context("cannot write to stdout")?;
    Ok(Verdict::Well)
}
