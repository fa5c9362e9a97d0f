//! Servers that are restarted under load: two behind a balancer, Debian's HAProxy, one at a socket that
//! its service manager keeps, and two that share a port for datagrams.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::activation::activated;
use crate::metrics::{await_lines, server};
use crate::support::{Ended, PATIENCE, Program, connect, hosted, loopback, ping, skip};

/// Long enough for every client to have its turn, and its pause.
const DRAIN: &str = "6s";

const CLIENTS: usize = 50;

/// Clients that pause for longer than a server waits for to close, and have time to notice that it did.
const PAUSING: [&str; 2] = ["-i", "1s"];

/// Clients that look at every byte.
fn load(address: SocketAddr, args: &[&str]) -> Program {
    let (address, clients) = (address.to_string(), CLIENTS.to_string());
    let mut fail_rate = hosted();
    fail_rate.args(["fail-rate", &address, "-P", &clients, "-J", "--no-plot", "--timeout", "60"]);
    Program::start(fail_rate.args(args))
}

/// What they found.
fn report(load: Program) -> Value {
    load.signal(Signal::INT);
    let ended = load.wait();
    serde_json::from_str(&ended.stdout).expect(&ended.stderr)
}

/// Whether a server has closed what it served, in time, and had no trouble.
fn assert_drained(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let errors: Vec<_> = ended.stderr.lines().collect();
    let told = matches!(errors[..], [one] if one.starts_with("stopping: waiting"));
    assert!(told, "health checks are no errors: {errors:?}");
    let totals = ended.stdout.lines().last().expect("totals");
    assert!(totals.contains(" drained") && !totals.contains("cut off"), "{totals}");
}

/// HAProxy in front of two servers.
struct Balanced {
    /// Each with where it listens and where it offers metrics.
    servers: Vec<(Program, SocketAddr, SocketAddr)>,
    address: SocketAddr,
    haproxy: Program,
    _folder: TempDir,
}

impl Balanced {
    /// With servers that have these flags, and options of HAProxy, which asks for their page or only whether they
    /// listen.
    fn start(flags: &[&str], options: &str, page: bool) -> Option<Self> {
        if Command::new("haproxy").arg("-v").output().is_err() {
            skip("servers behind a balancer: there is no haproxy");
            return None;
        }
        let servers: Vec<_> = (0..2).map(|_| server(flags)).collect();
        let line = |(name, (_, address, metrics)): (&str, &(Program, SocketAddr, SocketAddr))| {
            let checked = if page { *metrics } else { *address };
            format!(" server {name} {address} check port {}\n", checked.port())
        };
        let lines: String = ["a", "b"].into_iter().zip(&servers).map(line).collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let folder = tempdir().expect("a folder");
        let config = folder.path().join("haproxy.cfg");
        let text = format!(
            "defaults\n mode tcp\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n \
             timeout check 60s\n\
             listen echo\n bind fd@3\n balance roundrobin\n default-server inter 100ms fall 1\n \
             {options}\n{lines}"
        );
        fs::write(&config, text).expect("a file");
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 3<&0 </dev/null; exec haproxy -db -f \"$0\""]).arg(config);
        let haproxy = Program::start(shell.stdin(Stdio::from(OwnedFd::from(listener))));
        ping(&mut connect(address), b"hello");
        Some(Self { servers, address, haproxy, _folder: folder })
    }

    /// With servers that start before their predecessors on the same ports stop.
    fn with_successors() -> Option<Self> {
        Self::start(&["--reuse-port", "--drain", DRAIN], "retries 10\n option redispatch 1", false)
    }

    /// Restarts both servers under a load, which finds this: the successor of each listens before it stops.
    fn restart_under(self, args: &[&str]) -> Value {
        let load = load(self.address, args);
        let mut successors = Vec::new();
        for (_, address, metrics) in &self.servers {
            await_lines(*metrics, &[format!("echo_connections {}", CLIENTS / 2).as_str()]);
            let port = address.port().to_string();
            let mut successor = hosted();
            successor.args(["server", "--ip", "127.0.0.1", "--reuse-port", "--port", &port]);
            let mut successor = Program::start(&mut successor);
            assert_eq!(successor.address(), *address);
            successors.push(successor);
        }
        self.servers.iter().for_each(|(server, ..)| server.signal(Signal::TERM));
        self.servers.into_iter().for_each(|(server, ..)| assert_drained(&server.wait()));
        report(load)
    }
}

#[test]
fn clients_that_pause_notice_nothing_when_their_servers_are_restarted() {
    let Some(balanced) = Balanced::with_successors() else { return };
    let report = balanced.restart_under(&PAUSING);
    assert_eq!(report["fail_rate"], 0.0, "{report}");
}

#[test]
fn clients_that_never_pause_get_a_fin_and_no_wrong_byte() {
    let Some(balanced) = Balanced::with_successors() else { return };
    let report = balanced.restart_under(&["--max-fail", "1000000"]);
    let failed = report["failed"].as_object().expect("kinds");
    for (kind, n) in failed {
        let most = if kind == "closed_early" { CLIENTS as u64 } else { 0 };
        assert!(n.as_u64().expect("a count") <= most, "{kind}: {failed:?}");
    }
}

/// Nothing is tried again for a client that was sent to a server which does not accept any more.
#[test]
fn nobody_is_sent_to_a_server_that_stops_with_a_notice() {
    let flags = ["--drain-notice", "1h"];
    let options = "retries 0\n option httpchk GET /ready";
    let Some(mut balanced) = Balanced::start(&flags, options, true) else { return };
    let load = load(balanced.address, &["--crr", "-i", "50ms"]);
    let (mut server, _, metrics) = balanced.servers.remove(0);
    for _ in 0..CLIENTS {
        server.stdout_line(" connected!");
    }
    server.signal(Signal::TERM);
    balanced.haproxy.stderr_line("Server echo/a is DOWN");
    await_lines(metrics, &["echo_connections 0"]);
    // The end of the notice, before its time.
    while server.is_running() {
        server.signal(Signal::TERM);
        thread::yield_now();
    }
    ping(&mut connect(balanced.address), b"hello");
    let report = report(load);
    assert_eq!(report["fail_rate"], 0.0, "{report}");
    assert_ne!(report["echoed"], 0, "{report}");
}

/// Who comes when there is no server waits for the next.
#[test]
fn clients_that_pause_notice_nothing_when_the_server_at_a_kept_socket_is_restarted() {
    let listener = loopback();
    let address = listener.local_addr().expect("bound");
    let start = || {
        let kept = listener.try_clone().expect("a descriptor");
        let mut server = Program::start(&mut activated(kept, &["--drain", DRAIN]));
        assert_eq!(server.address(), address);
        server
    };
    let serves_all = |server: &mut Program| {
        for _ in 0..CLIENTS {
            server.stdout_line(" connected!");
        }
    };
    let mut server = start();
    let load = load(address, &PAUSING);
    serves_all(&mut server);
    server.signal(Signal::TERM);
    assert_drained(&server.wait());
    let mut successor = start();
    serves_all(&mut successor);
    let report = report(load);
    assert_eq!(report["fail_rate"], 0.0, "{report}");
}

/// Sends numbered datagrams, each when the one before has come back, once and from where it was sent to.
fn exchange(client: &UdpSocket, address: SocketAddr, numbers: Range<u32>) {
    for number in numbers {
        client.send_to(&number.to_be_bytes(), address).expect("sent");
        let mut echo = [0; 9];
        let (length, from) = client.recv_from(&mut echo).expect("an echo");
        assert_eq!((&echo[..length], from), (&number.to_be_bytes()[..], address));
    }
}

/// At one address, and at all of both families, where an answer has a source of its own.
#[test]
fn of_two_servers_that_share_a_port_one_can_stop_and_no_datagram_is_lost_or_doubled() {
    for everywhere in [false, true] {
        let start = |port: &str| {
            let mut server = hosted();
            server.args(["server", "--udp", "--reuse-port", "--quiet", "--port", port]);
            Program::start(if everywhere {
                &mut server
            } else {
                server.args(["--ip", "127.0.0.1"])
            })
        };
        let mut ending = start("0");
        let port = ending.address().port();
        let mut staying = start(&port.to_string());
        assert_eq!(staying.address().port(), port);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // As many as make it certain that each server has some.
        let (each, begun) = (2000, Barrier::new(CLIENTS + 1));
        let ended = thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
                    client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
                    exchange(&client, address, 0..1);
                    begun.wait();
                    exchange(&client, address, 1..each);
                    client.set_nonblocking(true).expect("an option");
                    client.recv(&mut [0]).expect_err("nothing comes twice");
                });
            }
            begun.wait();
            ending.signal(Signal::TERM);
            ending.wait()
        });
        staying.signal(Signal::TERM);
        let echoed = [ended, staying.wait()].map(|ended| {
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            let totals = ended.stdout.lines().last().expect("totals");
            let (n, rest) = totals.split_once(" datagrams, ").expect(totals);
            assert!(rest.ends_with(" bytes echoed"), "{totals}");
            n.replace(' ', "").parse::<u32>().expect(totals)
        });
        assert!(echoed.iter().all(|n| *n > 0), "{echoed:?}");
        assert_eq!(echoed.iter().sum::<u32>(), CLIENTS as u32 * each);
    }
}
