//! `hosted check`: the list of cases against our own server, a bad one, and none.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;

use rustix::process::Signal;
use serde_json::Value;

use crate::progress::shown_on_a_terminal;
use crate::support::{Echo, Ended, PATIENCE, Program, config, deaf, hosted, peer, run};

fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(include_str!("../../check.schema.json")).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

/// The object, which is as the schema wants it.
fn json(ended: &Ended) -> Value {
    let json =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let errors: Vec<_> = schema().iter_errors(&json).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {json:#}");
    json
}

fn assert_narrow(text: &str) {
    let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

/// The names of cases, from lines or from the object.
fn names(ended: &Ended) -> BTreeSet<String> {
    let name = |line: &str| line.split_whitespace().next().map(str::to_owned);
    ended.stdout.lines().filter_map(name).collect()
}

#[test]
fn our_own_server_passes_all_cases_and_each_is_told() {
    let ended = run(&["check", "--local", "--ours", "-J"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let json = json(&ended);
    let cases = json["cases"].as_array().expect("a list");
    assert_eq!(json["passed"], cases.len(), "{json:#}");
    assert_eq!(
        (&json["failed"], &json["skipped"], &json["complete"]),
        (&0.into(), &0.into(), &true.into())
    );
    assert_eq!(json["target"]["name"], "this process");
    let told: BTreeSet<_> =
        cases.iter().filter_map(|case| case["name"].as_str()).map(str::to_owned).collect();
    let mut listed = names(&run(&["check", "--list"]));
    assert!(listed.remove("silence-ends"), "it has an argument");
    assert_eq!(told, listed);
}

#[test]
fn the_list_is_a_line_for_each_case_and_needs_no_server() {
    let ended = run(&["check", "--list"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_narrow(&ended.stdout);
    let line = "fin-with-data      RFC 9293 3.10.7.4  5 bytes and the FIN in one segment\n";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
}

#[test]
fn cases_are_chosen_by_their_names() {
    let lines = |args: &str| {
        let ended = run(&args.split(' ').collect::<Vec<_>>());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args}");
        ended.stdout
    };
    let two = "pass  zeros\npass  ones\n2 passed, 0 failed, 0 skipped\n";
    assert_eq!(lines("check --local --only ones,zeros"), two);
    assert_eq!(lines("check --local --only ones,zeros,size-1 --skip size-1"), two);
    // A rule of our own that is named is meant.
    assert!(lines("check --local --only exit-tail").starts_with("pass  exit-tail\n1 passed"));
    assert!(!lines("check --local --only ones --ours").contains("exit"));
    for (args, said) in [
        ("check --local --only ones,twos", "no case is called \"twos\" (--list shows all)"),
        ("check --local --skip twos", "no case is called \"twos\""),
        ("check --local --only ones --skip ones", "no case is left"),
        ("check --local --only silence-ends", "silence-ends needs --expect-timeout"),
        ("check --local localhost", "cannot be used with"),
    ] {
        let ended = run(&args.split(' ').collect::<Vec<_>>());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{args}");
        assert!(ended.stderr.contains(said), "{args}: {}", ended.stderr);
    }
}

#[test]
fn a_failure_says_what_was_sent_what_came_back_and_what_that_usually_means() {
    // It takes bytes for text.
    let target = peer(|_, mut stream| {
        let mut bytes = [0; 1024];
        while let Ok(n @ 1..) = stream.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
            if stream.write_all(text.as_bytes()).is_err() {
                break;
            }
        }
    });
    let name = target.to_string();
    let ended = run(&["check", &name, "--only", "zeros,ones,size-536,broken-utf8"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{}", ended.stdout);
    assert_narrow(&ended.stdout);
    insta::assert_snapshot!(ended.stdout, @r#"
    pass  zeros
    FAIL  ones              byte 0 of 4096 is wrong
        in       act 1 of 3: send "\xff" 4096 times and read the echo
        sent     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"…
                 from byte 0 on (4.10 kB in all)
        came     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef"…
                 (these bytes were never sent)
        usually  bytes are decoded as text: EF BF BD replaces what is not UTF-8
    FAIL  broken-utf8       byte 0 of 19 is wrong
        in       act 1 of 3: send 19 B and read the echo
        sent     "\xc3(\xa0\xa1\xe2(\xa1\xf0(\x8c\xbc\xed\xa0\x80\xc0\x80"… from
                 byte 0 on (19 B in all)
        came     "\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf"…
                 (these bytes were never sent)
        usually  bytes are decoded as text: EF BF BD replaces what is not UTF-8
    pass  size-536
    2 passed, 2 failed, 0 skipped
    "#);
    let ended = run(&["check", &name, "--only", "ones,size-536", "-J"]);
    let json = json(&ended);
    assert_eq!((&json["passed"], &json["failed"], ended.code), (&1.into(), &1.into(), Some(1)));
    let reason = json["cases"][0]["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("byte 0 of 4096 is wrong; ") && reason.contains("; usually: "),
        "{reason}"
    );
    assert_eq!(json["target"]["port"], target.port());
}

/// What the flags of a server decide cannot be seen on one that has others.
#[test]
fn a_server_is_taken_as_it_is() {
    let echo = Echo::start(config());
    let target = echo.address.to_string();
    let ended =
        run(&["check", &target, "--ours", "--only", "exit,one-shot,exit-is-data,idle-limit"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    insta::assert_snapshot!(ended.stdout, @r#"
    pass  exit
    skip  exit-is-data      needs a server with --rfc862
    skip  one-shot          needs a server with --one-shot
    skip  idle-limit        needs a server with --timeout 400ms
    1 passed, 0 failed, 3 skipped
    "#);
}

#[test]
fn silence_is_to_end_when_it_is_said_to() {
    let rules = |idle| echo_core::Rules { idle, ..echo_core::Rules::default() };
    let expect = |echo: &Echo, limit| {
        run(&[
            "check",
            &echo.address.to_string(),
            "--only",
            "silence-ends",
            "--expect-timeout",
            limit,
            "--timeout",
            "2",
        ])
    };
    let one = Echo::with(rules(Some(std::time::Duration::from_secs(1))));
    let ended = expect(&one, "1s");
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let early = expect(&one, "3s");
    assert_eq!(early.code, Some(1));
    assert!(
        early.stdout.contains("in       act 2 of 3: receive nothing for 2.70 s"),
        "{}",
        early.stdout
    );
    let never = expect(&Echo::with(rules(None)), "100ms");
    assert_eq!(never.code, Some(1));
    assert!(never.stdout.contains("the peer does not close"), "{}", never.stdout);
}

#[test]
fn a_terminal_shows_which_case_goes_on() {
    let shown = shown_on_a_terminal(&["check", "--local", "--only", "zeros,idle-kept"]);
    assert!(shown.contains(" 2 of 2   idle-kept"), "{shown:?}");
    // The line that was drawn over goes before the verdict comes.
    assert!(shown.contains("\x1b[Jpass  idle-kept\r\n"), "{shown:?}");
    assert!(shown.ends_with("2 passed, 0 failed, 0 skipped\r\n"), "{shown:?}");
}

#[test]
fn nobody_there_is_no_failed_case() {
    let (_deaf, closed) = deaf();
    let ended = run(&["check", &closed]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    assert!(ended.stderr.contains(&format!("cannot connect to {closed}: connection refused")));
}

#[test]
fn a_signal_ends_it_with_what_is_so_far() {
    // Its second client waits.
    let (waits, waiting) = mpsc::channel();
    let target = peer(move |number, mut stream| {
        let mut bytes = [0; 1024];
        while let Ok(n @ 1..) = stream.read(&mut bytes) {
            if number > 0 {
                let _ = waits.send(());
            } else if stream.write_all(&bytes[..n]).is_err() {
                break;
            }
        }
    });
    let args =
        ["check", &target.to_string(), "--timeout", "-1", "-J", "--only", "zeros,ones,size-1"];
    let program = Program::start(hosted().args(args));
    waiting.recv_timeout(PATIENCE).expect("a client");
    program.signal(Signal::INT);
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let json = json(&ended);
    assert_eq!((&json["complete"], &json["passed"]), (&false.into(), &1.into()), "{json:#}");
    assert_eq!(json["cases"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_case_with_an_argument_that_was_not_reached_is_told() {
    let (echoed, echo) = mpsc::channel();
    let target = peer(move |_, mut stream| {
        let mut bytes = [0; 1024];
        while let Ok(n @ 1..) = stream.read(&mut bytes) {
            let _ = stream.write_all(&bytes[..n]);
            let _ = echoed.send(());
        }
    });
    let target = target.to_string();
    let args = ["check", &target, "--only", "silence-ends", "--expect-timeout", "1h"];
    let program = Program::start(hosted().args(args));
    echo.recv_timeout(PATIENCE).expect("a client");
    program.signal(Signal::INT);
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert_eq!(ended.stdout, "0 passed, 0 failed, 0 skipped; ended before 1 case\n");
}

#[test]
fn udp_has_a_list_of_its_own() {
    let ended = run(&["check", "-u", "--list"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_narrow(&ended.stdout);
    let line = "size-2049          RFC 791 3.2        2049 bytes\n";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
    assert!(!ended.stdout.contains("fin-"), "{}", ended.stdout);
    for (args, said) in [
        ("check -u localhost --only fin-alone", "no case is called \"fin-alone\""),
        ("check -u localhost --expect-timeout 1s", "cannot be used with"),
        ("check localhost --also 127.0.0.2", "--udp"),
    ] {
        let ended = run(&args.split(' ').collect::<Vec<_>>());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{args}");
        assert!(ended.stderr.contains(said), "{args}: {}", ended.stderr);
    }
}

/// Answers each datagram with what `change` makes of it, if anything, until the test ends.
fn udp_peer(change: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            if let Some(answer) = change(&bytes[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

#[test]
fn what_comes_over_udp_is_judged_and_told_alike() {
    let target = udp_peer(|bytes| Some(bytes[..bytes.len().min(2048)].to_vec())).to_string();
    let args = ["check", "-u", &target, "--only", "size-1472,size-2049,zeros,ipv6"];
    let ended = run(&args);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{}", ended.stdout);
    assert_narrow(&ended.stdout);
    insta::assert_snapshot!(ended.stdout, @r#"
    pass  zeros
    pass  size-1472
    FAIL  size-2049         cut to 2048 of 2049 bytes
        in       send 2.05 kB and get it back
        usually  a buffer of 2048 bytes, as xinetd's: the rest is cut off
    skip  ipv6              needs an IPv6 address of the server (--also)
    2 passed, 1 failed, 1 skipped
    "#);
    let ended = run(&[&args[..], &["-J"]].concat());
    let json = json(&ended);
    assert_eq!((&json["passed"], &json["failed"], ended.code), (&2.into(), &1.into(), Some(1)));
    assert_eq!(json["target"]["protocol"], "udp");
    let reason = "cut to 2048 of 2049 bytes; in: send 2.05 kB and get it back; usually: ";
    assert!(
        json["cases"][2]["reason"].as_str().is_some_and(|it| it.starts_with(reason)),
        "{json:#}"
    );
}

#[test]
fn nobody_there_over_udp_is_no_failed_case_either() {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
    let closed = socket.local_addr().expect("bound");
    // It says nothing, and the system not that nobody listens.
    let ended = run(&["check", "-u", &closed.to_string(), "--timeout", "300ms"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    let told = format!("no echo over UDP from {closed}: no answer within 300ms (is an echo");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    drop(socket);
    let ended = run(&["check", "-u", &closed.to_string(), "--timeout", "60"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    let told = format!("no echo over UDP from {closed}: connection refused");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
}

#[test]
fn a_signal_ends_it_over_udp_with_what_is_so_far() {
    let (waits, waiting) = mpsc::channel();
    let target = udp_peer(move |bytes| {
        if bytes.len() == 1472 {
            let _ = waits.send(());
            return None;
        }
        Some(bytes.to_vec())
    });
    let target = target.to_string();
    let args = ["check", "-u", &target, "--timeout", "-1", "-J", "--only", "zeros,size-1472,once"];
    let program = Program::start(hosted().args(args));
    waiting.recv_timeout(PATIENCE).expect("a client");
    program.signal(Signal::INT);
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let json = json(&ended);
    assert_eq!((&json["complete"], &json["passed"]), (&false.into(), &1.into()), "{json:#}");
}
