//! The parts of the help texts that are not about flags, and their full stops: what stands in a list has
//! none, and an explanation always has one.

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

    if let Some(about) = explanation(command.get_long_about(), command.get_about()) {
        command = command.long_about(about);
    }
    let mut command = command.mut_args(flag);
    if command.get_version().is_some() {
        let version = Arg::new("version").short('V').action(ArgAction::Version);
        let version = version.help("Print the version").display_order(1001);
        command = command.disable_version_flag(true).arg(asking(version));
    }
    let help = Arg::new("help").short('h').action(ArgAction::Help);
    let help = help.help("Print help (-h: a summary, --help: all of it)").display_order(1000);
    command = command.disable_help_flag(true).arg(asking(help));
    command = command.after_help(shown).after_long_help(long);
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| complete(command, examples))
    })
}

/// A flag of the last group, with the name of the argument.
fn asking(arg: Arg) -> Arg {
    let name = arg.get_id().to_string();
    flag(arg.long(name).help_heading(HELP))
}

fn flag(mut arg: Arg) -> Arg {
    if let Some(help) = explanation(arg.get_long_help(), arg.get_help()) {
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

/// The text of a doc comment after its first paragraph, which is the summary; if there is none, the summary
/// as a sentence.
fn explanation(text: Option<&StyledStr>, summary: Option<&StyledStr>) -> Option<String> {
    let whole = |text: &StyledStr| Some(text.to_string().split_once("\n\n")?.1.to_owned());
    text.and_then(whole).or_else(|| Some(format!("{}.", summary?)))
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
