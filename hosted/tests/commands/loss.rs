//! What fails is told in times, too: a server that answers nine in ten is not fast.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::json;

use crate::exports::schema;
use crate::rate::{LENGTH, json};
use crate::support::{message, peer, run};

/// Closes each connection instead of answering its tenth message.
fn nine_in_ten() -> SocketAddr {
    peer(|_, mut stream| {
        for _ in 0..9 {
            let Some(message) = message(&stream, LENGTH) else { return };
            let _ = stream.write_all(&message);
        }
        message(&stream, LENGTH);
    })
}

#[test]
fn percentiles_that_fall_into_the_failures_are_told_from_those_without_messages() {
    let target = nine_in_ten().to_string();
    let bounds = ["--within", "1h", "--fail-if", "p90>1h", "--fail-if", "p95>1h"];
    let args = ["fail-rate", &target, "-c", "200", "--max-fail", "20", "-J"];
    let ended = run(&[&args[..], &bounds].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr, "failed: p95>1h: it never came back: 10.0 % failed\n");
    let report = json(&ended);
    let errors: Vec<_> = schema().iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let all = &report["response_with_failures"];
    assert_eq!((&all["n"], &all["failed"]), (&json!(200), &json!(20)));
    assert_eq!(all["infinite"], json!(["p95", "p99"]));
    assert!(all["p90_ns"].is_u64() && all["p95_ns"].is_null() && all["p99_9_ns"].is_null());
    assert!(report["service_ns"]["p99"].is_u64(), "of those that came back");
    let within = &report["within"][0];
    assert_eq!((&within["messages"], &within["share"]), (&json!(180), &json!(0.9)));
    let text = run(&["fail-rate", &target, "-c", "200", "--max-fail", "20", "--within", "1h"]);
    assert_eq!(text.code, Some(0), "{text:?}");
    let row = text.stdout.lines().find(|line| line.trim_start().starts_with("with failures  "));
    let row: Vec<_> = row.expect("a row").split_whitespace().rev().collect();
    assert_eq!(row[..4], ["never", "n/a", "n/a", "never"], "max, p99.99, p99.9, p99");
    assert!(text.stdout.contains("\n90.0 % within 1h (failed ones count as later; "));
}
