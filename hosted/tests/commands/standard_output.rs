//! `-` as the file of an export: the result goes to stdout, the report to stderr.

use std::io::{self, Read};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Program, hosted, run};

#[test]
fn an_export_may_be_the_standard_output() {
    for (flag, command) in
        [("--export-json", "rate"), ("--export-csv", "fail-rate"), ("--export-hdr", "rate")]
    {
        let ended = run(&[command, "--local", "-c", "20", "--no-plot", flag, "-"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("20 sent, 20 echoed"), "the report is there: {ended:?}");
        match flag {
            "--export-json" => {
                let report: Value = serde_json::from_str(&ended.stdout).expect("one object");
                assert_eq!(report["echoed"], 20);
            }
            "--export-csv" => assert_eq!(ended.stdout.lines().count(), 1 + 20, "{ended:?}"),
            _ => assert!(ended.stdout.starts_with("#["), "{ended:?}"),
        }
    }
}

#[test]
fn a_reader_who_has_seen_enough_rows_ends_the_run() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut command = hosted();
    command.args(["rate", "--local", "--no-plot", "-t", "2m", "--export-csv", "-"]);
    let run = Program::writing(&mut command, writer.into(), Stdio::piped());
    drop(command);
    reader.read_exact(&mut [0; 100]).expect("rows");
    drop(reader);
    let ended = run.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains(" sent, ") && !ended.stderr.contains("error"), "{ended:?}");
}
