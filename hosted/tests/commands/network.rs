//! Networks of the tests' own: each such test is ignored, and another, which is not, starts this very
//! program again inside a namespace to run it. Where namespaces are not allowed, that prints one line and
//! passes; with `CI=true` it fails.

use std::env;
use std::process::Command;

use crate::support::skip;

/// Set inside a namespace, and nowhere else.
const INSIDE: &str = "HOSTED_TEST_NAMESPACE";

/// The ways to make a network, and processes that end with the test: with and without root.
const WAYS: [&str; 2] = ["-npf", "-Urnpf"];

/// Runs one ignored test of a module.
pub(crate) fn run(module: &str, test: &str) {
    let works = |way: &&str| {
        let tried = inside(way).args(["ip", "link", "set", "lo", "up"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(way) = WAYS.into_iter().find(works) else {
        return skip(&format!("{module}: cannot make a network namespace, or no `ip`"));
    };
    let output = inside(way)
        .arg(env::current_exe().expect("a test has a path"))
        .args(["--ignored", "--exact", "--nocapture", &format!("{module}::{test}")])
        .env(INSIDE, "yes")
        .output()
        .expect("unshare was there a moment ago");
    let report = [output.stdout, output.stderr].concat();
    let report = String::from_utf8_lossy(&report);
    assert!(output.status.success() && report.contains(" 1 passed"), "{report}");
}

fn inside(way: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([way, "--kill-child", "--mount-proc"]);
    command
}

/// To be called first by each of these tests.
pub(crate) fn prepare() {
    assert!(env::var_os(INSIDE).is_some(), "only a test that makes a namespace runs this");
    let done = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(done.is_ok_and(|status| status.success()));
}
