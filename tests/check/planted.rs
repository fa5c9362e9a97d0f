//! A server that is wrong in a known way fails the cases that are there for it, and no others.

use std::net::SocketAddr;

use echo_cases::{Case, Needs};
use echo_instruments::check::{Outcome, Record};

use crate::sockets::over_sockets;
use crate::{list, servers};

fn check(server: SocketAddr, flags: &str) -> Vec<Record> {
    list::carry_out(flags, |needs, check| over_sockets(needs, server, check))
}

/// These cases fail, the others pass; of those that `may` fail it depends on how the system
/// cuts the stream.
fn fails(records: &[Record], sure: &[&str], may: &[&str]) {
    let failed = |record: &&Record| matches!(record.outcome, Outcome::Fail(_));
    let failed: Vec<_> = records.iter().filter(failed).collect();
    let missing: Vec<_> =
        sure.iter().filter(|name| !failed.iter().any(|record| record.name == **name)).collect();
    let others: Vec<_> = failed
        .iter()
        .filter(|record| !sure.contains(&record.name) && !may.contains(&record.name))
        .collect();
    assert!(missing.is_empty() && others.is_empty(), "{missing:?} passed; {others:#?}");
}

/// What a failure of this case says.
fn told(records: &[Record], name: &str) -> String {
    let record = records.iter().find(|record| record.name == name).expect("it was carried out");
    let Outcome::Fail(finding) = &record.outcome else { panic!("{record:?}") };
    finding.parts.iter().fold(finding.brief.clone(), |told, (_, part)| told + "; " + part)
}

/// Long enough for what is right on a busy machine; what is wrong keeps silent for as long.
const PATIENT: &str = "--timeout 5";

/// Many bytes in a row: how they are cut is the system's choice.
const BULK: &[&str] = &[
    "tiny-segments",
    "odd-pieces",
    "one-mib",
    "64-kib-unread",
    "one-mib-unread",
    "16-mib-unread",
    "fin-behind-64-kib",
    "fin-behind-mib",
    "fin-late-read",
    "fin-slow-read",
    "both-ways",
    "slow-reader",
    "zero-window",
    "bursts",
    "unread-beside",
];

#[test]
fn one_that_takes_bytes_for_text() {
    let records = check(servers::start(servers::utf8), PATIENT);
    fails(&records, &["all-bytes", "each-byte", "ones", "broken-utf8", "cut-utf8"], &[]);
    assert!(told(&records, "broken-utf8").contains("decoded as text"));
}

#[test]
fn one_that_sends_them_backwards() {
    let records = check(servers::start(servers::reversed), PATIENT);
    let right = ["each-byte", "zeros", "ones", "cut-utf8", "one-by-one"];
    let all: Vec<_> = records.iter().map(|record| record.name).collect();
    let wrong: Vec<_> = all.into_iter().filter(|name| !right.contains(name)).collect();
    let (may, sure): (Vec<_>, Vec<_>) = wrong.iter().partition(|name| **name == "tiny-segments");
    fails(&records, &sure, &may);
    assert!(told(&records, "fin-after-echo").contains("reversed"));
}

#[test]
fn one_that_drops_the_tail_at_a_fin() {
    let records = check(servers::start(servers::tail_dropped), PATIENT);
    let may = [BULK, &["fin-behind-data", "urgent-last"]].concat();
    fails(&records, &["fin-with-data", "fin-with-segment"], &may);
    let told = told(&records, "fin-with-data");
    assert!(told.starts_with("closed by the peer after 0 of 5 bytes; "), "{told}");
    assert!(told.contains("the FIN is handled before the data"), "{told}");
}

#[test]
fn one_that_ignores_a_short_write() {
    let records = check(servers::start(servers::short_write), PATIENT);
    let sure = ["one-mib-unread", "16-mib-unread", "zero-window", "unread-beside"];
    let may = [BULK, &["size-4096", "size-65536"]].concat();
    fails(&records, &sure, &may);
    let told = told(&records, "one-mib-unread");
    assert!(told.contains("bytes are missing") && told.contains("short write"), "{told}");
}

#[test]
fn one_that_answers_at_the_end() {
    let flags = "--timeout 2 --only all-bytes,size-1,one-by-one,at-once,fin-with-data,\
                 fin-behind-data,fin-behind-64-kib,fin-late-read,fin-slow-read,nothing-more";
    let records = check(servers::start(servers::at_the_end), flags);
    let sure = ["all-bytes", "size-1", "one-by-one", "at-once", "nothing-more"];
    fails(&records, &sure, &[]);
    let told = told(&records, "at-once");
    assert!(told.starts_with("nothing more after 0 of 1 bytes; "), "{told}");
    assert!(told.ends_with("the server collects all of its input before it answers"), "{told}");
}

#[test]
fn one_that_answers_on_another_connection() {
    let any = echo_cases::cases().filter(|case| case.needs == Needs::Echo);
    // Each case has a server to itself: what clients of another case left there, which broke off,
    // would be answered to its first one.
    let apart = |case: &Case<'_>| {
        let flags = format!("{PATIENT} --only {}", case.name);
        check(servers::start(servers::wrong_connection()), &flags)
    };
    let records: Vec<_> = any.filter(|case| case.name != "unread-beside").flat_map(apart).collect();
    let sure = ["two-at-once", "eight-at-once", "many-at-once", "no-mixing"];
    // A client that leaves early may still be served when the next one is; and the one that stays
    // may be the last whose thread has begun.
    let left = ["reset-at-once", "close-at-once", "reset-midway", "reset-unread", "close-unread"];
    let others = ["reset-half-closed", "load-balancer", "idle-beside", "reset-beside"];
    let may = [left.as_slice(), &others].concat();
    fails(&records, &sure, &may);
    // Of each case the first failure is told, and that may be a silence.
    let crossed = |name: &&str| told(&records, name).contains("of another connection");
    assert!(sure.iter().any(crossed), "{records:#?}");
}

#[test]
fn one_that_sends_what_is_left_in_its_buffer() {
    let records = check(servers::start(servers::stale), PATIENT);
    let sure = ["size-2048", "size-4096", "size-65536", "long-short", "nothing-more"];
    fails(&records, &sure, &[BULK, &["pipelined", "urgent"]].concat());
    let told = told(&records, "long-short");
    assert!(told.contains("act 2 of 6") || told.contains("act 3 of 6"), "{told}");
}

#[test]
fn one_that_is_a_byte_late() {
    let flags = "--timeout 2 --only size-1,one-by-one,at-once,pipelined,fin-alone,fin-with-data,\
                 fin-behind-data,fin-behind-64-kib,fin-late-read";
    let records = check(servers::start(servers::one_late), flags);
    fails(&records, &["size-1", "one-by-one", "at-once", "pipelined", "fin-alone"], &[]);
    assert!(told(&records, "pipelined").starts_with("nothing more after 106 of 107 bytes; "));
}
