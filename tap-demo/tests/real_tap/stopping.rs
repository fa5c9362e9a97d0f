//! What a stop leaves behind: nothing that was on its way.

use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::station::{SOON, Station, V4, connect, read_to_end};

/// More than one step takes in, and as much as the queue of the interface holds.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn datagrams_that_have_arrived_before_a_stop_are_answered() {
    const EACH: u8 = 150;
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let client = UdpSocket::bind("0.0.0.0:0").expect("a port");
            client.set_read_timeout(Some(SOON)).expect("not zero");
            client
        })
        .collect();
    for drain in ["5s", "0"] {
        let station = Station::start(&["-q", "--udp", "--drain", drain]);
        for client in &clients {
            client.connect(V4).expect("a way");
            client.send(b"found").expect("a way");
            client.recv(&mut [0; 5]).expect("an echo");
        }
        station.signal(Signal::STOP);
        for (number, client) in
            (0..EACH).flat_map(|number| clients.iter().map(move |it| (number, it)))
        {
            client.send(&[number]).expect("room");
        }
        station.signal(Signal::TERM);
        station.signal(Signal::CONT);
        let totals = station.stopped();
        assert!(totals.contains("453 datagrams, 465 bytes echoed"), "--drain {drain}: {totals}");
        for (number, client) in
            (0..EACH).flat_map(|number| clients.iter().map(move |it| (number, it)))
        {
            let mut echo = [0; 2];
            let length = client.recv(&mut echo).expect("an echo");
            assert_eq!(echo[..length], [number], "--drain {drain}");
        }
    }
}

/// The FIN or the reset of a connection that is cut off, on a wire where it is held and takes its time.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_is_on_the_wire_at_a_stop_arrives() {
    for wire in [&["--delay", "50ms"][..], &["--reorder-chance", "100"]] {
        let station = Station::start(&[&["--drain", "0", "-q"], wire].concat());
        let mut stream = connect(V4);
        stream.write_all(b"hello").expect("a connection");
        stream.read_exact(&mut [0; 5]).expect("the echo");
        assert!(station.stop().contains("1 cut off"));
        match stream.read(&mut [0; 1]) {
            // It was asked to leave just before.
            Ok(bytes) => assert_eq!(bytes, 0, "{wire:?}"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{wire:?}"),
        }
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_stop_is_noticed_by_a_balancer_before_the_drain_begins() {
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(up.expect("ip is installed").success());
    let on_notice =
        |notice| Station::on("tap0", &["-q", "--metrics", "0", "--drain-notice", notice]);
    let station = on_notice("1h");
    let line = station.wait_for("metrics  http://");
    let address = line.trim().trim_start_matches("metrics  http://").trim_end_matches("/metrics");
    let ready = || {
        let mut stream = connect(address);
        stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n").expect("a connection");
        String::from_utf8(read_to_end(&stream)).expect("text")
    };
    assert!(ready().starts_with("HTTP/1.1 200 "), "{}", ready());
    station.signal(Signal::TERM);
    station.wait_for_note("stopping: not ready any more; accepting clients for another 1h");
    assert!(ready().starts_with("HTTP/1.1 503 "), "{}", ready());
    let mut late = connect(V4);
    late.write_all(b"hello").expect("a connection");
    late.read_exact(&mut [0; 5]).expect("the echo");
    drop(station);

    let station = on_notice("100ms");
    station.wait_for("metrics  http://");
    let begun = Instant::now();
    station.stop();
    assert!(begun.elapsed() >= Duration::from_millis(100));
}
