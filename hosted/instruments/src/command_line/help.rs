//! The parts of the help texts that are not about flags.

use std::fmt::Write;

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command, ValueHint};

use crate::verdict::EXIT_CODES;

/// A command line, and its purpose.
pub type Example = (&'static str, &'static str);

/// Returns the examples of a command by its name, or of the program by the program's name.
pub type Examples = fn(&str) -> &'static [Example];

/// The explanation of values that have a syntax of their own.
pub(super) const TIME: &str = "TIME is in seconds (0.5) or has a unit (50us, 200ms, 2m, 1h30m).";

/// The group of the flags that ask for help; it comes last.
const HELP: &str = "Help";

/// Completes the help texts of `command` and of its subcommands.
pub(super) fn complete(mut command: Command, examples: Examples) -> Command {
    let names: Vec<_> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let shown = in_columns(examples(command.get_name()));
    let mut long = shown.clone();
    if takes_time(&command) {
        let _ = write!(long, "\n\nValues:\n  {TIME}");
    }
    let _ = write!(long, "\n\nExit status:\n{}", exit_codes());

    if let Some(about) = command.get_long_about().and_then(whole) {
        command = command.long_about(about);
    }
    let mut command = command.mut_args(flag);
    if command.get_version().is_some() {
        command = command.disable_version_flag(true).arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help("Print the version")
                .help_heading(HELP)
                .display_order(1001),
        );
    }
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    command = command.disable_help_flag(true).after_help(shown).after_long_help(long).arg(
        help.help("Print help (-h: a summary, --help: all of it)")
            .help_heading(HELP)
            .display_order(1000),
    );
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| complete(command, examples))
    })
}

fn flag(mut arg: Arg) -> Arg {
    if let Some(help) = arg.get_long_help().and_then(whole) {
        arg = arg.long_help(help);
    }
    let plain = matches!(arg.get_value_hint(), ValueHint::Unknown | ValueHint::Other);
    let takes_value = arg.get_action().takes_values() && plain && !arg.is_positional();
    if takes_value && arg.get_value_hint() == ValueHint::Unknown {
        // A number is not a file name.
        arg = arg.value_hint(ValueHint::Other);
    }
    // A negative value is an invalid value, not an unknown flag: `-c -5`, `--time -1s`.
    match arg.get_num_args() {
        None if takes_value => arg.allow_hyphen_values(true),
        // The value may be left out, and a flag may follow.
        Some(_) if takes_value => arg.allow_negative_numbers(true),
        _ => arg,
    }
}

/// The text of a doc comment after its first paragraph, which is the summary.
fn whole(text: &StyledStr) -> Option<String> {
    text.to_string().split_once("\n\n").map(|(_summary, whole)| whole.to_owned())
}

/// Whether one of its flags is a [`TIME`].
pub(super) fn takes_time(command: &Command) -> bool {
    let is_time = |arg: &Arg| arg.get_value_names().is_some_and(|names| names == ["TIME"]);
    command.get_arguments().any(is_time)
}

fn in_columns(examples: &[Example]) -> String {
    let width = examples.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (line, why) in examples {
        let start = if text.is_empty() { "Examples:" } else { "" };
        let _ = write!(text, "{start}\n  {line:width$}  # {why}");
    }
    text
}

fn exit_codes() -> String {
    let line = |(code, meaning): &(u8, &str)| format!("  {code:<3}  {meaning}");
    EXIT_CODES.iter().map(line).collect::<Vec<_>>().join("\n")
}
