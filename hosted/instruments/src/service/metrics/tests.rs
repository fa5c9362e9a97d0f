//! Scrapers of all kinds, on real sockets of the loopback.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

/// Longer than anything takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Metrics of a server that has accepted 862 connections.
fn offered() -> (Metrics, SocketAddr, Stop) {
    let stop = Stop::new().expect("a descriptor");
    let socket = MetricsSocket::bind(&"0".parse().expect("a port")).expect("a free port");
    let address = socket.address;
    assert_eq!(socket.url(), format!("http://{address}/metrics"));
    let totals = || Totals { opened: 862, ..Totals::default() };
    (socket.offer(totals, &stop).expect("a thread"), address, stop)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

/// The whole answer to a request.
fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(request).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and a FIN");
    answer
}

fn scrape(address: SocketAddr) -> String {
    ask(address, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn readiness_turns_when_a_stop_is_requested_and_metrics_go_on_until_the_end() {
    let (metrics, address, stop) = offered();
    let ready = || ask(address, b"GET /ready HTTP/1.1\r\n\r\n");
    assert!(ready().starts_with("HTTP/1.1 200 OK\r\n"), "{}", ready());
    assert!(ready().ends_with("\r\n\r\nready\n"), "{}", ready());
    stop.request();
    assert!(ready().starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{}", ready());
    let said = scrape(address);
    assert!(said.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(said.contains("\necho_connections_total 862\n"), "{said}");
    drop(metrics);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn who_never_ends_a_request_or_never_reads_keeps_nobody_from_the_metrics() {
    let (_metrics, address, _stop) = offered();
    let mut held = Vec::new();
    for n in 0..3 * SCRAPERS {
        let mut slow = connect(address);
        match n % 3 {
            0 => {}
            1 => slow.write_all(b"GET /met").expect("sent"),
            _ => slow.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("sent"),
        }
        held.push(slow);
        assert!(scrape(address).contains("echo_connections_total 862"), "beside {n} others");
    }
    // The first had to make way, long before its time was over.
    let told = held[0].read(&mut [0; 1]);
    assert!(matches!(told, Ok(0)) || told.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset));
}

#[test]
fn what_is_no_request_or_too_long_is_refused_and_the_next_is_answered() {
    let (_metrics, address, _stop) = offered();
    let mut endless = b"GET /metrics HTTP/1.1\r\n".to_vec();
    endless.extend(b"A: b\r\n".repeat(3_000));
    for (request, due) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"[..], "400 Bad Request"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b", "405 Method Not Allowed"),
        (b"GET /other HTTP/1.1\r\n\r\n", "404 Not Found"),
        (&endless, "431 Request Header Fields Too Large"),
    ] {
        let said = ask(address, request);
        assert!(said.starts_with(&format!("HTTP/1.1 {due}\r\n")), "{said}");
        assert!(scrape(address).contains("echo_connections_total 862"), "after {due}");
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let (_metrics, address, _stop) = offered();
    let mut stream = connect(address);
    stream.set_nodelay(true).expect("TCP");
    for byte in b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n" {
        stream.write_all(&[*byte]).expect("sent");
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and a FIN");
    assert!(answer.ends_with("ready\n"), "{answer}");
}

#[test]
fn a_scraper_has_its_time_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let _peer = connect(listener.local_addr().expect("bound"));
    let (stream, _) = listener.accept().expect("accepted");
    let mut scraper = Scraper::new(stream, Instant::START).expect("an option");
    let page = |_| Answer::well(String::new());
    let deadline = scraper.deadline();
    assert!(scraper.serve(Instant::new(deadline.since_start() - Duration::from_nanos(1)), &page));
    assert!(!scraper.serve(deadline, &page));
}

#[test]
fn a_port_alone_is_one_of_the_loopback() {
    for (text, due) in [
        ("9464", "127.0.0.1:9464"),
        (":9464", "127.0.0.1:9464"),
        ("0", "127.0.0.1:0"),
        ("10.0.0.7:9464", "10.0.0.7:9464"),
        ("[::]:9464", "[::]:9464"),
        ("localhost:9464", "localhost:9464"),
    ] {
        assert_eq!(text.parse().map(|at: MetricsAddress| at.to_string()), Ok(due.into()), "{text}");
    }
    for text in ["", ":", "70000", ":70000", "host", "::1", "[::1]", "host:", "-1"] {
        assert!(text.parse::<MetricsAddress>().is_err(), "{text}");
    }
}

#[test]
fn an_address_that_cannot_be_had_is_named_with_a_way_out() {
    let (_metrics, address, _stop) = offered();
    let at: MetricsAddress = address.to_string().parse().expect("an address");
    let error = MetricsSocket::bind(&at).expect_err("in use").to_string();
    let way_out = "address already in use (choose another port with --metrics)";
    assert_eq!(error, format!("cannot offer metrics on {address}: {way_out}"));
}
