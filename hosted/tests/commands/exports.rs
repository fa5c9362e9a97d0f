//! What `rate` and `fail-rate` write beside their report, and what reads it again.

use std::fs;
use std::path::Path;

use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::{Value, json};

use crate::support::{Ended, run};

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// What a report must look like.
pub(crate) fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(include_str!("../../report.schema.json")).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

#[test]
fn every_report_obeys_the_schema() {
    let schema = schema();
    for args in [
        "rate --no-plot -c 300",
        "rate --no-plot -c 2000 -P 3",
        "rate --no-plot -c 300 -R 2000",
        "rate --no-plot -c 20 -i 1ms -O 10ms",
        "rate --no-plot -c 20 --crr",
        "rate --no-plot -c 1 -l 100000",
        "fail-rate -c 100",
    ] {
        let args: Vec<_> = args.split(' ').chain(["--local", "-J"]).collect();
        let ended = run(&args);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let errors: Vec<_> =
            schema.iter_errors(&report(&ended)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{args:?}: {errors:?}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let good = report(&run(&["rate", "--local", "--no-plot", "-c", "10", "-J"]));
    let schema = schema();
    assert!(schema.is_valid(&good));
    for (key, value) in
        [("schema", "hosted/0".into()), ("sent", (-1).into()), ("service_ns", Value::Null)]
    {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(!schema.is_valid(&bad), "{key}");
    }
}

#[test]
fn the_files_say_what_the_report_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let [json, csv, hdr] = ["run.json", "run.csv", "run.hlog"].map(file);
    let ended = run(&[
        "rate",
        "--local",
        "--no-plot",
        "-c",
        "500",
        "-R",
        "5000",
        "-P",
        "2",
        "-J", //
        "--export-json",
        &json,
        "--export-csv",
        &csv,
        "--export-hdr",
        &hdr,
        "--label",
        "host=north 3",
        "--label",
        "try=1",
    ]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let report = report(&ended);
    let exported: Value =
        serde_json::from_slice(&fs::read(&json).expect("a report")).expect("JSON");
    assert_eq!(exported["service_ns"], report["service_ns"]);
    assert_eq!(report["labels"], json!({ "host": "north 3", "try": "1" }));

    let table = fs::read_to_string(&csv).expect("a table");
    let mut lines = table.lines();
    let names: Vec<_> = lines.next().expect("a head").split(',').collect();
    let column = |name: &str| names.iter().position(|known| *known == name).expect("a column");
    let rows: Vec<Vec<_>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 500);
    let number = |row: &[&str], name: &str| row[column(name)].parse::<u64>().expect("a number");
    let slowest = rows.iter().map(|row| number(row, "response_ns")).max();
    assert_eq!(slowest, report["response_ns"]["max"].as_u64());
    for row in &rows {
        let sum = number(row, "late_ns") + number(row, "service_ns");
        assert_eq!(number(row, "response_ns"), sum);
        assert_eq!(row[column("result")], "echoed");
        assert_eq!(["label_host", "label_try"].map(|label| row[column(label)]), ["north 3", "1"]);
    }

    let tags = ["service", "response"];
    let log = fs::read(&hdr).expect("a log");
    let intervals: Vec<_> = IntervalLogIterator::new(&log)
        .map(|entry| entry.expect("a log of version 2"))
        .filter_map(|entry| if let LogEntry::Interval(one) = entry { Some(one) } else { None })
        .collect();
    assert_eq!(intervals.len(), tags.len());
    for (interval, tag) in intervals.iter().zip(tags) {
        let called = format!("{tag};host=north_3;try=1");
        assert_eq!(interval.tag().map(|tag| tag.as_str()), Some(&*called));
        assert_eq!(report[format!("{tag}_ns")]["histogram"], interval.encoded_histogram());
        let bytes = base64(interval.encoded_histogram());
        let histogram: hdrhistogram::Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).expect("a histogram");
        assert_eq!(histogram.len(), 500);
        let median = report[format!("{tag}_ns")]["p50"].as_u64().expect("enough");
        assert!(histogram.equivalent(histogram.value_at_quantile(0.5), median), "{tag}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_takes_no_other_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let [json, hdr, figure] = ["run.json", "run.hlog", "run.svg"].map(file);
    let ended = run(&[
        &["rate", "--local", "-c", "9", "--fail-if", "max>0", "--export-csv", "/dev/full"][..],
        &["--export-json", &json, "--export-hdr", &hdr, "--output", &figure],
    ]
    .concat());
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.starts_with("failed: max>0: it was "), "{ended:?}");
    assert!(ended.stderr.contains("error: cannot write /dev/full: no space left"), "{ended:?}");
    for path in [json, hdr, figure] {
        assert!(fs::metadata(&path).is_ok_and(|file| file.len() > 0), "{path}");
    }
}

#[test]
fn the_configuration_is_what_was_asked_for() {
    let config = |args: &str| {
        let args: Vec<_> = args.split(' ').chain(["--local", "--no-plot", "-J"]).collect();
        report(&run(&args))["config"].take()
    };
    let plain = json!({
        "message_bytes": 1000,
        "payload": "zero",
        "connections": 1,
        "connection_per_message": false,
        "reset": false,
        "bind": [],
        "pace": "closed",
        "interval_s": null,
        "rate_per_s": null,
        "arrivals": null,
        "omit_s": 0.0,
        "count": 1,
        "time_s": null,
        "timeout_s": 10.0,
        "spin_s": 0.0,
    });
    assert_eq!(config("rate -c 1"), plain);
    let with = |changes: &[(&str, Value)]| {
        let mut config = plain.clone();
        changes.iter().for_each(|(key, value)| config[*key] = value.clone());
        config
    };
    assert_eq!(
        config("rate -c 3 -R 2k -O 1ms -t 60 --timeout -1 --spin 50us"),
        with(&[
            ("pace", "rate".into()),
            ("rate_per_s", 2000.0.into()),
            ("arrivals", "uniform".into()),
            ("omit_s", 0.001.into()),
            ("count", 3.into()),
            ("time_s", 60.0.into()),
            ("timeout_s", Value::Null),
            ("spin_s", 5e-5.into()),
        ])
    );
    assert_eq!(config("rate -c 1 --spin"), with(&[("spin_s", Value::Null)]));
    assert_eq!(
        config("rate -c 1 -i 2ms -P 3 --crr -l 7 --payload random --reset --bind 127.0.0.1,::1"),
        with(&[
            ("pace", "interval".into()),
            ("interval_s", 0.002.into()),
            ("connections", 3.into()),
            ("connection_per_message", true.into()),
            ("reset", true.into()),
            ("bind", json!(["127.0.0.1"])),
            ("message_bytes", 7.into()),
            ("payload", "random".into()),
        ])
    );
}

#[test]
fn no_file_is_written_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(path("sub")).expect("made");
    let (one, same) = (path("run.json"), path("sub/../run.json"));
    let ended =
        run(&["rate", "--local", "--no-plot", "--export-json", &one, "--export-csv", &same]);
    let said = format!("error: cannot write {same} twice: choose another file\n");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(3), said.as_str()));
    assert!(!Path::new(&one).exists(), "nothing is left behind");
    // The report would be overwritten.
    let ended = run(&["rate", "--local", "--no-plot", "-c", "9", "--export-json", "/dev/stdout"]);
    assert_eq!(ended.code, Some(0), "a pipe may be shared: {ended:?}");
    let log = fs::File::create(&one).expect("made");
    let binary = env!("CARGO_BIN_EXE_hosted");
    let mut command = std::process::Command::new(binary);
    command.args(["rate", "--local", "--no-plot", "-c", "9", "--export-json", "/dev/stdout"]);
    assert_eq!(
        command.stdout(log).stderr(std::process::Stdio::null()).status().expect("it ran").code(),
        Some(3)
    );
    let sink = "/dev/null";
    let args =
        ["rate", "--local", "--no-plot", "-c", "9", "--export-json", sink, "--export-csv", sink];
    assert_eq!(run(&args).code, Some(0));
}

/// The log encodes its bytes in letters.
fn base64(letters: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for four in letters.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, letter| bits << 6 | u32::from(value(*letter)));
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

#[test]
fn a_bound_that_is_crossed_fails_the_run() {
    for (bound, code) in [
        ("p50>100s", 0),
        ("p50>1ns", 1),
        ("rate<1", 0),
        ("rate<1000G", 1),
        ("messages>1", 1),
        ("fail>0", 0),
    ] {
        let ended = run(&["rate", "--local", "--no-plot", "-c", "200", "--fail-if", bound]);
        assert_eq!(ended.code, Some(code), "{bound}: {ended:?}");
        let said = ended.stderr.starts_with(&format!("failed: {bound}: it was "));
        assert_eq!(said, code == 1, "{ended:?}");
    }
    // A schedule that nobody can keep; and none, by which nothing can be late.
    let drowned = ["rate", "--local", "--no-plot", "-R", "100M", "-t", "50ms", "--fail-if"];
    let closed = ["rate", "--local", "--no-plot", "-c", "9", "--fail-if"];
    for bound in ["unsent>10%", "late>1us"] {
        for (args, code) in [(&drowned[..], 1), (&closed, 2)] {
            let ended = run(&[args, &[bound]].concat());
            assert_eq!(ended.code, Some(code), "{bound}: {ended:?}");
        }
    }
    for bound in ["p98>1ms", "p99<0", "p99>1ms", "response p50>1ms"] {
        let ended = run(&[&closed[..], &[bound]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{bound}: {ended:?}");
    }
}

#[test]
fn the_figure_tells_what_was_never_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let figure = folder.path().join("rate.svg");
    let path = figure.to_str().expect("UTF-8");
    for (pace, shown) in [(&["-R", "100M"][..], true), (&["-i", "100ns"], true), (&[], false)] {
        let ended = run(&[&["rate", "--local", "-t", "50ms", "-o", path], pace].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{pace:?}");
        let svg = fs::read_to_string(&figure).expect("a figure");
        assert_eq!(svg.contains("never sent"), shown, "{pace:?}");
        assert_eq!(ended.stdout.contains("never sent"), shown, "{pace:?}");
    }
}
