//! The tests inside the namespace.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::process::Command;
use std::thread;
use std::time::Instant;

use clap::Parser;
use echo_instruments::verdict::Verdict;
use hosted::cli::Cli;
use rustix::process::Signal;
use serde_json::Value;

use crate::sockets::over_sockets;
use crate::station::{SOON, Station, V4, connect, read_to_end};
use crate::{list, raw};

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 69, 1);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 69, 100);

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_passes_the_list_of_cases() {
    list::all_pass(&[], |needs, check| {
        let _station = Station::start(&[&["-q"], needs.flags()].concat());
        over_sockets(needs, V4.parse().expect("an address and a port"), check);
    });
}

pub(crate) fn hosted(arguments: &[&str]) -> Verdict {
    let cli = Cli::parse_from([&["hosted"], arguments].concat());
    hosted::run(cli).expect("the command runs")
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn the_instruments_of_hosted_work_against_it() {
    let station = Station::start(&[]);
    assert_eq!(hosted(&["client", V4, "--message", "hello"]), Verdict::Well);
    assert_eq!(hosted(&["rate", V4, "-c", "2000", "--no-plot"]), Verdict::Well);
    assert_eq!(hosted(&["fail-rate", V4, "-c", "4000", "-P", "8"]), Verdict::Well);
    let totals = station.stop();
    assert!(
        totals.contains("--- echo server statistics ---\n10 connections, 6 000 005 bytes"),
        "{totals}"
    );
    assert!(totals.contains(": 10 disconnected"), "{totals}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_it_plants_on_purpose_is_what_hosted_finds() {
    let spec = "flip=0.03,stale=0.03,repeat=0.03,cut=0.03,reset=0.03";
    let station = Station::start(&["-q", "--drain", "0", "--fault", spec, "--seed", "1"]);
    station.wait_for(&format!("faults   {spec} (seed 1)"));
    let folder = tempfile::tempdir().expect("a place for temporary files");
    let file = folder.path().join("report.json");
    let export = file.to_str().expect("a plain name");
    assert_eq!(hosted(&["fail-rate", V4, "-c", "200", "--export-json", export]), Verdict::Failed);
    let report = std::fs::read(&file).expect("it is written");
    let failed = &serde_json::from_slice::<Value>(&report).expect("JSON")["failed"];
    let totals = station.stop();
    let planted = |kind: &str| planted(&totals, kind);
    assert_eq!(failed["differs"], planted("flip") + planted("stale"), "{totals} {failed}");
    assert_eq!(failed["extra"], planted("repeat"), "{totals} {failed}");
    assert_eq!(failed["closed_early"], planted("cut"), "{totals} {failed}");
    assert_eq!(failed["reset"], planted("reset"), "{totals} {failed}");
    assert_eq!(failed["timeout"], 0, "{totals} {failed}");
}

/// How many faults of a kind a server has planted.
pub(crate) fn planted(totals: &str, kind: &str) -> u64 {
    let all = totals.lines().find_map(|line| line.strip_prefix("faults planted: "));
    let mut all = all.expect("it is counted").split(", ");
    let count = all.find_map(|one| one.strip_suffix(kind)?.trim_end().parse().ok());
    count.unwrap_or_else(|| panic!("no {kind}: {totals}"))
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_answers_ping() {
    let _station = Station::start(&["-q"]);
    assert!(raw::ping(SERVER, b"are you there?"));
    assert!(raw::ping(SERVER, &[7; 1472]), "the largest that fits into one frame");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_speaks_ipv6() {
    let _station = Station::start(&["-q"]);
    let mut stream = connect("[fdaa::1]:2333");
    stream.write_all(b"hello").expect("a connection");
    stream.shutdown(Shutdown::Write).expect("a connection");
    assert_eq!(read_to_end(&stream), b"hello");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn lines_tell_who_comes_and_goes_and_why() {
    let station = Station::start(&["--timeout", "2", "-v"]);
    let mut stream = connect(V4);
    let peer = stream.local_addr().expect("a connection");
    stream.write_all(b"say \x1b").expect("a connection");
    assert!(station.wait_for("connected!").contains(&peer.to_string()));
    assert!(station.wait_for("sent: ").ends_with("say \\x1b"));
    assert_eq!(read_to_end(&stream), b"say \x1b");
    assert!(station.wait_for("timeout!").contains(&peer.to_string()));

    let mut stream = connect(V4);
    stream.write_all(b"exit\n").expect("a connection");
    assert_eq!(read_to_end(&stream), b"");
    drop(stream);
    station.wait_for("exit!");

    let curt = connect(V4);
    station.wait_for("connected!");
    socket2::SockRef::from(&curt).set_linger(Some(std::time::Duration::ZERO)).expect("TCP");
    drop(curt);
    station.wait_for("disconnected!");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_server_that_stops_cuts_off_who_does_not_leave() {
    let station = Station::start(&["--drain", "0.2"]);
    let mut stream = connect(V4);
    stream.write_all(b"hello").expect("a connection");
    stream.read_exact(&mut [0; 5]).expect("the echo");
    let totals = station.stop();
    assert!(totals.contains("1 cut off"), "{totals}");
    // It had been asked to leave before.
    assert_eq!(stream.read(&mut [0; 1]).expect("a FIN"), 0);
    let _ = stream.write_all(b"and on");
    let error = stream.write_all(b"and on").expect_err("it is gone");
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_stop_is_announced_while_sessions_are_open() {
    let station = Station::start(&["--drain", "60s"]);
    let mut stream = connect(V4);
    stream.write_all(b"hello").expect("a connection");
    stream.read_exact(&mut [0; 5]).expect("the echo");
    station.signal(Signal::TERM);
    station
        .wait_for_note("stopping: waiting up to 1m for 1 session to finish; Ctrl+C ends all now");
    drop(stream);
    assert!(station.end().success());
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_serves_64_connections_at_once() {
    let _station = Station::start(&["-q"]);
    let mut streams: Vec<_> = (0..64).map(|_| connect(V4)).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        stream.write_all(format!("number {number}").as_bytes()).expect("a connection");
        stream.shutdown(Shutdown::Write).expect("a connection");
    }
    for (number, stream) in streams.iter().enumerate() {
        assert_eq!(read_to_end(stream), format!("number {number}").as_bytes());
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_serves_10_000_connections_one_after_another() {
    let station = Station::start(&["-q", "--sockets", "4"]);
    for number in 0..10_000u32 {
        let mut stream = connect(V4);
        stream.write_all(&number.to_be_bytes()).expect("a connection");
        let mut echo = [0; 4];
        stream.read_exact(&mut echo).expect("the echo");
        assert_eq!(u32::from_be_bytes(echo), number);
    }
    let totals = station.stop();
    assert!(totals.contains("10 000 connections"), "{totals}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn bulk_comes_back_byte_for_byte() {
    bulk(&["-q"]);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn bulk_in_large_segments_comes_back_byte_for_byte() {
    bulk(&["-q", "--offload"]);
    bulk(&["-q", "--mtu", "1500"]);
    bulk(&["-q", "--mtu", "9000"]);
}

fn bulk(arguments: &[&str]) {
    const LENGTH: usize = 64 << 20;
    // Made before there is a connection, which a slow machine else keeps idle for too long.
    let pattern: Vec<u8> = (0..65_521).flat_map(u16::to_be_bytes).collect();
    let mut body = pattern.repeat(LENGTH.div_ceil(pattern.len()));
    body.truncate(LENGTH);
    let station = Station::start(arguments);
    let mut stream = connect(V4);
    let mut writer = stream.try_clone().expect("a connection");
    let sent = body.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).and_then(|()| writer.shutdown(Shutdown::Write))
    });
    let mut echo = Vec::with_capacity(LENGTH);
    let read = stream.read_to_end(&mut echo);
    let written = writing.join().expect("no panic");
    // Only the station knows why it ended a connection too early.
    let totals = station.stop();
    let all_well = written.is_ok() && read.is_ok();
    assert!(all_well, "written: {written:?}, read: {read:?}, {} bytes; {totals}", echo.len());
    assert_eq!(echo.len(), body.len(), "{totals}");
    let wrong = || echo.iter().zip(&body).position(|(echo, sent)| echo != sent);
    assert!(echo == body, "wrong from byte {:?}", wrong());
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_survives_malformed_packets_and_a_flood_of_syns() {
    let station = Station::start(&["-q"]);
    let socket = raw::ip_socket();
    let send = |packet: &[u8]| {
        let to = std::net::SocketAddr::from((SERVER, 0)).into();
        // A full queue loses packets, as it should.
        let _ = socket.send_to(packet, &to);
    };
    for length in 0..40u8 {
        for protocol in [0, 1, 4, 6, 17, 58, 255] {
            send(&raw::ip_packet(HOST, SERVER, protocol, &vec![length; length.into()]));
            send(&raw::ip_packet(HOST, SERVER, protocol, &vec![0xff; length.into()]));
        }
    }
    for number in 0..20_000u32 {
        let from = Ipv4Addr::new(192, 168, 69, 101 + (number % 100) as u8);
        let port = 1024 + (number % 60_000) as u16;
        send(&raw::syn((from, port), (SERVER, 2333)));
    }
    let start = Instant::now();
    let mut stream = connect(V4);
    stream.write_all(b"still there?").expect("a connection");
    stream.shutdown(Shutdown::Write).expect("a connection");
    assert_eq!(read_to_end(&stream), b"still there?");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let totals = station.stop();
    assert!(totals.contains(" dropped because all sockets were in use"), "{totals}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_faulty_wire_loses_no_bytes() {
    let faults = ["--drop-chance", "1", "--duplicate-chance", "2", "--reorder-chance", "2"];
    let more = ["--delay", "200us", "--jitter", "100us", "--seed", "1", "-q"];
    let folder = tempfile::tempdir().expect("a place for temporary files");
    let record = folder.path().join("frames.pcap");
    let record = record.to_str().expect("a plain name");
    let station = Station::start(&[&faults[..], &more[..], &["--pcap", record]].concat());
    station.wait_for("wire     drop 1 %, delay 200us, jitter 100us, duplicate 2 %, reorder 2 %");
    station.wait_for("seed     1");
    let mut stream = connect(V4);
    let body: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8).collect();
    stream.write_all(&body).expect("a connection");
    stream.shutdown(Shutdown::Write).expect("a connection");
    assert_eq!(read_to_end(&stream), body);
    let totals = station.stop();
    assert_eq!(totals.matches("\nwire faults: ").count(), 1, "{totals}");
    let frames = std::fs::read(record).expect("the record");
    assert_eq!(frames[..4], 0xa1b2_c3d4_u32.to_ne_bytes(), "the magic number of pcap");
    assert!(frames.len() > 2 * body.len(), "{} bytes recorded", frames.len());
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn an_interface_that_disappears_is_reported() {
    let station = Station::start(&["-q"]);
    let mut stream = connect(V4);
    stream.write_all(b"open").expect("a connection");
    stream.read_exact(&mut [0; 4]).expect("its echo");
    let deleted = Command::new("ip").args(["link", "del", "tap0"]).status();
    assert!(deleted.expect("ip is installed").success());
    station.wait_for("1 connection, 4 bytes echoed: 1 cut off");
    assert_eq!(station.end().code(), Some(3));
}

/// Runs it on something that it cannot use; its exit code and what it says.
pub(crate) fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    crate::assert_inside();
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tap-demo"))
        .args(arguments)
        .timeout(SOON)
        .output()
        .expect("the binary was built for this test");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn each_wrong_interface_is_refused_in_its_own_words() {
    let tun = Command::new("ip").args(["tuntap", "add", "dev", "tun0", "mode", "tun"]).status();
    assert!(tun.expect("ip is installed").success());
    let _station = Station::start(&["-q"]);
    for (arguments, code, words) in [
        (&["--iface", "sixteen-bytes-00"][..], 2, "longer than 15 bytes"),
        (&["--iface", "tap%d"], 2, "cannot be part of it"),
        (&["--iface", "lo"], 3, "not a TAP interface"),
        (&["--iface", "tun0"], 3, "not a TAP interface"),
        (&["--iface", "tap0"], 3, "another program has it open"),
        (&["--iface", "tap1", "--ip", "10.9.0.1/24"], 2, "give the host one with --host-ip"),
        (&["--iface", "tap1", "--ip", "192.168.69.255/24"], 2, "the broadcast address of its"),
        (&["--iface", "tap1", "--gateway", "192.168.70.1"], 2, "192.168.70.1 is in no subnet"),
        (&["--iface", "tap1", "rate", "192.168.69.1"], 2, "is this stack's own address"),
        (&["--iface", "tap1", "rate", "127.0.0.1"], 2, "is a loopback address"),
        (&["--iface", "tap1", "--pcap", "/dev/null/a.pcap"], 3, "cannot write /dev/null/a.pcap"),
        (&["--iface", "tap1", "--fault", "flip=1%,lose=1%"], 2, "--fault lose is a fault of data"),
    ] {
        let (found, said) = refusal(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_start_that_fails_leaves_the_older_record() {
    let folder = tempfile::tempdir().expect("a place for temporary files");
    let record = folder.path().join("frames.pcap");
    std::fs::write(&record, "old").expect("written");
    let path = record.to_str().expect("a plain name");
    assert_eq!(refusal(&["--iface", "lo", "--pcap", path]).0, Some(3));
    assert_eq!(std::fs::read(&record).expect("still there"), b"old");
}
