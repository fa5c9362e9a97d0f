//! What becomes of the host's side of the interface.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use crate::station::{SOON, Station, connect};
use crate::tests::refusal;

fn ip(arguments: &str) -> String {
    crate::assert_inside();
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip is installed");
    assert!(output.status.success(), "ip {arguments}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// An interface that outlives the program.
struct Persistent(&'static str);

impl Persistent {
    fn new(name: &'static str) -> Self {
        ip(&format!("tuntap add dev {name} mode tap"));
        Self(name)
    }

    /// Whether it is up, its MTU, and the addresses of the host, but for the kernel's own.
    fn state(&self) -> (bool, String, Vec<String>) {
        let link = ip(&format!("-o link show dev {}", self.0));
        let (flags, rest) = link.split_once('>').expect("flags");
        let up = flags.split(['<', ',']).any(|flag| flag == "UP");
        let mtu = rest.split_whitespace().nth(1).expect("an MTU").into();
        let addresses = ip(&format!("-o addr show dev {}", self.0));
        let addresses = addresses.lines().filter_map(|line| line.split_whitespace().nth(3));
        let addresses = addresses.filter(|address| !address.starts_with("fe80:"));
        let mut addresses: Vec<_> = addresses.map(String::from).collect();
        addresses.sort();
        (up, mtu, addresses)
    }
}

impl Drop for Persistent {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", self.0]).status();
    }
}

const ADDRESSES: [&str; 4] = ["--ip", "10.77.0.1/24", "--host-ip", "10.77.0.100/24"];

/// Runs it with these arguments behind the addresses and an MTU, until `end` has ended it.
fn taken_back(arguments: &[&str], end: impl FnOnce(Station) -> Option<i32>, code: i32) {
    let tap = Persistent::new("tap2");
    // It is down, and loses this when it goes down again.
    ip("-6 addr add fdab::5/64 dev tap2 nodad");
    let before = tap.state();
    assert_eq!(before, (false, "1500".into(), vec!["fdab::5/64".into()]));
    let mut station =
        Station::on("tap2", &[&ADDRESSES[..], &["--mtu", "1400"], arguments].concat());
    let late = Instant::now() + SOON;
    let set = ["10.77.0.100/24", "fdab::5/64"].map(String::from);
    // It may end by itself before anybody has looked.
    while station.is_running() && tap.state() != (true, "1400".into(), set.to_vec()) {
        assert!(Instant::now() < late, "{:?}", tap.state());
        thread::yield_now();
    }
    assert_eq!(end(station), Some(code));
    assert_eq!(tap.state(), before);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_it_set_is_taken_back_when_it_is_asked_to_stop() {
    let end = |station: Station| {
        station.wait_for("Echo server on 10.77.0.1:2333 behind tap2");
        station.signal(Signal::INT);
        station.end().code()
    };
    taken_back(&[], end, 0);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_it_set_is_taken_back_when_a_second_signal_ends_it() {
    let end = |mut station: Station| {
        station.wait_for("Echo server on ");
        let mut stream = connect("10.77.0.1:2333");
        stream.write_all(b"hello").expect("a connection");
        stream.read_exact(&mut [0; 5]).expect("the echo");
        station.signal(Signal::INT);
        station.wait_for_note("stopping: waiting up to ");
        // One that comes at once is taken for the same.
        while station.is_running() {
            station.signal(Signal::INT);
            thread::yield_now();
        }
        station.end().code()
    };
    taken_back(&["--drain", "1h"], end, 130);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_it_set_is_taken_back_when_a_signal_ends_it_while_it_connects() {
    let end = |station: Station| {
        station.signal(Signal::INT);
        station.end().code()
    };
    taken_back(&["rate", "10.77.0.99:7", "--timeout", "-1", "--no-plot"], end, 130);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_it_set_is_taken_back_after_an_error() {
    let arguments = ["rate", "10.77.0.99:7", "--timeout", "2", "--no-plot"];
    taken_back(&arguments, |station| station.end().code(), 3);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_was_there_before_stays() {
    let tap = Persistent::new("tap2");
    ip("addr add 10.77.0.100/24 dev tap2");
    ip("link set tap2 up");
    let before = tap.state();
    let station = Station::on("tap2", &ADDRESSES);
    station.wait_for("mtu      1500 bytes");
    station.wait_for("buffer   65536 bytes in, 65536 bytes out");
    assert_eq!(tap.state(), before);
    station.stop();
    assert_eq!(tap.state(), before);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_was_not_there_before_is_wide() {
    let station = Station::on("tap2", &ADDRESSES);
    station.wait_for("mtu      65521 bytes");
    station.wait_for("buffer   1048576 bytes in, 1048576 bytes out");
    assert!(ip("-o link show dev tap2").contains(" mtu 65521 "));
    station.stop();
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn where_ipv6_is_off_none_is_announced() {
    let _tap = Persistent::new("tap3");
    fs::write("/proc/sys/net/ipv6/conf/tap3/disable_ipv6", "1").expect("it is our namespace");
    let station = Station::on("tap3", &[]);
    let first = station.wait_for("Echo server on ");
    assert_eq!(first, "Echo server on 192.168.69.1:2333 behind tap3");
    connect("192.168.69.1:2333");
    station.stop();
    let wanted = ["--iface", "tap3", "--ip", "fdaa::1/64", "--host-ip", "fdaa::2/64"];
    let (code, said) = refusal(&wanted);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("IPv6 is off on tap3, so that fdaa::1/64 cannot be used"), "{said}");
    let (code, said) = refusal(&["--iface", "tap3", "rate", "-u", "[fdaa::100]:7"]);
    assert_eq!(code, Some(3), "{said}");
    let words =
        "cannot reach [fdaa::100]:7: network is unreachable from this stack's 192.168.69.1/24 (";
    assert!(said.contains(words), "{said}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_second_instance_in_the_same_subnet_is_refused() {
    let tap = Persistent::new("tap2");
    let before = tap.state();
    let _first = Station::start(&["-q"]);
    let shadowed = "is in the subnet that the host has on tap0 (192.168.69.100/24)";
    for (arguments, code, part) in [
        (&[][..], 3, shadowed),
        (&["--ip", "192.168.69.2/24"], 3, shadowed),
        (&["--ip", "192.168.69.100/24", "--host-ip", "192.168.69.101/24"], 2, "own address, on"),
    ] {
        let (found, said) = refusal(&[&["--iface", "tap2"], arguments].concat());
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert_eq!(tap.state(), before, "{arguments:?}");
    }
    // The longer prefix is the kernel's choice.
    let inside = ["--ip", "192.168.69.201/28", "--host-ip", "192.168.69.202/28"];
    let second = Station::on("tap2", &inside);
    second.wait_for("Echo server on ");
    connect("192.168.69.201:2333");
    connect("192.168.69.1:2333");
}
