//! The command line of a program and all its documentation: the help texts, the
//! manual pages and the completion scripts come from one definition, the flags with their doc
//! comments, and from the examples that a program adds.

mod completions;
mod help;
mod manual;

use std::ffi::OsString;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Subcommand};
use clap_complete::Shell;

pub use self::help::{Example, Examples};
use crate::target::Target;
use crate::terminal::streams;
use crate::verdict::Verdict;

/// The command line of a program.
#[derive(Debug, Clone)]
pub struct CommandLine {
    command: Command,
    examples: Examples,
}

/// The commands that print what a program says about itself.
#[derive(Debug, Subcommand)]
pub enum About {
    /// Print a script that completes the command line in a shell
    Completions(CompletionsArgs),
    /// Print a manual page
    ///
    /// Print a manual page in roff: that of the program, or of one of its commands.
    Man(ManArgs),
}

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The page of this command [default: that of the program]
    #[arg(value_name = "COMMAND")]
    pub page: Option<String>,
}

impl CommandLine {
    /// The command line with these definitions and examples.
    #[must_use]
    pub fn new(command: Command, examples: Examples) -> Self {
        let names: Vec<_> =
            command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let mut command = help::complete(command, examples);
        if command.find_subcommand("man").is_some() {
            let pages = PossibleValuesParser::new(names);
            command = command.mut_subcommand("man", |man| {
                man.mut_arg("page", |page| page.value_parser(pages).hide_possible_values(true))
            });
        }
        Self { command, examples }
    }

    /// Parses these arguments, of which the first is the program's name.
    ///
    /// # Errors
    ///
    /// A description of what is wrong with them, from clap, for which a request for help is an error, too.
    pub fn read(
        &self,
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<ArgMatches, clap::Error> {
        let matches =
            self.command.clone().try_get_matches_from(arguments).map_err(|mut error| {
                // No host's name begins with a hyphen: `-- -5` helps nobody.
                error.remove(ContextKind::Suggested);
                error
            })?;
        let (name, given) = matches.subcommand().unwrap_or(("", &matches));
        match port_given_twice(given) {
            Some(said) => Err(self.error(name, ErrorKind::ArgumentConflict, &said)),
            None => Ok(matches),
        }
    }

    /// A usage error of this command.
    #[must_use]
    pub fn error(&self, command: &str, kind: ErrorKind, said: &str) -> clap::Error {
        let mut program = self.command.clone();
        program.build();
        program.find_subcommand(command).unwrap_or(&program).clone().error(kind, said)
    }

    /// Prints what is asked for.
    ///
    /// # Errors
    ///
    /// If stdout cannot be written.
    pub fn tell(&self, about: &About) -> Result<Verdict> {
        let text = match about {
            About::Completions(args) => completions::script(&self.command, args.shell),
            About::Man(args) => manual::page(&self.command, args.page.as_deref(), self.examples)?,
        };
        streams::print(text).context("cannot write to stdout")?;
        Ok(Verdict::Well)
    }
}

/// The error for a target with a port beside `--port`.
fn port_given_twice(matches: &ArgMatches) -> Option<String> {
    let target = ["target", "ip"]
        .into_iter()
        .filter_map(|id| matches.try_get_one::<Target>(id).ok().flatten())
        .find(|target| target.port.is_some())?;
    let given = matches.try_get_one::<u16>("port").ok().flatten()?;
    (matches.value_source("port") == Some(ValueSource::CommandLine)).then(|| {
        format!("the argument '--port {given}' cannot be used with '{target}', which has a port")
    })
}
