//! `hosted rate --search`: the table, the answer, the files and the exit code. What is found depends on the machine; that
//! it is found rightly is shown on virtual time, by the library's tests.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::exports::schema;
use crate::rate::json;
use crate::support::{Program, hosted, run};

#[test]
fn a_search_tells_its_steps_and_its_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let [file, figure] =
        ["run.json", "run.svg"].map(|name| folder.path().join(name).display().to_string());
    let goal = ["rate", "--local", "-P", "2", "-t", "50ms", "--search", "p50<2ms"];
    let ended = run(&[&goal[..], &["--export-json", &file, "-o", &figure]].concat());
    let report: Value =
        serde_json::from_str(&fs::read_to_string(file).expect("written")).expect("JSON");
    let errors: Vec<_> = schema().iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let search = &report["search"];
    assert_eq!((&search["bound"], &search["bound_ns"]), (&"p50<2ms".into(), &2_000_000.into()));
    assert_eq!(report["complete"], true);

    let lines: Vec<_> = ended.stdout.lines().collect();
    let words = "tcp, 1000 bytes, the highest rate with p50<2ms, 2 connections";
    assert!(lines[0].ends_with(words), "{ended:?}");
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["rate", "p50", "p99", "unsent"]);
    let steps = search["steps"].as_array().expect("a list");
    assert!(lines[2].trim_start().starts_with("100/s ") && steps[0]["rate_per_s"] == 100.0);
    let rows = lines[2..].iter().take_while(|line| !line.starts_with("of these steps "));
    assert_eq!(rows.clone().count(), steps.len(), "{ended:?}");
    for (row, step) in rows.zip(steps) {
        assert_eq!(row.contains("  kept"), step["outcome"] == "kept", "{row} {step}");
        assert_eq!(row.contains("  broken: "), step["outcome"] == "broken", "{row} {step}");
    }
    // On a machine that is very busy, none may be.
    let kept = search["kept_per_s"].as_f64();
    assert_eq!(ended.code, Some(i32::from(kept.is_none())), "{ended:?}");
    let told = report["config"]["rate_per_s"].as_f64();
    assert_eq!(told, kept.or(search["broken_per_s"].as_f64()), "{search}");
    // A line may follow: that the instrument was the limit.
    let answer = lines.iter().rfind(|line| line.contains("p50<2ms")).expect("an answer");
    assert_eq!(answer.starts_with("the highest rate with "), search["answer"] == "between");
    assert_eq!(lines[lines.len() - 1], format!("figure {figure}"));
    let svg = fs::read_to_string(&figure).expect("a figure");
    assert!(svg.contains("\"Never sent\"") && svg.contains("\"Response time\""));
}

#[test]
fn a_bound_that_no_rate_keeps_is_a_failure() {
    let goal = ["rate", "--local", "--no-plot", "-t", "100ms", "--search", "p50<1ns"];
    let ended = run(&[&goal[..], &["-J"]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{ended:?}");
    let search = &json(&ended)["search"];
    assert_eq!((&search["answer"], &search["kept_per_s"]), (&"below".into(), &Value::Null));
    let tried = search["steps"].as_array().expect("a list").iter().map(|step| &step["rate_per_s"]);
    let mut tried: Vec<_> = tried.collect();
    // A machine that stands still for most of a step leaves too few messages to tell: that is tried twice.
    tried.dedup();
    assert_eq!(tried, [100.0, 50.0, 25.0, 12.5], "{search}");
    let ended = run(&goal);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let answer = "\np50<1ns is kept at no rate that was tried: at 12.5/s, the lowest, p50 ";
    assert!(ended.stdout.contains(answer), "{ended:?}");
}

#[test]
fn a_signal_ends_it_with_what_it_has_found() {
    let mut command = hosted();
    command.args(["rate", "--local", "--no-plot", "-t", "1s", "--search", "p50<20ms"]);
    let mut program = Program::start(command.stdin(Stdio::null()));
    program.stdout_line("0/s  ");
    program.signal(Signal::INT);
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let full = ["the last one", "the one with the highest rate kept"]
        .map(|which| format!("  stopped\nof these steps {which}, in full:\nECHO this process "));
    assert!(full.iter().any(|full| ended.stdout.contains(full)), "{ended:?}");
    let answer = ended.stdout.lines().last().expect("a line");
    // On a machine that is very busy the first step may be broken.
    let kept = ended.stdout.contains("  kept\n");
    let said = if kept { "p50<20ms is kept at " } else { "nothing is known of p50<20ms: " };
    assert!(answer.starts_with(&format!("stopped early: {said}")), "{ended:?}");
}
