//! A machine whose local ports run out: each test in a network of its own, with few.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Command;

use echo_instruments::target::Target;
use serde_json::Value;

use crate::network;
use crate::support::{Echo, Ended, config, message, peer, run};

/// Local ports in there.
const PORTS: usize = 100;

const TESTS: [&str; 4] = [
    "a_lack_of_ports_is_named_as_such",
    "each_source_address_has_ports_of_its_own_for_each_peer",
    "no_port_rests_after_a_reset",
    "a_way_that_is_forbidden_is_no_lack_of_ports",
];

#[test]
fn in_networks_of_their_own() {
    TESTS.into_iter().for_each(|test| network::run("ports", test));
}

/// An echo server in a network with few ports, which stay in TIME-WAIT as they do between machines.
fn server() -> Echo {
    prepare();
    listen(2333)
}

fn prepare() {
    network::prepare();
    let set = |name: &str, value: &str| {
        fs::write(format!("/proc/sys/net/ipv4/{name}"), value).expect("it may be set");
    };
    set("ip_local_port_range", &format!("40000 {}", 40000 + PORTS - 1));
    set("tcp_tw_reuse", "0");
}

fn ip(words: &str) {
    let done = Command::new("ip").args(words.split(' ')).status();
    assert!(done.is_ok_and(|status| status.success()), "ip {words}");
}

fn listen(port: u16) -> Echo {
    let target = Target { host: Ipv4Addr::LOCALHOST.to_string(), port: None };
    let listeners = hosted::address::listen(Some(&target), port, 100).expect("a free port");
    Echo::on(listeners.into_iter().next().expect("an address"), config())
}

fn crr(target: &str, args: &[&str]) -> Ended {
    run(&[&["rate", target, "--no-plot", "--crr"], args].concat())
}

/// Connections in TIME-WAIT, as the report on stderr says.
fn resting(ended: &Ended) -> usize {
    let report: Value = serde_json::from_str(&ended.stderr).expect("a report");
    let ports = &report["local_ports"];
    assert_eq!(ports["all"], PORTS);
    ports["time_wait"].as_u64().expect("a number") as usize
}

#[test]
#[ignore = "in a network of its own"]
fn a_lack_of_ports_is_named_as_such() {
    let echo = server();
    let target = echo.address.to_string();
    let ended = crr(&target, &["-c", "250", "--export-json", "/dev/stderr"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for said in [
        "\n101 sent, 100 echoed, 1 failed ",
        "\nthis machine ran out of local ports (100 local ports, ",
    ] {
        assert!(ended.stdout.contains(said), "{ended:?}");
    }
    // The last ones may still be closing.
    let resting = resting(&ended);
    assert!((PORTS / 2..=PORTS).contains(&resting), "{ended:?}");
    // Nor is the first connection's failure the peer's, whoever opens it.
    for args in [&["rate", "--crr"][..], &["rate"], &["fail-rate"], &["client", "-m", "hello"]] {
        let ended = run(&[args, &[&target]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
        let said = "cannot assign requested address (this machine has no free local port";
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert!(ended.stderr.contains(": 100 local ports, "), "{ended:?}");
    }
}

#[test]
#[ignore = "in a network of its own"]
fn each_source_address_has_ports_of_its_own_for_each_peer() {
    prepare();
    for echo in [2333, 2334].map(listen) {
        let ended = crr(&echo.address.to_string(), &["-c", "250", "--bind", "127.0.0.2,127.0.0.3"]);
        let said = "\n201 sent, 200 echoed, 1 failed ";
        assert!(ended.stdout.contains(said), "{ended:?}");
        // Both have been used up, and nothing else.
        for (source, code) in [("127.0.0.2", 3), ("127.0.0.3", 3), ("127.0.0.4", 0)] {
            let ended = crr(&echo.address.to_string(), &["--bind", source, "-c", "1"]);
            assert_eq!(ended.code, Some(code), "{source}: {ended:?}");
        }
    }
}

#[test]
#[ignore = "in a network of its own"]
fn no_port_rests_after_a_reset() {
    let echo = server();
    let args = ["-c", "250", "--reset", "--export-json", "/dev/stderr"];
    let ended = crr(&echo.address.to_string(), &args);
    assert_eq!((ended.code, resting(&ended)), (Some(0), 0), "{ended:?}");
    assert!(!ended.stdout.contains("local ports"), "{ended:?}");
}

#[test]
#[ignore = "in a network of its own"]
fn a_way_that_is_forbidden_is_no_lack_of_ports() {
    prepare();
    // What is local is asked for later than usual, and what is about the loopback earlier.
    for words in ["rule add pref 10 table local", "rule del pref 0", "rule add pref 5 table 9"] {
        ip(words);
    }
    for (kind, reason) in [("prohibit", "permission denied"), ("blackhole", "invalid argument")] {
        let target = peer(move |number, mut stream| {
            if number == 3 {
                ip(&format!("route add {kind} 127.0.0.1 table 9"));
            }
            if let Some(bytes) = message(&stream, 1000) {
                let _ = stream.write_all(&bytes);
            }
        })
        .to_string();
        // What is in flight then may be lost.
        let args = ["fail-rate", &target, "--crr", "-c", "12", "--timeout", "200ms"];
        let ended = run(&args);
        ip(&format!("route del {kind} 127.0.0.1 table 9"));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let said = format!(": connection lost or no route to the peer: {reason}\n");
        assert!(ended.stdout.contains(&said), "{ended:?}");
        for part in ["without a local socket", "local ports"] {
            assert!(!ended.stdout.contains(part), "{ended:?}");
        }
    }
}
