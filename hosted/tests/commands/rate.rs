//! `hosted rate`: the whole report, whatever happens.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

use crate::support::{
    Ended, PATIENCE, Program, at_once, hosted, loopback, message, noise, peer, run,
};

/// The message of the original programs.
pub(crate) const LENGTH: usize = 1000;

pub(crate) fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Echoes messages on every connection until the client leaves.
fn echo() -> SocketAddr {
    peer(|_, mut stream| {
        while let Some(message) = message(&stream, LENGTH) {
            let _ = stream.write_all(&message);
        }
    })
}

/// How lines start that are told only of some runs.
const MAYBE: [&str; 4] = [
    "hint: ",
    "successive round trips are alike: ",
    "not one distribution: ",
    "the instrument was the limit: ",
];

#[test]
fn the_main_job_needs_nothing_else() {
    let ended = run(&["rate", "--local", "--no-plot", "-c", "2000"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    // A machine that stalls may make it give a hint, or say that this run tells little.
    let always = |line: &&str| !MAYBE.iter().any(|start| line.starts_with(start));
    let lines: Vec<_> = ended.stdout.lines().filter(always).collect();
    let [header, title, totals, rtt, rate, names, values, kernel, instrument] = lines[..] else {
        panic!("{ended:?}")
    };
    assert!(header.starts_with("ECHO this process (127.0.0.1:"), "{header}");
    assert!(header.ends_with(") tcp, 1000 bytes, closed loop, 1 connection"), "{header}");
    assert_eq!(title, "--- this process echo statistics ---");
    let all = "2000 sent, 2000 echoed, 0 failed (fail rate below 0.150 % at 95 % confidence), ";
    assert!(totals.starts_with(all), "{totals}");
    assert!(rtt.starts_with("rtt min/avg/max/mdev = ") && rtt.ends_with(" ms"), "{rtt}");
    assert!(rate.starts_with("echo rate ") && rate.ends_with(" messages/s"), "{rate}");
    let names: Vec<_> = names.split_whitespace().collect();
    assert_eq!(names, ["p50", "p90", "p99", "p99.9", "p99.99", "max"]);
    assert_eq!(values.matches("n/a").count(), 1, "2000 say nothing of p99.99: {values}");
    assert!(
        kernel.starts_with("kernel: min rtt ") && kernel.ends_with(" retransmitted"),
        "{kernel}"
    );
    assert!(instrument.starts_with("instrument: ") && instrument.contains(" per message, clock "));
}

#[test]
fn json_has_every_key_and_nothing_else() {
    let ended = run(&["rate", "--local", "--no-plot", "-c", "200", "-P", "3", "-J"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let report = json(&ended);
    assert_eq!(
        keys(&report),
        [
            "schema",
            "tool",
            "tool_version",
            "command",
            "host",
            "labels",
            "complete",
            "started",
            "target",
            "config",
            "elapsed_s",
            "sent",
            "echoed",
            "failed",
            "datagrams",
            "wrong",
            "under_way",
            "closed_while_idle",
            "interrupted",
            "fail_rate",
            "fail_rate_interval95",
            "fail_rate_upper95",
            "service_ns",
            "response_ns",
            "response_with_failures",
            "within",
            "connect_ns",
            "late_ns",
            "unsent",
            "omitted",
            "arrivals",
            "rate_bps",
            "rate_bps_interval95",
            "messages_per_s",
            "independence",
            "stationary",
            "intervals_of",
            "intervals",
            "where",
            "tcp_info",
            "local_ports",
            "self",
            "search",
            "environment"
        ]
    );
    assert_eq!(keys(&report["target"]), ["name", "ip", "port", "protocol"]);
    assert_eq!(
        keys(&report["failed"]),
        [
            "timeout",
            "refused",
            "reset",
            "closed_early",
            "differs",
            "extra",
            "unreachable",
            "local",
            "cut",
            "full",
            "too_long"
        ]
    );
    assert_eq!(
        keys(&report["service_ns"]),
        [
            "n",
            "min",
            "mean",
            "stdev",
            "p50",
            "p75",
            "p90",
            "p95",
            "p99",
            "p99_9",
            "p99_99",
            "p99_999",
            "max",
            "interval95",
            "sum",
            "sum_of_squares",
            "histogram"
        ]
    );
    assert_eq!(report["complete"], true);
    assert_eq!((&report["sent"], &report["echoed"]), (&200.into(), &200.into()));
    assert_eq!(report["service_ns"]["p99_9"], Value::Null, "200 do not support it");
    assert!(report["service_ns"]["p99"].is_u64() && report["rate_bps"].is_f64());
}

#[test]
fn a_time_ends_it_with_any_number_of_connections() {
    for connections in ["1", "16"] {
        let ended = run(&["rate", "--local", "--no-plot", "-t", "0.3", "-P", connections, "-J"]);
        assert_eq!(ended.code, Some(0));
        let report = json(&ended);
        assert_eq!(report["complete"], true);
        assert!(report["elapsed_s"].as_f64() >= Some(0.3), "{report}");
        assert_eq!(report["sent"], report["echoed"]);
    }
}

#[test]
fn the_name_of_the_figure_chooses_its_format() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, magic) in
        [("rate.jpg", &b"\xff\xd8\xff"[..]), ("rate.png", b"\x89PNG"), ("rate.svg", b"<svg")]
    {
        let path = folder.path().join(name);
        let ended = run(&["rate", "--local", "-c", "50", "-o", &path.display().to_string()]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.ends_with(&format!("figure {}\n", path.display())), "{ended:?}");
        let figure = fs::read(&path).expect("a figure");
        assert!(figure.starts_with(magic), "{name}: {}", figure[..40].escape_ascii());
    }
}

#[test]
fn the_figure_goes_where_the_original_program_put_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = hosted();
    command.args(["rate", "--local", "-c", "50"]).current_dir(folder.path());
    let ended = Program::start(&mut command).wait();
    assert!(ended.stdout.ends_with("figure result/rate.jpg\n"), "{ended:?}");
    assert!(folder.path().join("result/rate.jpg").exists());
}

#[test]
fn a_server_that_dies_is_reported_with_what_was_measured() {
    let target = peer(|_, mut stream| {
        for _ in 0..5 {
            let message = message(&stream, LENGTH).expect("a message");
            stream.write_all(&message).expect("echoed");
        }
        message(&stream, LENGTH);
    })
    .to_string();
    let ended = run(&["rate", &target, "--no-plot"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    for part in [
        "6 sent, 5 echoed, 1 failed (fail rate 16.7 %; ",
        "\nfailed: 1 closed early\n",
        ", connection 0, message 5: closed by the peer with 0 of 1000 bytes echoed\n",
        "\nstopped at the first failure (fail-rate goes on after failures)\n",
        "\nrtt min/avg/max/mdev = ",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} is not in {}", ended.stdout);
    }
    let report = json(&run(&["rate", &target, "--no-plot", "-J"]));
    assert_eq!(report["complete"], false);
    assert_eq!(report["failed"]["closed_early"], 1);
}

#[test]
fn a_server_that_falls_silent_is_reported() {
    at_once(["1", "4"], |connections| {
        let target = peer(|_, mut stream| {
            let message = message(&stream, LENGTH).expect("a message");
            let _ = stream.write_all(&message[..400]);
            let _ = io::copy(&mut stream, &mut io::sink());
        })
        .to_string();
        let args = ["rate", &target, "--no-plot", "--timeout", "5s", "-P", connections];
        let ended = run(&args);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let reason = ", message 0: timed out with 400 of 1000 bytes echoed\n";
        assert!(ended.stdout.contains(reason), "{}", ended.stdout);
    });
}

#[test]
fn an_echo_in_pieces_is_gathered() {
    let target = peer(|_, mut stream| {
        while let Some(message) = message(&stream, LENGTH) {
            message.chunks(9).for_each(|piece| {
                let _ = stream.write_all(piece);
            });
        }
    })
    .to_string();
    for connections in ["1", "3"] {
        let ended = run(&["rate", &target, "--no-plot", "-c", "30", "-P", connections]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("30 sent, 30 echoed, 0 failed"), "{ended:?}");
    }
}

#[test]
fn the_intervals_reach_to_the_end() {
    let paced = ["-i", "300ms", "-t", "500ms"];
    let report = json(&run(&[&["rate", "--local", "--no-plot", "-J"], &paced[..]].concat()));
    let last = report["intervals"].as_array().and_then(|intervals| intervals.last());
    assert_eq!(last.expect("an interval")["end_s"], report["elapsed_s"]);
}

#[test]
fn a_connection_per_message_needs_no_other() {
    let (_server, address) = Program::server(&["--max-conns", "1"]);
    let ended = run(&["rate", &address.to_string(), "--no-plot", "--crr", "-c", "30"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("30 sent, 30 echoed, 0 failed"), "{ended:?}");
}

/// As `nc -l` does.
#[test]
fn who_listens_for_one_connection_only_is_measured_on_it() {
    let listener = loopback();
    let target = listener.local_addr().expect("bound").to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        drop(listener);
        let message = message(&stream, LENGTH).expect("a message");
        stream.write_all(&message).expect("echoed");
    });
    let ended = run(&["rate", &target, "--no-plot", "--crr", "-c", "1", "-J"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = json(&ended);
    let [whole, connect] =
        ["service_ns", "connect_ns"].map(|times| report[times]["max"].as_u64().expect("one"));
    assert!(0 < connect && connect < whole, "{report}");
    server.join().expect("one client");
}

#[test]
fn a_connection_of_its_own_is_closed_or_reset_as_asked() {
    for (args, said) in [(&[][..], ""), (&["--reset"], ", ended by a reset")] {
        let (sender, ends) = mpsc::channel();
        let target = peer(move |_, mut stream| {
            let message = message(&stream, LENGTH).expect("a message");
            stream.write_all(&message).expect("echoed");
            let _ = sender.send(stream.read(&mut [0]).map_err(|error| error.kind()));
        })
        .to_string();
        let ended = run(&[&["rate", &target, "--no-plot", "--crr", "-c", "3"], args].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let header = format!(", a new connection per message{said}, 1 connection\n");
        assert!(ended.stdout.contains(&header), "{ended:?}");
        let end = if said.is_empty() { Ok(0) } else { Err(ErrorKind::ConnectionReset) };
        for _ in 0..3 {
            assert_eq!(ends.recv_timeout(PATIENCE), Ok(end));
        }
    }
}

#[test]
fn messages_of_any_length_come_back() {
    for (length, connections) in
        [("1", "1"), ("16384", "1"), ("16385", "1"), ("1000000", "1"), ("1000000", "3")]
    {
        let args = ["rate", "--local", "--no-plot", "--payload", "seq", "-c", "4", "-J"];
        let ended = run(&[&args[..], &["-l", length, "-P", connections]].concat());
        assert_eq!((ended.code, &json(&ended)["echoed"]), (Some(0), &4.into()), "{length}");
    }
}

#[test]
fn messages_larger_than_a_turn_do_not_get_stuck() {
    let target = peer(|_, mut stream| {
        let mut same = stream.try_clone().expect("a copy");
        let _ = io::copy(&mut stream, &mut same);
    })
    .to_string();
    let args = ["rate", &target, "--no-plot", "--timeout", "-1"];
    let ended = run(&[&args[..], &["-c", "2", "-P", "2", "-l", "5000000"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn the_payload_is_what_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("noise");
    fs::write(&path, noise(300)).expect("written");
    let (sender, messages) = mpsc::channel();
    let target = peer(move |_, mut stream| {
        while let Some(message) = message(&stream, LENGTH) {
            let _ = stream.write_all(&message);
            let _ = sender.send(message);
        }
    })
    .to_string();
    let two = |args: &[&str]| {
        let ended = run(&[&["rate", &target, "--no-plot", "-c", "2"], args].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        [(); 2].map(|()| messages.recv_timeout(PATIENCE).expect("a message"))
    };
    assert_eq!(two(&[]), [(); 2].map(|()| vec![b'0'; LENGTH]), "as the original program");
    let [first, second] = two(&["--payload", "seq"]);
    assert_ne!(first, second);
    let [first, second] = two(&["--payload", "random"]);
    assert_ne!(first, second);
    assert_ne!(two(&["--payload", "random"])[0], first, "different in each run");
    let file: Vec<_> = noise(300).into_iter().cycle().take(LENGTH).collect();
    let payload = format!("file:{}", path.display());
    assert_eq!(two(&["--payload", &payload]), [file.clone(), file]);
}

#[test]
fn an_ordinary_server_is_measured_by_name() {
    let port = echo().port().to_string();
    let ended = run(&["rate", "--ip", "localhost", "--port", &port, "--no-plot", "-c", "10"]);
    let header = format!("ECHO localhost:{port} (127.0.0.1:{port}) tcp, 1000 bytes");
    assert!(ended.code == Some(0) && ended.stdout.starts_with(&header), "{ended:?}");
}
