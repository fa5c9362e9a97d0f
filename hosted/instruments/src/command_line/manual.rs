//! The manual pages.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::help::{Examples, TIME, takes_time};
use crate::verdict::EXIT_CODES;

/// The programs that have manual pages.
const PROGRAMS: [&str; 2] = ["hosted", "tap-demo"];

/// The page of a `command` of `program`, or of the program itself, in roff.
pub(super) fn page(
    program: &Command,
    command: Option<&str>,
    examples: Examples,
) -> io::Result<Vec<u8>> {
    // There is no page `hosted-help`; the flag has one.
    let mut program = program.clone().disable_help_subcommand(true);
    program.build();
    let name = program.get_name().to_owned();
    let command = command.and_then(|command| program.find_subcommand(command)).unwrap_or(&program);
    let version = program.get_version().unwrap_or_default();
    let man = Man::new(command.clone()).source(format!("{name} {version}")).manual("Echo Manual");

    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis(command).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    rest(&program, command, examples).to_writer(&mut page)?;
    Ok(page)
}

fn synopsis(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let usage = command.clone().render_usage().to_string();
    for (n, line) in usage.lines().enumerate() {
        if n > 0 {
            roff.control("br", []);
        }
        roff.text([roman(line.trim_start_matches("Usage:").trim())]);
    }
    roff
}

/// The sections after the options.
fn rest(program: &Command, command: &Command, examples: Examples) -> Roff {
    let mut roff = Roff::new();
    if takes_time(command) {
        roff.control("SH", ["VALUES"]);
        roff.text([roman(TIME)]);
    }
    let examples = examples(command.get_name());
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
    }
    for (line, why) in examples {
        roff.control("TP", []);
        roff.text([bold(*line)]);
        roff.text([roman(*why)]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        roff.control("TP", []);
        roff.text([bold(code.to_string())]);
        roff.text([roman(meaning)]);
    }
    roff.control("SH", ["SEE ALSO"]);
    let page = |command: &Command| command.get_display_name().unwrap_or_default().to_owned();
    let mut pages: Vec<_> = PROGRAMS.map(str::to_owned).into();
    pages.extend(program.get_subcommands().map(page));
    pages.retain(|name| name != command.get_display_name().unwrap_or(command.get_name()));
    let pages: Vec<_> = pages.iter().map(|name| format!("{name}(1)")).collect();
    roff.text([roman(format!("{}, ping(8), RFC 862", pages.join(", ")))]);
    roff
}
