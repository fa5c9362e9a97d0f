//! `tap-demo rate` and `tap-demo fail-rate`: smoltcp measures a server of the host.

mod datagrams;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use echo_cases::Needs;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::sockets::served;
use crate::station::SOON;

/// What became of one connection of the host's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The first bytes came.
    Bytes,
    /// The peer ended its side, after this many bytes.
    Fin(u64),
    /// The peer reset it.
    Reset,
}

/// An echo server of the host, by whatever address it is reached.
struct Echo {
    port: u16,
    seen: Receiver<Seen>,
}

impl Echo {
    fn start() -> Self {
        crate::assert_inside();
        let listener = TcpListener::bind("[::]:0").expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let (sender, seen) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || echo(stream, |seen| sender.send(seen).unwrap_or_default()));
            }
        });
        Self { port, seen }
    }

    fn target(&self) -> String {
        format!("192.168.69.100:{}", self.port)
    }

    /// How the next connection ends.
    fn end(&self) -> Seen {
        loop {
            match self.seen.recv_timeout(SOON).expect("each connection ends") {
                Seen::Bytes => {}
                end => return end,
            }
        }
    }
}

fn echo(mut stream: TcpStream, tell: impl Fn(Seen)) {
    let (mut buffer, mut bytes) = ([0; 4096], 0);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return tell(Seen::Fin(bytes)),
            Ok(n) => {
                if bytes == 0 {
                    tell(Seen::Bytes);
                }
                bytes += n as u64;
                if stream.write_all(&buffer[..n]).is_err() {
                    return tell(Seen::Reset);
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                return tell(Seen::Reset);
            }
        }
    }
}

fn tap_demo(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tap-demo"));
    command.args(["--iface", "tap0"]).args(arguments.split_whitespace());
    command
}

/// Runs it to its end; its output and its exit code.
fn run(arguments: &str) -> (String, String, Option<i32>) {
    crate::assert_inside();
    told(assert_cmd::Command::from_std(tap_demo(arguments)).timeout(SOON).output())
}

fn told(output: std::io::Result<Output>) -> (String, String, Option<i32>) {
    let output = output.expect("the binary was built for this test");
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    (stdout, stderr, output.status.code())
}

/// Runs it with `-J`; the report, which is one as `hosted` writes it.
fn report(arguments: &str) -> Value {
    let (stdout, stderr, code) = run(&format!("{arguments} -J"));
    assert_eq!(code, Some(0), "{arguments}: {stderr}");
    let report = serde_json::from_str(&stdout).expect("one object");
    assert_valid(&report);
    report
}

fn assert_valid(report: &Value) {
    let schema = include_str!("../../../hosted/report.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {report:#}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_measures_a_server_of_the_host_and_takes_its_leave() {
    let echo = Echo::start();
    let (text, said, code) =
        run(&format!("rate {} -c 1000 -l 3000 --no-plot --timeout -1", echo.target()));
    assert_eq!((code, said.as_str()), (Some(0), ""), "{text}");
    let target = echo.target();
    for part in [
        format!("ECHO {target} tcp, 3000 bytes, closed loop, 1 connection\n"),
        format!("--- {target} echo statistics ---\n1000 sent, 1000 echoed, 0 failed"),
    ] {
        assert!(text.contains(&part), "{part:?} is not in {text}");
    }
    assert_eq!(echo.end(), Seen::Fin(3_000_000));
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_measures_over_several_connections_and_both_kinds_of_address() {
    let echo = Echo::start();
    let out = report(&format!("fail-rate [fdaa::100] -p {} -P 8 -c 400 -l 100k", echo.port));
    assert_eq!((&out["echoed"], &out["command"]), (&400.into(), &"fail-rate".into()));
    assert_eq!((&out["config"]["connections"], &out["tcp_info"]), (&8.into(), &Value::Null));
    let bytes: u64 = (0..8)
        .map(|_| match echo.end() {
            Seen::Fin(bytes) => bytes,
            end => panic!("{end:?}"),
        })
        .sum();
    assert_eq!(bytes, 400 * 100_000);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn each_run_of_a_series_takes_its_leave_before_the_next_begins() {
    let echo = Echo::start();
    let out = report(&format!("rate {} -c 100 -P 2 --repeat 3 --no-plot", echo.target()));
    assert_eq!(out["runs"].as_array().map(Vec::len), Some(3), "{out}");
    assert_eq!((&out["echoed"], &out["complete"]), (&300.into(), &true.into()), "{out}");
    for _ in 0..6 {
        assert!(matches!(echo.end(), Seen::Fin(_)), "none is reset");
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_record_that_is_lost_is_an_error_and_the_report_is_there() {
    let echo = Echo::start();
    for (count, notes) in [(1, 1), (1_000, 2)] {
        let (text, said, code) =
            run(&format!("--pcap /dev/full rate {} -c {count} --no-plot", echo.target()));
        assert_eq!((code, said.lines().count()), (Some(3), notes), "{said}");
        let error = "error: cannot write /dev/full: no space left on device";
        assert_eq!(said.lines().last(), Some(error), "{said}");
        assert!(text.contains(&format!("\n{count} sent, {count} echoed, 0 failed")), "{text}");
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_the_wire_does_is_told_and_by_which_seed() {
    let echo = Echo::start();
    for (flags, expected, counts) in [
        ("--duplicate-chance 100 --seed 7", "wire: duplicate 100 %; seed: 7", true),
        ("--delay 100us", "wire: delay 100us", false),
    ] {
        let (text, said, code) = run(&format!("{flags} rate {} -c 10 --no-plot", echo.target()));
        let (first, rest) = said.split_once('\n').expect("a line");
        assert_eq!((code, first), (Some(0), expected), "{text}");
        let met = rest.strip_prefix("wire faults: ").map(|met| met.ends_with(" duplicate\n"));
        assert_eq!(met, counts.then_some(true), "{said}");
    }
    let (_, said, _) = run(&format!("--jitter 1us rate {} -c 1 --no-plot", echo.target()));
    let seed = said.trim_end().strip_prefix("wire: jitter 1us; seed: ").expect("a seed");
    assert!(seed.parse::<u64>().is_ok(), "{said}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_schedule_is_kept() {
    let echo = Echo::start();
    let out = report(&format!("rate {} -R 500 -t 1 -P 2 --no-plot --spin 20us", echo.target()));
    let number = |key: &str| out[key].as_u64().expect("a number");
    assert_eq!(number("sent") + number("unsent"), 500, "{out:#}");
    assert_eq!(number("echoed"), number("sent"));
    assert_eq!(out["response_ns"]["n"], out["echoed"]);
    assert_eq!(out["config"]["spin_s"], 2e-5);
    assert!(out["elapsed_s"].as_f64() >= Some(0.99), "{out:#}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_search_has_connections_of_its_own_in_each_step() {
    let echo = Echo::start();
    let search = "-P 2 -l 1000 -t 100ms --no-plot -J --search p50<1ns";
    let (text, said, code) = run(&format!("rate {} {search}", echo.target()));
    assert_eq!((code, said.as_str()), (Some(1), ""), "{text}");
    let out: Value = serde_json::from_str(&text).expect("JSON");
    let steps = out["search"]["steps"].as_array().expect("a list");
    let mut tried: Vec<_> = steps.iter().map(|step| &step["rate_per_s"]).collect();
    // A machine that stands still for most of a step leaves too few messages to tell: that is tried twice.
    tried.dedup();
    assert_eq!(tried, [100.0, 50.0, 25.0, 12.5], "{out:#}");
    let sum =
        |key: &str| steps.iter().map(|step| step[key].as_u64().expect("a count")).sum::<u64>();
    assert!(sum("sent") >= 4, "{out:#}");
    assert_eq!(sum("failed"), 0, "{out:#}");
    assert_eq!(out["search"]["answer"], "below");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn each_message_may_have_a_connection_and_ends_it_as_it_is_told() {
    let echo = Echo::start();
    for (flags, end) in [("--crr", Seen::Fin(1000)), ("--crr --reset", Seen::Reset)] {
        let out = report(&format!("rate {} -c 60 -P 3 --no-plot {flags}", echo.target()));
        assert_eq!((&out["echoed"], &out["connect_ns"]["n"]), (&60.into(), &60.into()));
        for _ in 0..60 {
            assert_eq!(echo.end(), end, "{flags}");
        }
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn who_does_not_answer_is_told_before_anything_is_measured() {
    crate::assert_inside();
    // Its port was free a moment ago, and nobody else is in this namespace.
    let listener = TcpListener::bind("[::]:0").expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    drop(listener);
    let refused = format!("cannot connect to 192.168.69.100:{port}: connection refused (");
    let nobody = "cannot connect to 192.168.69.99:7: no answer within 200 ms (--timeout is ";
    let [far, foreign] =
        [("10.1.2.3", ", fdaa::1/64, fe80::1/64"), ("[fdab::1]", "")].map(|(server, others)| {
            let subnets =
                format!("192.168.69.1/24{others} (give the address of a router with --gateway");
            format!("cannot reach {server}:7: network is unreachable from this stack's {subnets}")
        });
    for (arguments, part) in [
        (format!("rate 192.168.69.100:{port} --no-plot"), refused.as_str()),
        (format!("rate 192.168.69.100:{port} --no-plot --crr -P 4"), &refused),
        (format!("fail-rate 192.168.69.100:{port} -J"), &refused),
        ("rate 192.168.69.99:7 --timeout 200ms --no-plot".into(), nobody),
        ("rate 10.1.2.3:7 --no-plot".into(), &far),
        ("fail-rate -u 10.1.2.3:7".into(), &far),
        ("check 10.1.2.3:7".into(), &far),
        ("--ip 192.168.69.1/24 rate [fdab::1]:7 --no-plot".into(), &foreign),
        ("--ip 192.168.69.1/24 check -u [fdab::1]:7".into(), &foreign),
    ] {
        let (text, said, code) = run(&arguments);
        assert_eq!((code, text.as_str()), (Some(3), ""), "{arguments}: {said}");
        assert!(said.starts_with("error: ") && said.contains(part), "{arguments}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn ctrl_c_ends_it_with_the_whole_report_and_the_figure() {
    let echo = Echo::start();
    let folder = tempfile::tempdir().expect("a place for temporary files");
    let [figure, json] = ["figure.svg", "report.json"].map(|name| folder.path().join(name));
    let files = format!("--output {} --export-json {}", figure.display(), json.display());
    let child = tap_demo(&format!("rate {} {files}", echo.target()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    assert_eq!(echo.seen.recv_timeout(SOON), Ok(Seen::Bytes), "it measures");
    interrupt(&child);
    let (text, said, code) = told(child.wait_with_output());
    assert_eq!((code, said.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("echo statistics ---\n") && text.contains("\nfigure "), "{text}");
    let report: Value =
        serde_json::from_slice(&std::fs::read(json).expect("written")).expect("one object");
    assert_valid(&report);
    assert_eq!(report["complete"], false);
    assert!(std::fs::read_to_string(figure).expect("drawn").starts_with("<svg"));
    assert!(matches!(echo.end(), Seen::Fin(_)));
}

fn interrupt(child: &Child) {
    let id = i32::try_from(child.id()).expect("process numbers are small");
    let pid = Pid::from_raw(id).expect("process numbers are not 0");
    kill_process(pid, Signal::INT).expect("it is our child");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn our_server_on_the_host_passes_the_list_of_cases_over_it() {
    crate::assert_inside();
    served("::", Needs::Ours.rules(), 1, |address| {
        let port = address.port();
        let command = tap_demo(&format!("check 192.168.69.100:{port} --ours --timeout 20 -J"));
        // All cases together take longer than anything else here.
        let output = assert_cmd::Command::from_std(command).timeout(6 * SOON).output();
        let (text, said, code) = told(output);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{text}");
        let out: Value = serde_json::from_str(&text).expect("one object");
        // It cannot send urgent data, and some cases are for servers with flags.
        let left_out = |it: &&echo_cases::Case<'_>| {
            it.name.starts_with("urgent") || !it.needs.flags().is_empty()
        };
        let skipped = echo_cases::cases().filter(left_out).count();
        assert_eq!((&out["failed"], &out["skipped"]), (&0.into(), &skipped.into()), "{out:#}");
    });
}
