//! The help texts and the manual pages, as people see them.

use assert_cmd::Command;

const COMMANDS: [&str; 6] = ["", "rate", "fail-rate", "check", "completions", "man"];

fn said(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tap-demo"))
        .args(arguments.iter().filter(|argument| !argument.is_empty()))
        .env("COLUMNS", "80")
        .output()
        .expect("the binary was built for this test");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_help_texts() {
    for command in COMMANDS {
        let name = if command.is_empty() { "tap-demo" } else { command };
        let (summary, help) = (said(&[command, "-h"]), said(&[command, "--help"]));
        for text in [&summary, &help] {
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        let goes_on = |line: &&str| line.starts_with("          ") && !line.contains("--");
        assert_eq!(summary.lines().find(goes_on), None, "a flag has one line");
        let mut examples = summary.lines().skip_while(|line| *line != "Examples:").skip(1);
        assert!(examples.all(|line| line.contains("  # ")), "an example has one line: {summary}");
        insta::assert_snapshot!(format!("summary-{name}"), summary);
        insta::assert_snapshot!(format!("help-{name}"), help);
    }
}

#[test]
fn the_manual_pages() {
    for command in COMMANDS {
        let page = said(&["man", command]);
        let name =
            if command.is_empty() { "tap-demo".into() } else { format!("tap-demo-{command}") };
        assert!(page.contains(&format!(".TH {name} 1 ")), "{page}");
        for section in ["NAME", "SYNOPSIS", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{section}: {page}");
        }
        if command.is_empty() {
            insta::assert_snapshot!("man-tap-demo", page);
        }
    }
}

#[test]
fn shells_are_served() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        assert!(script.contains("fail-rate") && script.contains("drop-chance"), "{script}");
    }
}
