//! A server with `--fault`: what it says that it planted is what `fail-rate` finds, and no more.

use rustix::process::Signal;

use crate::support::{Ended, Program, at_once, run};

/// What fail-rate says of a server with these faults, and what the server says.
fn judge(server: &[&str], load: &[&str]) -> [Ended; 2] {
    let (server, address) = Program::server(&[&["--drain", "0", "-q", "--fault"], server].concat());
    let found = run(&[&["fail-rate", &address.to_string(), "--timeout", "5s"], load].concat());
    server.signal(Signal::TERM);
    [found, server.wait()]
}

/// How many of this kind a server says that it planted, and no other.
fn planted(server: &Ended, kind: &str) -> u64 {
    let all = server.stdout.lines().last().and_then(|line| line.strip_prefix("faults planted: "));
    let count = all.and_then(|all| all.strip_suffix(kind)?.trim_end().parse().ok());
    count.unwrap_or_else(|| panic!("not only {kind}: {server:?}"))
}

fn assert_found(found: &Ended, count: u64, class: &str, detail: &str) {
    let failed = format!(" {count} failed (fail rate ");
    let classes = format!("\nfailed: {count} {class}\n");
    for part in [&failed, &classes, detail] {
        assert!(found.stdout.contains(part), "{part:?} is not in {}", found.stdout);
    }
    assert_eq!(found.code, Some(1));
}

#[test]
fn as_many_as_it_planted_are_found_and_each_as_what_it_is() {
    let wrong = |count: u64, how: &str| format!("\n   {count} {how} (first in message ");
    at_once(
        [
            ("flip", "flip=0.1", "differed", "with bits flipped"),
            ("stale", "stale=10%", "differed", "stale"),
            ("repeat", "repeat=0.1", "with extra bytes", "extra bytes\n"),
            ("cut", "cut=0.1", "closed early", ": closed by the peer with "),
            ("reset", "reset=0.1", "reset", ": connection reset by the peer\n"),
            ("drop", "drop=0.02", "timed out", ": timed out with 0 of 1000 bytes echoed\n"),
            ("stall", "stall=0.02", "timed out", ": timed out with 0 of 1000 bytes echoed\n"),
            ("hold", "hold=0.02:1h", "timed out", ": timed out with 0 of 1000 bytes echoed\n"),
        ],
        |(kind, spec, class, detail)| {
            let [found, server] = judge(&[spec, "--seed", "1"], &["-c", "100"]);
            let count = planted(&server, kind);
            assert!(count > 0, "{server:?}");
            let detail = if class == "differed" { wrong(count, detail) } else { detail.into() };
            assert_found(&found, count, class, &detail);
            let config = format!("        faults   {spec} (seed 1)\n");
            assert!(server.stdout.contains(&config), "{server:?}");
        },
    );
}

#[test]
fn long_messages_and_many_connections_have_one_fault_a_message() {
    at_once(
        [
            (&["--buffer", "1024"][..], &["-l", "64KiB", "-c", "60"][..]),
            (&["--buffer", "65536"], &["-l", "1MiB", "-c", "20"]),
            (&["--threads", "4"], &["-P", "16", "-c", "200"]),
            (&["--threads", "2"], &["-P", "4", "-R", "400", "-c", "100"]),
        ],
        |(server, load)| {
            let [found, server] = judge(&[&["flip=0.1", "--seed", "2"], server].concat(), load);
            let count = planted(&server, "flip");
            assert!(count > 0, "{server:?}");
            assert_found(&found, count, "differed", " with bits flipped (first in message ");
        },
    );
}

#[test]
fn the_same_seed_spoils_the_same_messages() {
    let places = |seed: &str| {
        let [found, _] = judge(&["flip=0.1,cut=0.05", "--seed", seed], &["-c", "60"]);
        let lines = found.stdout.lines().filter_map(|line| line.split_once(", connection 0"));
        let places = lines.map(|(_, what)| match what.split_once(": 0x") {
            Some((place, _)) => place.to_owned(),
            None => what.to_owned(),
        });
        let places: Vec<_> = places.collect();
        assert!(places.len() > 2, "{found:?}");
        places
    };
    assert_eq!(places("3"), places("3"));
    assert_ne!(places("3"), places("4"));
}

#[test]
fn without_a_seed_one_is_chosen_and_said() {
    let [found, server] = judge(&["flip=0"], &["-c", "10"]);
    assert_eq!(found.code, Some(0), "{found:?}");
    assert!(server.stdout.ends_with("\nfaults planted: none\n"), "{server:?}");
    let said = server.stdout.lines().find_map(|line| line.split_once("flip=0 (seed "));
    let seed: Option<u64> = said.and_then(|(_, seed)| seed.strip_suffix(')')?.parse().ok());
    assert!(seed > Some(0), "{server:?}");
}

/// One byte or more comes back in each of these cases; how a server fails them says how it fails.
#[test]
fn each_kind_fails_the_cases_that_can_see_it() {
    let all = &["size-536", "fin-alone", "nothing-more"][..];
    let nothing = "nothing more after 0 of 535 bytes\n";
    at_once(
        [
            ("flip=1", "20", all, "(the bytes after it are right)\n"),
            ("drop=1", "1", all, nothing),
            ("repeat=1", "20", all, "(the last 535 bytes are repeated)\n"),
            // One message has none before it.
            ("stale=1", "20", &["size-536", "nothing-more"], "(the last 535 bytes are repeated)\n"),
            ("hold=1:1ms", "20", &[], ""),
            ("hold=1:1h", "1", all, nothing),
            ("stall=1", "1", all, nothing),
            ("cut=1", "20", all, "closed by the peer after 13 of 535 bytes\n"),
            ("reset=1", "20", all, "connection reset by the peer after 0 of 535 bytes\n"),
        ],
        |(spec, patience, failing, how)| {
            let flags = ["--drain", "0", "-q", "--rfc862", "--seed", "1", "--fault", spec];
            let (_server, address) = Program::server(&flags);
            let only = ["--only", "size-536,fin-alone,nothing-more", "--timeout", patience];
            let ended = run(&[&["check", &address.to_string()], &only[..]].concat());
            let failed = ended.stdout.lines().filter_map(|line| line.strip_prefix("FAIL  "));
            let failed: Vec<_> = failed.filter_map(|line| line.split(' ').next()).collect();
            assert_eq!(failed, failing, "{spec}: {}", ended.stdout);
            assert!(ended.stdout.contains(how), "{spec}: {how:?} is not in {}", ended.stdout);
            assert_eq!(ended.code, Some(i32::from(!failing.is_empty())), "{spec}");
        },
    );
}
