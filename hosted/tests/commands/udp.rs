//! `rate` and `fail-rate` over UDP: what a peer does to datagrams on purpose is what they find, by class.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};

use crate::exports::schema;
use crate::network;
use crate::rate::json;
use crate::support::{Ended, PATIENCE, Program, at_once, hosted, run};

/// Answers each datagram, counted from 0, as `answer` says, until none comes any more.
fn peer(mut answer: impl FnMut(&UdpSocket, usize, &[u8], SocketAddr) + Send + 'static) -> String {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let address = socket.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        for number in 0.. {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { return };
            answer(&socket, number, &buffer[..length], from);
        }
    });
    address
}

fn echo(socket: &UdpSocket, datagram: &[u8], from: SocketAddr) {
    socket.send_to(datagram, from).expect("sent");
}

/// The report of 20 messages, which has the shape that is promised.
fn report(target: &str, args: &[&str]) -> (Ended, Value) {
    let all = ["fail-rate", target, "-u", "-c", "20", "--timeout", "2", "-J"];
    let ended = run(&[&all[..], args].concat());
    let report = json(&ended);
    let errors: Vec<_> = schema().iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(report["target"]["protocol"], "udp");
    assert_eq!(report["tcp_info"], Value::Null);
    (ended, report)
}

/// The counts that are not 0: `lost 1`.
fn counts(report: &Value) -> Vec<String> {
    let counted = |what: &str| {
        let counts = report[what].as_object().expect("counts").clone();
        counts.into_iter().filter(|(_, n)| *n != json!(0)).map(|(key, n)| format!("{key} {n}"))
    };
    counted("failed").chain(counted("datagrams")).collect()
}

/// What a peer does to the tenth datagram.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Lose,
    Delay,
    Cut,
    Double,
    Divert,
    Grow,
}

#[test]
fn what_became_of_a_datagram_is_found_whatever_is_in_it() {
    let deeds = [
        (Deed::Lose, &["timeout 1", "lost 1"][..]),
        (Deed::Delay, &["timeout 1", "overdue 1"]),
        (Deed::Cut, &["cut 1"]),
        (Deed::Double, &["duplicated 2"]),
        (Deed::Divert, &["timeout 1", "lost 1", "foreign 1"]),
        (Deed::Grow, &["extra 1"]),
    ];
    let cases = deeds.into_iter().flat_map(|deed| [("zero", deed), ("seq", deed)]);
    at_once(cases, |(payload, (deed, found))| {
        let mut held = None;
        let target = peer(move |socket, number, datagram, from| {
            if let Some((held, to)) = held.take() {
                let held: Vec<u8> = held;
                echo(socket, &held, to);
            }
            let other = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            match deed {
                _ if number != 10 => echo(socket, datagram, from),
                Deed::Lose => {}
                Deed::Delay => held = Some((datagram.to_vec(), from)),
                Deed::Cut => echo(socket, &datagram[..999], from),
                Deed::Double => (0..3).for_each(|_| echo(socket, datagram, from)),
                Deed::Divert => echo(&other(), datagram, from),
                Deed::Grow => echo(socket, &[datagram, b"!"].concat(), from),
            }
        });
        let (ended, report) = report(&target, &["--payload", payload]);
        assert_eq!(counts(&report), found, "{deed:?}, {payload}: {report:#}");
        let failed = usize::from(deed != Deed::Double);
        assert_eq!(report["echoed"], 20 - failed, "{deed:?}, {payload}");
        assert_eq!(ended.code, Some(failed as i32), "{ended:?}");
    });
}

#[test]
fn order_that_changed_is_seen_where_messages_tell_which_they_are() {
    for (payload, found) in [("zero", "reordered null"), ("seq", "reordered 10")] {
        let mut held: Option<(Vec<u8>, SocketAddr)> = None;
        let target = peer(move |socket, _, datagram, from| match held.take() {
            None => held = Some((datagram.to_vec(), from)),
            Some((first, to)) => {
                echo(socket, datagram, from);
                echo(socket, &first, to);
            }
        });
        let (ended, report) = report(&target, &["-R", "200", "--payload", payload]);
        assert_eq!(counts(&report), [found], "{payload}");
        assert_eq!((&report["echoed"], ended.code), (&json!(20), Some(0)), "{ended:?}");
    }
}

#[test]
fn every_length_of_a_datagram_is_measured() {
    for length in ["0", "1", "65507"] {
        let target = peer(|socket, _, datagram, from| echo(socket, datagram, from));
        let (ended, report) = report(&target, &["-l", length, "-P", "3"]);
        assert_eq!((ended.code, counts(&report)), (Some(0), vec![]), "{length}");
        assert_eq!(report["config"]["message_bytes"].to_string(), length);
    }
}

#[test]
fn where_nothing_comes_back_the_run_goes_on_and_says_what_may_be_the_matter() {
    let target = peer(|_, _, _, _| {});
    let ended = run(&["rate", &target, "-u", "-c", "3", "--timeout", "50ms", "--no-plot"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{ended:?}");
    for part in [
        "udp, 1000 bytes, closed loop, 1 connection\n",
        "\nfailed: 3 lost\n",
        "\nhint: nothing came back: is a UDP echo server listening there, and does every firewall let it answer?\n",
        "connection 0, message 2: not back in time\n",
    ] {
        let said = ended.stdout.replace("\n    ", " ");
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn where_nobody_listens_the_run_ends() {
    // It hears only one peer, so that nobody listens to others.
    let bound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    bound.connect((Ipv4Addr::LOCALHOST, 9)).expect("a route");
    let target = bound.local_addr().expect("bound").to_string();
    let told = format!(
        "error: no echo over UDP from {target}: port unreachable (ICMP from 127.0.0.1) (is an echo server listening \
         there? some echo UDP only if told to: `hosted server --udp`)\n"
    );
    for (command, failed) in [("rate", 1), ("fail-rate", 3)] {
        let ended = run(&[command, &target, "-u", "-c", "3", "--no-plot"]);
        assert_eq!((ended.code, &ended.stderr), (Some(3), &told), "{ended:?}");
        assert!(ended.stdout.contains(&format!("\nfailed: {failed} refused\n")), "{ended:?}");
    }
}

/// While it is stopped, nobody empties its buffer.
#[test]
#[cfg(target_os = "linux")]
fn what_finds_no_room_on_this_machine_is_not_told_as_the_networks_loss() {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    peer.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let target = peer.local_addr().expect("bound").to_string();
    let mut command = hosted();
    command.args(["fail-rate", &target, "-u", "-c", "3", "-i", "500ms", "--timeout", "2"]);
    let program = Program::start(command.args(["--export-json", "-"]));
    let mut buffer = [0; 1000];
    for message in 0..3 {
        let (length, from) = peer.recv_from(&mut buffer).expect("a message");
        if message == 1 {
            program.signal(Signal::STOP);
            (0..20_000).for_each(|_| echo(&peer, &buffer[..length], from));
            program.signal(Signal::CONT);
        } else {
            echo(&peer, &buffer[..length], from);
        }
    }
    let ended = program.wait();
    let report = json(&ended);
    assert!(report["datagrams"]["dropped_here"].as_u64() > Some(0), "{report}");
    let limits = report["self"]["limited_by"].as_array().expect("it was long enough");
    assert!(limits.contains(&json!("dropped")), "{limits:?}");
    let said = ended.stderr.replace("\n    ", " ");
    assert!(said.contains("the instrument was the limit: "), "{said}");
    assert!(said.contains(" datagrams had come, and there was no room for more"), "{said}");
}

#[test]
fn in_a_network_of_its_own() {
    network::run("udp", "what_is_too_long_for_its_path_is_lost_and_the_run_goes_on");
}

/// As where a tunnel begins, of which the routers tell.
#[test]
#[ignore = "`in_a_network_of_its_own` runs it"]
fn what_is_too_long_for_its_path_is_lost_and_the_run_goes_on() {
    network::prepare();
    at_once([&["--payload", "seq"][..], &["-R", "100"], &["--spin"]], |args| {
        let router = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("as root");
        let target = peer(move |socket, number, datagram, from| match number {
            10 => {
                let to = socket.local_addr().expect("bound");
                router
                    .send_to(&fragmentation_needed(from, to), &from.into())
                    .map(drop)
                    .expect("sent");
            }
            _ => echo(socket, datagram, from),
        });
        let (ended, report) = report(&target, args);
        assert_eq!(counts(&report), ["timeout 1", "lost 1"], "{args:?}: {ended:?}");
        assert_eq!(report["echoed"], 19, "{args:?}");
    });
}

/// What a router says of a packet between these that does not fit into its next link.
fn fragmentation_needed(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let address = |address: SocketAddr| match address.ip() {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(_) => panic!("not of IPv4: {address}"),
    };
    let port = |address: SocketAddr| address.port().to_be_bytes();
    // Of IPv4: 1028 bytes, not to be fragmented, of UDP; what follows is its head.
    let head = [0x45, 0, 4, 4, 0, 0, 0x40, 0, 64, 17, 0, 0];
    let packet =
        [&head[..], &address(from), &address(to), &port(from), &port(to), &[3, 0xf0, 0, 0]];
    // The kind, and the longest packet: 600 bytes.
    let mut message = [&[3, 4, 0, 0, 0, 0, 2, 88][..], &packet.concat()].concat();
    let words = message.as_chunks().0.iter().map(|word| u32::from(u16::from_be_bytes(*word)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

#[test]
fn a_bound_may_be_about_a_class() {
    let target =
        peer(|socket, _, datagram, from| (0..2).for_each(|_| echo(socket, datagram, from)));
    for (bound, said) in
        [("duplicated>50%", "failed: duplicated>50%: it was 100 %\n"), ("lost>0", "")]
    {
        let (ended, report) = report(&target, &["--fail-if", bound]);
        assert_eq!((ended.stderr.as_str(), ended.code), (said, Some(i32::from(!said.is_empty()))));
        assert_eq!(counts(&report), ["duplicated 20"]);
    }
}

#[test]
fn runs_over_tcp_and_udp_are_not_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (tcp, udp) = (path("tcp.json"), path("udp.json"));
    let target = peer(|socket, _, datagram, from| echo(socket, datagram, from));
    report(&target, &["--export-json", &udp, "--max-fail", "0"]);
    run(&["fail-rate", "--local", "-c", "20", "--export-json", &tcp]);
    let ended = run(&["compare", &tcp, &udp]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("protocol \"tcp\" and \"udp\""), "{ended:?}");
}

/// What a server plants in datagrams is what is found, by class.
#[test]
fn as_many_as_a_server_planted_are_found() {
    let cases = [
        ("lose=10%", "lose", "lost"),
        ("duplicate=10%", "duplicate", "duplicated"),
        ("truncate=10%", "truncate", "cut"),
        ("flip=10%", "flip", "differs"),
    ];
    let cases = cases.into_iter().flat_map(|case| [("zero", case), ("seq", case)]);
    at_once(cases, |(payload, (spec, kind, class))| {
        let flags = ["--udp", "-q", "--drain", "0", "--fault", spec, "--seed", "1"];
        let (server, address) = Program::server(&flags);
        let (_, report) = report(&address.to_string(), &["-R", "100", "--payload", payload]);
        server.signal(Signal::TERM);
        let said = server.wait().stdout;
        let planted = said.lines().last().and_then(|line| line.strip_prefix("faults planted: "));
        let planted = planted.and_then(|all| all.strip_suffix(kind)?.trim_end().parse().ok());
        let found = [&report["failed"][class], &report["datagrams"][class]];
        let found = found.into_iter().find_map(Value::as_u64);
        assert!(planted > Some(0) && planted == found, "{payload}: {said}{report:#}");
    });
}
