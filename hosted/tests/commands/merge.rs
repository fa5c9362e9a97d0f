//! `hosted merge`: reports of several processes, and their sum.

use std::env;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::Value;

use crate::exports::schema;
use crate::support::{Ended, Program, at_once, hosted, run, skip};

/// Reports of runs that several processes made at once, one for each of these flags.
fn reports<const N: usize>(folder: &Path, args: [&str; N]) -> [String; N] {
    let path = |n: usize| folder.join(format!("{n}.json")).to_str().expect("UTF-8").to_owned();
    let paths: [String; N] = std::array::from_fn(path);
    at_once(paths.iter().zip(args), |(path, args)| {
        let common = ["rate", "--local", "--no-plot", "--export-json", path];
        let ended = run(&common.into_iter().chain(args.split_whitespace()).collect::<Vec<_>>());
        assert_eq!(ended.code, Some(0), "{ended:?}");
    });
    paths
}

fn read(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

fn merge(args: &[&str]) -> Ended {
    run(&[&["merge"], args].concat())
}

#[test]
fn reports_of_several_processes_are_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b, c] = reports(
        folder.path(),
        ["-c 400 --label host=a", "-c 300 -P 3 --label host=b", "-c 200 --within 1ms"],
    );
    let file = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let [all, hdr, figure] = ["all.json", "all.hlog", "all.svg"].map(file);
    let ended = merge(&[&c, &a, &b, "--export-json", &all, "--export-hdr", &hdr, "-o", &figure]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(" closed loop, 5 connections, 3 hosts\n"), "{ended:?}");
    assert!(ended.stdout.contains("900 sent, 900 echoed, 0 failed (fail rate below"), "{ended:?}");
    assert!(ended.stdout.ends_with(&format!("figure {figure}\n")), "{ended:?}");
    assert!(ended.stderr.starts_with("note: the runs differ in: connections "), "{ended:?}");
    let sum = read(&all);
    let errors: Vec<_> = schema().iter_errors(&sum).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!((&sum["merged"], &sum["service_ns"]["n"]), (&3.into(), &900.into()));
    let of =
        |key: &str| [&a, &b, &c].map(|path| read(path)["service_ns"][key].as_u64().expect("times"));
    assert_eq!(sum["service_ns"]["max"].as_u64(), of("max").into_iter().max());
    assert_eq!(sum["service_ns"]["min"].as_u64(), of("min").into_iter().min());
    // What it is made of is in it, whole; and a merge of merges is that of all.
    let mut host = sum["hosts"]
        .as_array()
        .expect("hosts")
        .iter()
        .find(|host| host["name"] == "b")
        .expect("b")
        .clone();
    host.as_object_mut().expect("a report").shift_remove("name");
    assert_eq!(host, read(&b));
    let pair = file("pair.json");
    assert_eq!(merge(&[&b, &c, "--export-json", &pair]).code, Some(0));
    let ended = merge(&["-J", &pair, &a]);
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).expect("JSON"), sum);
    // An interval for each host, whose tag says whose it is.
    let log = fs::read_to_string(&hdr).expect("a log");
    for tag in ["Tag=host=a,", "Tag=host=b,"] {
        assert_eq!(log.lines().filter(|line| line.starts_with(tag)).count(), 1, "{log}");
    }
    assert_eq!(log.lines().filter(|line| line.starts_with("Tag=")).count(), 3, "{log}");
    assert!(fs::read_to_string(&figure).expect("a figure").contains("thin: each host"));
}

#[test]
fn reports_over_udp_are_added_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b, tcp] = reports(folder.path(), ["-u -c 400", "-u -c 300 -P 3", "-c 9"]);
    let ended = merge(&[&a, &b, "-J", "--fail-if", "lost>0"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let sum: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let errors: Vec<_> = schema().iter_errors(&sum).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!((&sum["echoed"], &sum["datagrams"]["lost"]), (&700.into(), &0.into()));
    let ended = merge(&[&a, &tcp]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("unlike settings: protocol \"udp\" and \"tcp\""), "{ended:?}");
}

#[test]
fn a_sum_is_compared_bounded_and_read_from_a_pipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b] = reports(folder.path(), ["-c 400", "-c 400"]);
    let ended = merge(&[&a, &b, "--fail-if", "p50>1ns", "--fail-if", "fail>0", "-J"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("failed: p50>1ns: it was "), "{ended:?}");
    let sum = folder.path().join("all.json");
    fs::write(&sum, &ended.stdout).expect("written");
    let sum = sum.to_str().expect("UTF-8");
    assert_eq!(merge(&[&a, &b, "--fail-if", "p50>100s"]).code, Some(0));
    let ended = merge(&[&a, "--fail-if", "unsent>1%"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    // Several of them are compared as any runs are; of one a side only what changed is known.
    let ended = run(&["compare", sum, sum]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("compare several a side"), "{ended:?}");
    let ended = run(&[&["compare"][..], &[sum; 4], &["--with"], &[sum; 4]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut child = hosted()
        .args(["merge", "-", &b])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&fs::read(&a).expect("a report")).expect("read");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(String::from_utf8_lossy(&output.stdout).contains("800 sent, 800 echoed"), "{output:?}");
}

#[test]
fn what_cannot_be_merged_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b, series] = reports(folder.path(), ["-c 9", "-c 9 -l 64", "-c 9 --repeat 2"]);
    let empty = folder.path().join("empty.json").to_str().expect("UTF-8").to_owned();
    fs::write(&empty, "{}").expect("written");
    for (args, code, said) in [
        (&[&*a, &*b][..], 2, "cannot merge runs of unlike settings: message_bytes 1000 and 64"),
        (&[&a, &a], 2, "cannot merge a run with itself: "),
        (&[&a, &series], 2, "its runs are one after another (--repeat)"),
        (&[&a, &empty], 3, "not a report of rate or fail-rate"),
        (&[&a, "/nowhere.json"], 3, "cannot read /nowhere.json: no such file"),
        (&["-", "-"], 2, "cannot read two reports from stdin"),
        (
            &[&a, "-J", "--export-hdr", "-"],
            2,
            "cannot write both --json and --export-hdr to stdout",
        ),
        (&[&a, "-o", "a.gif"], 2, "a figure is a .jpg, .png or .svg"),
        (&[], 2, "required arguments were not provided"),
    ] {
        let ended = merge(args);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_run_starts_at_its_time_and_not_before() {
    // A machine that is too busy to begin in two seconds gets more.
    for lead in [2, 8, 32] {
        let at = SystemTime::now() + Duration::from_secs(lead);
        let seconds = at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64();
        let at_time = format!("@{seconds:.6}");
        let args = ["rate", "--local", "--no-plot", "-c", "50", "-J", "--start-at", &at_time];
        let ended = run(&args);
        if ended.code == Some(2) && ended.stderr.contains("has passed") {
            continue;
        }
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let started = report["started"].as_str().map(humantime::parse_rfc3339);
        let started = started.expect("a time").expect("RFC 3339");
        assert!(started + Duration::from_micros(2) > at, "too early: {started:?} {at:?}");
        assert!(ended.stderr.contains("\nstarted "), "{ended:?}");
        return;
    }
    panic!("this machine begins nothing in half a minute");
}

/// The README's script, with `ssh` to ten hosts that are all this one.
#[test]
fn the_script_of_the_readme_measures_from_ten_hosts() {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("<!-- from-hosts: ").expect("it is marked");
    let (_, rest) = rest.split_once("```sh\n").expect("a block");
    let (script, _) = rest.split_once("```").expect("its end");
    let (_server, address) = Program::server(&["--quiet"]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    // Like the real one it hands a line to a shell.
    fs::write(path("ssh"), "#!/bin/sh\nshift\nexec sh -c \"$*\"\n").expect("written");
    fs::set_permissions(path("ssh"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    symlink(env!("CARGO_BIN_EXE_hosted"), path("hosted")).expect("made");
    let found = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap_or_default());
    let hosts: Vec<_> = (1..=10).map(|n| format!("host{n}")).collect();
    // A machine that is too busy to begin in time gets more of it.
    for lead in [4, 16, 60] {
        let changes = [(" -t 30s ", " -t 300ms "), ("+ 10", &*format!("+ {lead}"))];
        let quick = changes.iter().fold(script.to_owned(), |script, (from, to)| {
            assert!(script.contains(from), "{from}");
            script.replace(from, to)
        });
        fs::write(path("from-hosts"), quick).expect("written");
        let mut sh = Command::new("sh");
        sh.arg("from-hosts").arg(address.to_string()).args(&hosts);
        sh.current_dir(folder.path()).env("PATH", &found).stdin(Stdio::null());
        let ended = Program::start(&mut sh).wait();
        let logs = hosts.iter().map(|host| fs::read_to_string(path(&format!("{host}.log"))));
        let logs = logs.collect::<Result<Vec<_>, _>>().expect("a log each").concat();
        if logs.contains("has passed") {
            continue;
        }
        assert_eq!(ended.code, Some(0), "{ended:?} {logs}");
        assert!(ended.stdout.contains(", 80 connections, 10 hosts\n"), "{ended:?}");
        let sum = read(path("all.json"));
        let names =
            sum["hosts"].as_array().expect("hosts").iter().map(|host| host["name"].as_str());
        let mut names: Vec<_> = names.map(|name| name.expect("a name").to_owned()).collect();
        names.sort_by_key(|name| name.trim_start_matches("host").parse::<u8>().expect("a number"));
        assert_eq!(names, hosts);
        assert!(path("all.svg").exists());
        return;
    }
    panic!("this machine begins nothing in a minute");
}

#[test]
fn a_start_is_waited_for_and_one_that_has_passed_is_refused() {
    let (echo, address) = Program::server(&[]);
    let address = address.to_string();
    let ended = run(&["rate", &address, "--no-plot", "--start-at", "2020-01-01T00:00:00Z"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(
        ended.stderr.contains("--start-at 2020-01-01 00:00:00 UTC has passed: it is "),
        "{ended:?}"
    );
    let ended = run(&["rate", &address, "--start-at", "soon"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    // Nothing was measured yet: the first signal ends it.
    let later =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
            + 3_600;
    let later = format!("@{later}");
    let args = ["fail-rate", &address, "--start-at", &later];
    let mut waiting = Program::start(hosted().args(args));
    let said = waiting.stderr_line("waiting ");
    assert!(said.contains("the clock is "), "{said}");
    waiting.signal(Signal::INT);
    let ended = waiting.wait();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(130), ""), "{ended:?}");
    drop(echo);
}

/// A Python that has another implementation of HdrHistogram: the gate makes one below `target`.
fn python() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/hdrhistogram/bin/python");
    let has = |python: &PathBuf| {
        let status =
            Command::new(python).args(["-c", "import hdrh"]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    [made, "python3".into()].into_iter().find(has)
}

#[test]
fn another_implementation_reads_the_same_distribution() {
    let Some(python) = python() else {
        return skip(
            "no HdrHistogram for Python: python3 -m venv target/hdrhistogram; target/hdrhistogram/bin/pip install hdrhistogram==0.10.8",
        );
    };
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b] = reports(folder.path(), ["-c 3000 -R 20k -P 2", "-c 2000 -R 20k -P 2"]);
    let sum = merge(&["-J", &a, &b]);
    assert_eq!(sum.code, Some(0), "{sum:?}");
    let all = folder.path().join("all.json");
    fs::write(&all, sum.stdout).expect("written");
    // It adds the two by itself, and finds the same as in the sum.
    const PROGRAM: &str = "
import json, sys
from hdrh.histogram import HdrHistogram
a, b, all = (json.load(open(path)) for path in sys.argv[1:])
for sort in 'service_ns', 'response_ns', 'late_ns':
    added = HdrHistogram.decode(a[sort]['histogram'])
    added.decode_and_add(b[sort]['histogram'])
    read = HdrHistogram.decode(all[sort]['histogram'])
    assert added.get_total_count() == read.get_total_count() == all[sort]['n'] == 5000
    for key, percent in ('p50', 50), ('p90', 90), ('p99', 99):
        value = read.get_value_at_percentile(percent)
        assert value == added.get_value_at_percentile(percent), (sort, key)
        told = all[sort][key]
        assert abs(told - value) <= value / 1000 + 1, (sort, key, told, value)
print('alike')
";
    let output =
        Command::new(python).args(["-c", PROGRAM, &a, &b]).arg(&all).output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "alike\n", "{output:?}");
}
