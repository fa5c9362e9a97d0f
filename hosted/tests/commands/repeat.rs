//! `--repeat`: several runs, and what all outputs say about them.

use std::fs;
use std::io::Write;
use std::sync::mpsc;

use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use rustix::process::Signal;
use serde_json::Value;

use crate::exports::schema;
use crate::rate::{LENGTH, json};
use crate::support::{PATIENCE, Program, hosted, message, peer, run};

#[test]
fn each_run_is_told_and_all_of_them_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    for command in ["rate", "fail-rate"] {
        let [report, table, log] = ["r.json", "r.csv", "r.hlog"].map(file);
        let figure = file("r.svg");
        let args = [
            command,
            "--local",
            "-c",
            "300",
            "-P",
            "2",
            "--repeat",
            "3",
            "--output",
            &figure,
            "--export-json",
            &report,
            "--export-csv",
            &table,
            "--export-hdr",
            &log,
        ];
        let ended = run(&args);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        let heading = "closed loop, 2 connections, 3 runs\n--- ";
        assert!(ended.stdout.contains(heading), "{ended:?}");
        assert!(ended.stdout.contains("\n900 sent, 900 echoed, 0 failed "), "{ended:?}");
        assert!(ended.stdout.contains("\n3 runs, each over new connections:\n"), "{ended:?}");
        assert!(ended.stdout.contains("from run to run p50 varies by "), "{ended:?}");

        let text = fs::read_to_string(&report).expect("a report");
        let report: Value = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<_> = schema().iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!((&report["config"]["repeat"], &report["sent"]), (&3.into(), &900.into()));
        let runs = report["runs"].as_array().expect("runs");
        assert!(runs.iter().all(|run| run["sent"] == 300 && run["complete"] == true), "{runs:?}");
        let mean = |key: &str| {
            runs.iter().map(|run| run["service_ns"][key].as_f64().expect("a number")).sum::<f64>()
                / 3.0
        };
        for key in ["p50", "p99"] {
            let between = &report["between"][key];
            assert!((between["mean"].as_f64().expect("a number") / mean(key) - 1.0).abs() < 1e-9);
            let ends = between["interval95"].as_array().expect("an interval");
            assert!(
                ends[0].as_f64() <= between["mean"].as_f64()
                    && between["mean"].as_f64() <= ends[1].as_f64()
            );
        }
        assert!(report["between"]["rate"]["stdev"].is_number(), "{report}");

        let rows = fs::read_to_string(&table).expect("a table");
        assert!(rows.starts_with("run,ended_ns,"), "{rows}");
        for number in 1..=3 {
            assert_eq!(
                rows.lines().filter(|row| row.starts_with(&format!("{number},"))).count(),
                300
            );
        }
        let log = fs::read(&log).expect("a log");
        let entries = IntervalLogIterator::new(&log).map(|entry| entry.expect("an entry"));
        let intervals = entries.filter(|entry| matches!(entry, LogEntry::Interval(_)));
        assert_eq!(intervals.count(), 3, "an interval a run");
    }
}

#[test]
fn a_run_must_end() {
    let ended = run(&["rate", "--local", "--no-plot", "--repeat", "2"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--repeat needs --time or --count"), "{ended:?}");
}

#[test]
fn one_run_is_told_as_ever() {
    let report = json(&run(&["rate", "--local", "--no-plot", "-c", "10", "--repeat", "1", "-J"]));
    assert!(report["runs"].is_null() && report["between"].is_null(), "{report}");
    assert!(report["config"]["repeat"].is_null(), "{report}");
}

#[test]
fn a_signal_ends_the_series_with_the_report_so_far() {
    let (served, messages) = mpsc::channel();
    // From the second connection on it falls silent after ten messages.
    let target = peer(move |number, mut stream| {
        let mut count = 0;
        while let Some(message) = message(&stream, LENGTH) {
            count += 1;
            if number > 0 && count > 10 {
                let _ = served.send(());
                continue;
            }
            let _ = stream.write_all(&message);
        }
    });
    let args = ["rate", &target.to_string(), "-J", "--no-plot", "-c", "50", "--repeat", "5"];
    let program = Program::start(hosted().args(args));
    messages.recv_timeout(PATIENCE).expect("the second run");
    program.signal(Signal::INT);
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let report = json(&ended);
    assert_eq!((&report["complete"], &report["sent"]), (&false.into(), &61.into()), "{report}");
    let complete = |number: usize| &report["runs"][number]["complete"];
    assert_eq!(
        [complete(0), complete(1), complete(2)],
        [&true.into(), &false.into(), &Value::Null]
    );
    assert_eq!(report["between"]["p50"], Value::Null, "one whole run says nothing about others");
}

#[test]
fn the_first_failure_ends_the_series_of_rate_and_none_of_fail_rate() {
    // Every second connection is cut at its fifth message.
    let target = peer(move |number, mut stream| {
        let mut count = 0;
        while let Some(message) = message(&stream, LENGTH) {
            count += 1;
            if number % 2 == 1 && count == 5 {
                return;
            }
            let _ = stream.write_all(&message);
        }
    });
    let target = target.to_string();
    let report = json(&run(&["rate", &target, "-J", "--no-plot", "-c", "20", "--repeat", "4"]));
    assert_eq!(report["runs"].as_array().map(Vec::len), Some(2), "{report}");
    assert_eq!(
        (&report["complete"], &report["failed"]["closed_early"]),
        (&false.into(), &1.into())
    );
    let ended = run(&["fail-rate", &target, "-J", "-c", "20", "--repeat", "4"]);
    let report = json(&ended);
    assert_eq!((ended.code, &report["complete"]), (Some(1), &true.into()), "{report}");
    assert_eq!(report["runs"].as_array().map(Vec::len), Some(4), "{report}");
    assert_eq!(report["sent"], 80, "{report}");
}
