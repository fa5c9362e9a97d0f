//! Network namespaces of the tests' own: no frame leaves them.
//!
//! The one test that runs by itself starts this very program again inside of some, among which all
//! tests that are otherwise ignored are dealt out: most of them wait most of the time, and those of
//! one namespace run one after another. Where a namespace or a TAP is not allowed, it prints one
//! line and passes; with `CI=true` it fails.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Set inside the namespace, and nowhere else.
const INSIDE: &str = "ECHO_TEST_NAMESPACE";

/// The number of namespaces among which tests are dealt out.
const NAMESPACES: usize = 4;

/// Runs the tests that are ignored, all together within this time.
pub(crate) fn run_inside(what: &str, limit: Duration) {
    let namespace = match namespace() {
        Ok(namespace) => namespace,
        Err(reason) => return skip(what, &reason),
    };
    let program = env::current_exe().expect("a test has a path");
    let list = Command::new(&program).args(["--ignored", "--list"]).output().expect("it runs");
    let list = String::from_utf8(list.stdout).expect("names");
    let names: Vec<_> = list.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    assert!(!names.is_empty(), "{list}");
    thread::scope(|scope| {
        for first in 0..NAMESPACES.min(names.len()) {
            let hand: Vec<_> = names.iter().skip(first).step_by(NAMESPACES).collect();
            let mut command = assert_cmd::Command::new("unshare");
            command.args([namespace, "--kill-child"]).arg(&program).args(&hand);
            command.args(["--exact", "--ignored", "--test-threads=1", "--nocapture"]);
            command.env(INSIDE, "yes").timeout(limit);
            scope.spawn(move || {
                let output = command.output().expect("unshare was there a moment ago");
                let report = [output.stdout, output.stderr].concat();
                let report = String::from_utf8_lossy(&report);
                assert!(output.status.success(), "{report}");
                assert!(report.contains(&format!("ok. {} passed", hand.len())), "{report}");
            });
        }
    });
}

/// How `unshare` makes a network namespace here, or why it cannot.
fn namespace() -> Result<&'static str, String> {
    let tun = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    tun.map_err(|error| format!("cannot open /dev/net/tun: {error}"))?;
    let works = |flags: &&str| {
        let tried = Command::new("unshare").args([flags, "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let all = ["-n", "-Urn"];
    all.into_iter().find(works).ok_or_else(|| "cannot make a network namespace".into())
}

/// Prints a line that nobody can miss; in CI nothing may be missing.
pub(crate) fn skip(what: &str, reason: &str) {
    // Not `println!`: the harness hides what a test prints if it passes.
    writeln!(io::stderr(), "SKIPPED: {what}: {reason}").expect("stderr is open");
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "nothing may be skipped in CI: {reason}");
}

/// The tests inside must not touch the network of the machine.
pub(crate) fn assert_inside() {
    assert!(env::var_os(INSIDE).is_some(), "only a test that makes a namespace runs this");
}
