//! Network namespaces of the tests' own: no frame leaves them.
//!
//! The one test that runs by itself starts this very program again for each test that is otherwise
//! ignored, inside of a namespace of its own, and some of them at once: most wait most of the time.
//! Where a namespace or a TAP is not allowed, it prints one line and passes; with `CI=true` it fails.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Set inside the namespace, and nowhere else.
const INSIDE: &str = "ECHO_TEST_NAMESPACE";

/// The number of tests that run at the same time: the next begins as soon as one has ended.
const AT_ONCE: usize = 4;

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
    let (count, until) = (names.len(), Instant::now() + limit);
    let names = Mutex::new(names.into_iter());
    let next = || names.lock().expect("nothing panics here").next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(count) {
            scope.spawn(|| {
                while let Some(name) = next() {
                    run(namespace, &program, name, until);
                }
            });
        }
    });
}

/// Runs one test in a namespace of its own.
fn run(namespace: &str, program: &Path, name: &str, until: Instant) {
    let mut command = assert_cmd::Command::new("unshare");
    command.args([namespace, "--kill-child"]).arg(program);
    command.args([name, "--exact", "--ignored", "--nocapture"]).env(INSIDE, "yes");
    command.timeout(until.saturating_duration_since(Instant::now()));
    let output = command.output().expect("unshare was there a moment ago");
    let report = [output.stdout, output.stderr].concat();
    let report = String::from_utf8_lossy(&report);
    assert!(output.status.success() && report.contains("ok. 1 passed"), "{name}: {report}");
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
