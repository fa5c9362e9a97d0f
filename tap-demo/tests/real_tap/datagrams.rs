//! UDP, asked by the kernel.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use echo_instruments::quantity;
use echo_instruments::verdict::Verdict;
use hosted::datagrams::Unconnected;
use serde_json::Value;

use crate::list_udp;
use crate::station::{SOON, Station, V4, connect, read_to_end};
use crate::tests::{hosted, planted};

const V6: &str = "[fdaa::1]:2333";

/// A socket that talks to the server, and on which no call waits for ever.
fn socket(server: &str) -> UdpSocket {
    let any = if server.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    bound(any, server)
}

fn bound(local: &str, server: &str) -> UdpSocket {
    let socket = UdpSocket::bind(local).expect("a port");
    let server: SocketAddr = server.parse().expect("an address and a port");
    // What comes from elsewhere is not received.
    socket.connect(server).expect("there is a way");
    socket.set_read_timeout(Some(SOON)).expect("not zero");
    socket
}

fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 1 << 16];
    let length = socket.recv(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// Whether this comes back whole, and before anything else.
fn echoes(socket: &UdpSocket, bytes: &[u8]) -> bool {
    socket.send(bytes).expect("it is short enough");
    receive(socket).expect("an echo") == bytes
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n ^ n >> 8) as u8).collect()
}

/// The kernel is another host: it has all ports.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_passes_the_list_of_cases_over_udp() {
    let addresses = ["--ip", "192.168.69.1/24", "--ip", "192.168.69.2/24", "--ip", "fdaa::1/64"];
    let station = Station::on("tap0", &[&["-q", "--udp"], &addresses[..]].concat());
    station.wait_for("mode ");
    let mut sockets = Unconnected::new(Vec::new());
    let server = V4.parse().expect("an address and a port");
    let also = "--also 192.168.69.2,fdaa::1";
    list_udp::all_pass(also, &["link-local"], server, &mut sockets);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn datagrams_come_back_whole_up_to_the_longest() {
    let station = Station::start(&["-v", "--udp", "--mtu", "1500"]);
    let (v4, v6) = (socket(V4), socket(V6));
    let mut count = 0;
    for length in [0, 1, 1472, 1473, 2049, 4097, 8193, 12_289, 65_507] {
        assert!(echoes(&v4, &content(length)), "{length} bytes");
        count += length as u64;
    }
    for length in [0, 1, 1452] {
        assert!(echoes(&v6, &content(length)), "{length} bytes");
        count += length as u64;
    }
    // smoltcp has no fragments of IPv6, and says so.
    v6.send(&content(1453)).expect("the kernel cuts it");
    let error = receive(&v6).expect_err("no echo");
    assert_ne!(error.kind(), ErrorKind::WouldBlock, "{error}");
    assert!(echoes(&v6, b"say \x1b"));
    station.wait_for("sent: say \\x1b");
    let mut stream = connect(V4);
    stream.write_all(b"hello").expect("a connection");
    stream.read_exact(&mut [0; 5]).expect("an echo");
    drop(stream);
    station.wait_for("disconnected!");
    let totals = station.stop();
    let bytes = quantity::counted(count + 5, "byte");
    assert!(totals.contains(&format!("13 datagrams, {bytes} echoed")), "{totals}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn the_first_lines_say_how_long_datagrams_may_be() {
    let station = Station::on("tap0", &["-u", "--tx-buffer", "4096"]);
    station.wait_for(" behind tap0, TCP and UDP");
    station.wait_for("udp      up to 4096 bytes over IPv4, 1452 over IPv6");
    let v4 = socket(V4);
    assert!(echoes(&v4, &content(4096)));
    v4.send(&content(4097)).expect("it is short enough for the kernel");
    assert!(echoes(&v4, b"next"));
    let totals = station.stop();
    assert!(totals.contains("2 datagrams, 4100 bytes echoed"), "{totals}");
    assert!(totals.contains("; dropped: 1 "), "{totals}");
}

/// With offload the kernel leaves checksums to the device.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn other_frames_carry_datagrams_too() {
    for arguments in [
        &["-q", "-u", "--offload"][..],
        &["-q", "-u", "--mtu", "1500"],
        &["-q", "-u", "--mtu", "9000"],
    ] {
        let _station = Station::start(arguments);
        let v4 = socket(V4);
        for length in [0, 1000, 1473, 8972, 8973, 65_507] {
            assert!(echoes(&v4, &content(length)), "{length} bytes with {arguments:?}");
        }
        assert!(echoes(&socket(V6), &content(1400)), "{arguments:?}");
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn no_small_service_is_answered() {
    let station = Station::start(&["-q", "--udp"]);
    for port in [7, 19, 2333] {
        bound(&format!("0.0.0.0:{port}"), V4).send(b"hello").expect("a way");
    }
    assert!(echoes(&socket(V4), b"honest"));
    let totals = station.stop();
    assert!(totals.contains("1 datagram, 6 bytes echoed"), "{totals}");
    assert!(
        totals.contains(
            "; not answered: 2 from the port of a small service, 1 from its own port number"
        ),
        "{totals}"
    );
}

/// Its queue drops what is too much, of honest clients, too; they ask again.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn one_that_floods_does_not_keep_others_out() {
    let _station = Station::start(&["-q", "--udp"]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let flood = socket(V4);
            let begun = Instant::now();
            while !stop.load(Ordering::Relaxed) && begun.elapsed() < SOON {
                // The queue may be full. Who never pauses leaves TCP nothing but retransmissions.
                (0..500).for_each(|_| drop(flood.send(&[7; 64])));
                thread::sleep(Duration::from_millis(2));
            }
        });
        let honest = socket(V4);
        honest.set_read_timeout(Some(Duration::from_millis(50))).expect("not zero");
        for number in 0..100u32 {
            let bytes = number.to_be_bytes();
            let heard = (0..400).any(|_| {
                honest.send(&bytes).expect("a way");
                receive(&honest).is_ok_and(|echo| echo == bytes)
            });
            assert!(heard, "{number}");
        }
        let mut stream = connect(V4);
        let (sent, mut echo) = (content(100_000), vec![0; 100_000]);
        let mut writer = stream.try_clone().expect("a descriptor");
        let bytes = sent.clone();
        scope.spawn(move || writer.write_all(&bytes).expect("a connection"));
        stream.read_exact(&mut echo).expect("an echo");
        assert!(echo == sent);
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_it_plants_in_datagrams_is_what_hosted_finds() {
    let spec = "flip=0.04,lose=0.04,duplicate=0.04,reorder=0.04,truncate=0.04";
    let station = Station::start(&["-q", "--udp", "--fault", spec, "--seed", "1"]);
    station.wait_for(&format!("faults   {spec} (seed 1)"));
    let folder = tempfile::tempdir().expect("a place for temporary files");
    let file = folder.path().join("report.json");
    let export = ["--export-json", file.to_str().expect("a plain name")];
    let load = ["fail-rate", V4, "-u", "-c", "400", "-R", "400", "--timeout", "1"];
    assert_eq!(hosted(&[&load[..], &export].concat()), Verdict::Failed);
    let report = std::fs::read(&file).expect("it is written");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let totals = station.stop();
    for (kind, group, class) in [
        ("flip", "failed", "differs"),
        ("lose", "datagrams", "lost"),
        ("duplicate", "datagrams", "duplicated"),
        ("reorder", "datagrams", "reordered"),
        ("truncate", "failed", "cut"),
    ] {
        let planted = planted(&totals, kind);
        assert!(planted > 0, "{totals}");
        assert_eq!(report[group][class], planted, "{kind}: {totals} {report:#}");
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn metrics_count_datagrams_while_it_runs() {
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(up.expect("ip is installed").success());
    let station = Station::on("tap0", &["-q", "--udp", "--metrics", "0"]);
    let line = station.wait_for("metrics  http://");
    let address = line.trim().trim_start_matches("metrics  http://").trim_end_matches("/metrics");
    let scraped = || {
        let mut stream = connect(address);
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("a connection");
        String::from_utf8(read_to_end(&stream)).expect("text")
    };
    assert!(scraped().contains("\necho_datagrams_total 0\n"), "{}", scraped());
    bound("0.0.0.0:7", V4).send(b"not answered").expect("a way");
    assert!(echoes(&socket(V4), b"five."));
    let all = [
        "\necho_datagrams_total 1\n",
        "\necho_datagram_bytes_total 5\n",
        "\necho_datagrams_unanswered_total{reason=\"service_port\"} 1\n",
    ];
    // They are told right after the echo.
    let until = Instant::now() + SOON;
    while !all.iter().all(|one| scraped().contains(one)) {
        assert!(Instant::now() < until, "{}", scraped());
    }
    let totals = station.stop();
    assert!(totals.contains("1 datagram, 5 bytes echoed; not answered: 1 "), "{totals}");
}
