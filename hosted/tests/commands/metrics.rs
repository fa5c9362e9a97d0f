//! What `hosted server --metrics` tells, what Debian's Prometheus makes of it, and when it ends.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use socket2::SockRef;
use tempfile::tempdir;

use crate::support::{PATIENCE, Program, connect, ping, run, skip};

/// A server that offers metrics, where it listens and where it offers them.
pub(crate) fn server(args: &[&str]) -> (Program, SocketAddr, SocketAddr) {
    let (mut server, address) = Program::server(&[&["--metrics", "0"], args].concat());
    let page = page(&mut server);
    (server, address, page)
}

/// Where a server says that it offers metrics.
pub(crate) fn page(server: &mut Program) -> SocketAddr {
    let line = server.stdout_line("        metrics  ");
    let page = line.trim_start_matches("        metrics  http://").trim_end_matches("/metrics");
    page.parse().expect("an address")
}

/// The status and the text of a page.
pub(crate) fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and a FIN");
    let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
    (head.split(' ').nth(1).expect("a status").into(), text.into())
}

/// Waits until the metrics have all these lines.
pub(crate) fn await_lines(metrics: SocketAddr, lines: &[&str]) {
    for _ in 0..6_000 {
        let (status, text) = get(metrics, "/metrics");
        assert_eq!(status, "200");
        if lines.iter().all(|line| text.lines().any(|there| there == *line)) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("never {lines:?}: {}", get(metrics, "/metrics").1);
}

#[test]
fn sessions_are_counted_while_they_last_and_by_how_they_end() {
    for threads in ["1", "3"] {
        let (server, address, metrics) = server(&["--threads", threads, "--drain", "0"]);
        assert_eq!(get(metrics, "/ready"), ("200".into(), "ready\n".into()));
        await_lines(metrics, &["echo_connections 0", "echo_connections_total 0"]);
        let mut clients: Vec<_> = (0..4).map(|_| connect(address)).collect();
        clients.iter_mut().for_each(|client| ping(client, &[b'a'; 1000]));
        await_lines(metrics, &["echo_connections 4", "echo_bytes_total 4000"]);
        drop(clients.pop());
        clients[2].write_all(b"exit").expect("sent");
        // Balancers look whether somebody listens, and leave one way or the other.
        drop(connect(address));
        let probe = connect(address);
        SockRef::from(&probe).set_linger(Some(Duration::ZERO)).expect("an option");
        drop(probe);
        clients[2].read_exact(&mut [0]).expect_err("its FIN");
        drop(clients.pop());
        await_lines(
            metrics,
            &[
                "echo_connections 2",
                "echo_connections_total 6",
                "echo_bytes_total 4000",
                "echo_sessions_ended_total{reason=\"disconnected\"} 1",
                "echo_sessions_ended_total{reason=\"exit\"} 1",
                "echo_sessions_ended_total{reason=\"timeout\"} 0",
                "echo_sessions_ended_total{reason=\"probe\"} 2",
                "echo_sessions_ended_total{reason=\"broken\"} 0",
            ],
        );
        server.signal(Signal::TERM);
        let ended = server.wait();
        let totals =
            "6 connections, 4000 bytes echoed: 1 disconnected, 1 exit, 2 cut off, 2 probe\n";
        assert!(ended.stdout.ends_with(totals), "{threads} threads: {}", ended.stdout);
        assert_eq!(ended.stderr, "", "{threads} threads");
        assert!(TcpStream::connect(metrics).is_err(), "the metrics ended with the server");
    }
}

#[test]
fn datagrams_are_counted_while_the_server_serves() {
    let (server, address, metrics) = server(&["--udp"]);
    await_lines(metrics, &["echo_datagrams_total 0", "echo_connections_total 0"]);
    let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    client.connect(address).expect("an address");
    for size in [0, 1000] {
        client.send(&vec![b'a'; size]).expect("sent");
        assert_eq!(client.recv(&mut [0; 2000]).expect("an echo"), size);
    }
    // With as many hops as an answer has.
    client.set_ttl(32).expect("an option");
    client.send(b"an answer").expect("sent");
    let counts = [
        "echo_datagrams_total 2",
        "echo_datagram_bytes_total 1000",
        "echo_datagrams_unanswered_total{reason=\"answer\"} 1",
        "echo_datagrams_unanswered_total{reason=\"own_port\"} 0",
        "echo_datagrams_dropped_total{reason=\"too_long\"} 0",
        "echo_bytes_total 0",
    ];
    await_lines(metrics, &counts);
    server.signal(Signal::TERM);
    let totals =
        "2 datagrams, 1000 bytes echoed; not answered: 1 with few hops left, as answers have\n";
    let ended = server.wait();
    assert!(ended.stdout.ends_with(totals), "{}", ended.stdout);
}

#[test]
fn an_address_of_metrics_that_is_in_use_is_refused_with_a_way_out() {
    let (_server, _, metrics) = server(&[]);
    let ended = run(&["server", "--port", "0", "--metrics", &metrics.to_string()]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    let way_out = "address already in use (choose another port with --metrics)";
    assert_eq!(ended.stderr, format!("error: cannot offer metrics on {metrics}: {way_out}\n"));
}

/// Prometheus itself reads them, before a drain, and during one.
#[test]
fn prometheus_reads_them_through_a_drain() {
    let prometheus = "prometheus";
    if Command::new(prometheus).arg("--version").output().is_err() {
        return skip("Prometheus reads metrics: there is no prometheus");
    }
    let (mut server, address, metrics) = server(&["--drain", "1h", "--udp"]);
    let (_, text) = get(metrics, "/metrics");
    assert!(text.contains("echo_datagrams_total"), "{text}");
    check(&text);

    let folder = tempdir().expect("a folder");
    let scrape = format!(
        "scrape_configs: [{{job_name: echo, scrape_interval: 100ms, scrape_timeout: 100ms, \
         static_configs: [{{targets: ['{metrics}']}}]}}]"
    );
    let config = folder.path().join("prometheus.yml");
    fs::write(&config, scrape).expect("a file");
    let mut command = Command::new(prometheus);
    command.current_dir(&folder).stdin(Stdio::null());
    command.args(["--config.file=prometheus.yml", "--web.listen-address=127.0.0.1:0"]);
    command.args(["--storage.tsdb.path=data", "--log.format=json"]);
    let mut prometheus = Program::start(&mut command);
    let line = prometheus.stderr_line("Listening on");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let asked: SocketAddr = said["address"].as_str().and_then(|at| at.parse().ok()).expect(&line);
    let value = |query: &str| {
        let (_, text) = get(asked, &format!("/api/v1/query?query={query}"));
        let answer: Value = serde_json::from_str(&text).ok()?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    let until = |query: &str, due: &str| {
        let mut there = None;
        for _ in 0..6_000 {
            there = value(query);
            if there.as_deref() == Some(due) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{query} is {there:?}, never {due}");
    };

    let mut client = connect(address);
    ping(&mut client, b"before");
    until("echo_bytes_total", "6");
    until("echo_connections", "1");
    server.signal(Signal::TERM);
    server.stderr_line("stopping");
    assert_eq!(get(metrics, "/ready"), ("503".into(), "draining\n".into()));
    ping(&mut client, b"meanwhile");
    until("echo_bytes_total", "15");
    client.shutdown(Shutdown::Write).expect("half-closed");
    assert_eq!(server.wait().code, Some(0));
    until("up", "0");
}

/// Debian's own checker of metrics finds nothing wrong with their format or their names.
fn check(text: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("it comes with Prometheus");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}
