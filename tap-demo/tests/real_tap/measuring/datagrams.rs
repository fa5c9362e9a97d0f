//! The same over UDP.

use std::fs;
use std::net::{SocketAddr, UdpSocket};

use echo_cases::Needs;
use hosted::address::listen_to_both;
use serde_json::Value;

use super::{assert_valid, run, tap_demo, told};
use crate::sockets::serve;
use crate::station::SOON;

/// The host's address.
const HOST: &str = "192.168.69.100";

/// Lets `use_it` use a server of ours that echoes datagrams at any address of the host; its port.
fn served(use_it: impl FnOnce(u16)) {
    crate::assert_inside();
    let (listeners, sockets) = listen_to_both(None, 0, 100).expect("a free port");
    serve(listeners, sockets, Needs::Echo.rules(), 1, |address| use_it(address.port()));
}

/// Its report, what it said on stderr, and its exit code.
fn report(arguments: &str) -> (Value, String, Option<i32>) {
    let (text, said, code) = run(&format!("{arguments} -J"));
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_valid(&report);
    (report, said, code)
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn datagrams_of_all_sizes_come_back_to_both_instruments() {
    served(|port| {
        for (arguments, sent) in [
            (format!("rate {HOST}:{port} --no-plot -c 500"), 500),
            (format!("rate {HOST}:{port} --no-plot -c 300 -P 3 -l 65507"), 300),
            (format!("rate {HOST}:{port} --no-plot -c 100 -l 0"), 100),
            (format!("rate [fdaa::100]:{port} --no-plot -c 300 -P 3 -l 1452"), 300),
            (format!("fail-rate {HOST}:{port} -c 400 -P 4 --payload zero -l 9"), 400),
            (format!("fail-rate [fdaa::100]:{port} -c 400 -R 4000 -l 16"), 400),
        ] {
            let (out, said, code) = report(&format!("{arguments} -u --timeout 20"));
            let noted = arguments.contains("zero");
            assert_eq!((code, said.lines().count()), (Some(0), usize::from(noted)), "{said}");
            assert_eq!((count(&out["sent"]), count(&out["echoed"])), (sent, sent), "{out:#}");
            assert_eq!(out["target"]["protocol"], "udp");
        }
    });
}

/// Asking for the way is no part of the first round trip, as opening a connection is not.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn the_first_message_does_not_wait_for_its_next_hop() {
    served(|port| {
        for target in [format!("{HOST}:{port}"), format!("[fdaa::100]:{port}")] {
            // Both ways take 200 ms, and to find the next hop takes as long again.
            let first = || {
                let run = format!("--delay 100ms rate {target} -u -c 1 --no-plot --timeout 20");
                let (out, said, code) = report(&run);
                assert_eq!(code, Some(0), "{said}");
                let took = count(&out["service_ns"]["min"]);
                assert!(took >= 200_000_000, "{out:#}");
                took
            };
            // A busy machine may be late, but not each time.
            assert!((0..5).any(|_| first() < 400_000_000), "{target}");
        }
    });
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn what_the_wire_loses_and_doubles_is_what_is_found() {
    served(|port| {
        // Other frames than ours meet faults, too, but there are few of them.
        const OTHERS: u64 = 40;
        for (flag, kind) in [("--drop-chance", "drop"), ("--duplicate-chance", "duplicate")] {
            let load = "-u -c 4000 -P 20 --timeout 300ms";
            let (out, said, code) =
                report(&format!("{flag} 4 --seed 3 fail-rate {HOST}:{port} {load}"));
            let met = said.lines().last().and_then(|line| line.strip_prefix("wire faults: "));
            let met = met.and_then(|met| met.strip_suffix(kind)?.trim().parse::<u64>().ok());
            let met = met.unwrap_or_else(|| panic!("no {kind}: {said}"));
            let class = |name: &str| count(&out["datagrams"][name]);
            let found = if kind == "drop" { class("lost") } else { class("duplicated") };
            assert!(met > 200, "{said}");
            assert!((met.saturating_sub(OTHERS)..=met).contains(&found), "{met} {kind}: {out:#}");
            // A busy machine may be late, which is something else.
            let failed = if kind == "drop" { found } else { 0 } + class("overdue");
            let all = out["failed"].as_object().expect("by kind").values().map(count);
            assert_eq!(all.sum::<u64>(), failed, "{out:#}");
            assert_eq!(code, Some(i32::from(failed > 0)), "{said}");
        }
    });
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_port_at_which_nobody_listens_is_told_as_refused() {
    crate::assert_inside();
    // The kernel tells of a few a second only, and echoes that come to who has left count, too.
    for limit in ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] {
        fs::write(format!("/proc/sys/net/{limit}"), "0").expect("a namespace of our own");
    }
    // Its port was free a moment ago, and nobody else is in this namespace.
    let port =
        UdpSocket::bind("[::]:0").and_then(|it| it.local_addr()).expect("a free port").port();
    for (host, icmp) in [(HOST, "ICMP"), ("fdaa::100", "ICMPv6")] {
        let target = SocketAddr::new(host.parse().expect("an address"), port).to_string();
        let (out, said, code) = report(&format!("fail-rate {target} -u -c 1 --timeout 20"));
        let words = format!("error: no echo over UDP from {target}: ");
        assert_eq!((code, count(&out["failed"]["refused"])), (Some(3), 1), "{said} {out:#}");
        let why = format!("{words}port unreachable ({icmp} from {host})");
        assert!(said.starts_with(&why), "{said}");
        let (text, said, code) = run(&format!("check {target} -u --timeout 20"));
        assert_eq!((code, text.as_str()), (Some(3), ""), "{said}");
        assert!(said.starts_with(&(words + "connection refused")), "{said}");
    }
}

/// Nobody is at the address: messages are lost, which is measured.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn where_nobody_is_all_is_lost() {
    crate::assert_inside();
    let (out, said, code) = report("fail-rate 192.168.69.99 -u -c 2 --timeout 10ms");
    assert_eq!((code, said.as_str()), (Some(1), ""), "{out:#}");
    assert_eq!((count(&out["sent"]), count(&out["datagrams"]["lost"])), (2, 2), "{out:#}");
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn our_server_on_the_host_passes_the_list_of_cases_over_udp() {
    served(|port| {
        let also = "--also 192.168.69.101,fdaa::100,fe80::86:1%tap0";
        let host = "--host-ip 192.168.69.100/24 --host-ip 192.168.69.101/24 --host-ip fdaa::100/64 \
                    --host-ip fe80::86:1/64";
        let command = format!("{host} check {HOST}:{port} -u --ours {also} --timeout 20 -J");
        let output = assert_cmd::Command::from_std(tap_demo(&command)).timeout(3 * SOON).output();
        let (text, said, code) = told(output);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{text}");
        let out: Value = serde_json::from_str(&text).expect("one object");
        // Long datagrams are for IPv4, and there are no mapped addresses.
        assert_eq!((&out["failed"], &out["skipped"]), (&0.into(), &1.into()), "{out:#}");
        assert_eq!(out["passed"], echo_cases::datagrams::cases().count() - 1, "{out:#}");
    });
}
