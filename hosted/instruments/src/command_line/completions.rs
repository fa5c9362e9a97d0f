//! The scripts that complete a command line in a shell. What clap generates completes every file;
//! where reports are wanted, ours offers only those.

use clap::{Arg, Command};
use clap_complete::{Shell, generate};

/// The script for this shell.
pub(super) fn script(command: &Command, shell: Shell) -> Vec<u8> {
    // The generator panics on a pipe that is closed; a buffer never is.
    let mut script = Vec::new();
    generate(shell, &mut command.clone(), command.get_name(), &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    let name = command.get_name();
    let mut readers = Vec::new();
    for command in command.get_subcommands() {
        let reports: Vec<_> = command.get_positionals().filter(|arg| is_report(arg)).collect();
        if reports.is_empty() {
            continue;
        }
        readers.push(command.get_name());
        match shell {
            Shell::Fish => script += &in_fish(name, command.get_name()),
            Shell::Zsh => {
                for report in reports {
                    let help = report.get_help().map(ToString::to_string).unwrap_or_default();
                    // A colon ends a help text there.
                    let files = format!(" -- {}:_files", help.replace(':', "\\:"));
                    script = script.replace(&files, &format!("{files} -g \"*.json\""));
                }
            }
            _ => {}
        }
    }
    if shell == Shell::Bash && !readers.is_empty() {
        script += &in_bash(name, &readers.join("|"));
    }
    script.into_bytes()
}

/// Whether its value has a name like `BEFORE.json`.
fn is_report(arg: &Arg) -> bool {
    let mut names = arg.get_value_names().into_iter().flatten();
    names.any(|name| name.ends_with(".json"))
}

/// For these commands, separated by `|`: a program has one function that completes it.
fn in_bash(program: &str, commands: &str) -> String {
    let all = format!("_{}", program.replace('-', "__"));
    format!(
        r#"
{all}__reports() {{
    {all} "$@"
    if [[ "${{COMP_WORDS[1]}}" == @({commands}) && "$2" != -* && "$3" != -* ]]; then
        local IFS=$'\n'
        COMPREPLY=( $(compgen -f -X '!*.json' -- "$2") $(compgen -d -S / -- "$2") )
    fi
}}
complete -F {all}__reports -o filenames -o bashdefault -o default {program}
"#
    )
}

fn in_fish(program: &str, command: &str) -> String {
    let function = format!("__fish_{}_using_subcommand", program.replace('-', "_"));
    format!(
        "complete -c {program} -n \"{function} {command}\" -kxa \"(__fish_complete_suffix .json)\"\n"
    )
}
