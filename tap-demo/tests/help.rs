//! The help texts, as people see them.

use assert_cmd::Command;

#[test]
fn the_help_texts() {
    for (name, arguments) in [
        ("help-tap-demo", &["--help"][..]),
        ("help-rate", &["rate", "--help"]),
        ("help-fail-rate", &["fail-rate", "--help"]),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tap-demo"))
            .args(arguments)
            .env("COLUMNS", "100")
            .output()
            .expect("the binary was built for this test");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        insta::assert_snapshot!(name, String::from_utf8(output.stdout).expect("text"));
    }
}
