//! What a shell offers after Tab.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::run;

#[test]
fn every_shell_is_served() {
    for (shell, reports) in [
        ("bash", "'!*.json'"),
        ("zsh", ":_files -g \"*.json\"'"),
        ("fish", "(__fish_complete_suffix .json)"),
        ("elvish", ""),
        ("powershell", ""),
    ] {
        let ended = run(&["completions", shell]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.contains("fail-rate") && ended.stdout.contains("export-hdr"));
        assert!(ended.stdout.contains(reports), "{shell}");
    }
}

#[test]
fn bash_offers_what_fits() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.json", "b c.json", "d.csv"] {
        std::fs::write(folder.path().join(name), "").expect("written");
    }
    let script = run(&["completions", "bash"]).stdout;
    let offered = |line: &[&str]| {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", TAB, "bash", "hosted"]).args(line).current_dir(folder.path());
        bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut bash = bash.spawn().expect("bash is there");
        let mut stdin = bash.stdin.take().expect("a pipe");
        stdin.write_all(script.as_bytes()).expect("written");
        drop(stdin);
        let output = bash.wait_with_output().expect("it ends").stdout;
        String::from_utf8(output).expect("text").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(offered(&["rate", "--payload", ""]), ["zero", "seq", "random", "file:"]);
    assert_eq!(offered(&["rate", "--export-j"]), ["--export-json"]);
    assert_eq!(offered(&["fai"]), ["fail-rate"]);
    assert_eq!(offered(&["rate", "--count", ""]), [""], "no file is a number");
    assert_eq!(offered(&["man", "comp"]), ["compare", "completions"]);
    for line in [&["compare", ""][..], &["compare", "a.json", ""], &["merge", ""]] {
        assert_eq!(offered(line), ["a.json", "b c.json"]);
    }
    assert_eq!(offered(&["compare", "--t"]), ["--threshold"]);
}

/// Reads the script, does what bash does at Tab, and prints what it would offer.
const TAB: &str = r#"
source /dev/stdin
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
function=$(complete -p hosted | sed 's/.*-F \([^ ]*\).*/\1/')
"$function" hosted "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;
