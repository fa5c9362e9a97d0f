//! The list of UDP with our server: over the loopback, and from another host, beyond a veth pair.

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use echo_cases::Needs;
use hosted::address::listen_to_both;
use hosted::datagrams::Unconnected;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::sockets::serve;
use crate::{list_udp, namespace};

/// Lets `use_it` use a server of ours that echoes datagrams at any address of this machine; its port.
fn served_over_udp(use_it: impl FnOnce(u16)) {
    let (listeners, sockets) = listen_to_both(None, 0, 100).expect("a free port");
    let rules = Needs::Echo.rules();
    serve(listeners, sockets, rules, 1, |address| use_it(address.port()));
}

#[test]
fn our_server_passes_over_udp() {
    served_over_udp(|port| {
        let server = SocketAddr::from(([127, 0, 0, 1], port));
        // Ports of small services are root's, or another test has them at the moment.
        let cannot = ["link-local", "ipv6", "echo-port", "small-ports", "own-port"];
        let mut sockets = Unconnected::new(Vec::new());
        list_udp::all_pass("--also 127.0.0.2", &cannot, server, &mut sockets);
    });
}

/// A process in a network namespace of its own, until it is dropped.
struct Host(Child);

impl Host {
    fn new() -> Self {
        namespace::assert_inside();
        let mut command = Command::new("unshare");
        command.args(["--net", "sleep", "infinity"]).stdin(Stdio::null());
        let host = Self(command.spawn().expect("unshare made this one, too"));
        let here = namespace_of("self");
        let end = Instant::now() + Duration::from_secs(60);
        while namespace_of(&host.0.id().to_string()) == here {
            assert!(Instant::now() < end, "it has no namespace of its own");
            thread::yield_now();
        }
        host
    }

    /// Lets this run on the host.
    fn run(&self, work: impl FnOnce() + Send) {
        let path = format!("/proc/{}/ns/net", self.0.id());
        let there = File::open(path).expect("it runs");
        let moved = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(there.as_fd(), kind).expect("root of both");
            work();
        };
        thread::scope(|scope| scope.spawn(moved).join()).expect("no panic");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn namespace_of(process: &str) -> std::path::PathBuf {
    std::fs::read_link(format!("/proc/{process}/ns/net")).expect("it runs")
}

fn ip(command: &str) {
    let status = Command::new("ip").args(command.split(' ')).status().expect("it is there");
    assert!(status.success(), "ip {command}");
}

/// Nothing is skipped: the other host has all ports, and ours all kinds of addresses.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn our_server_passes_from_another_host() {
    let host = Host::new();
    ip(&format!("link add server type veth peer name client netns {}", host.0.id()));
    for address in ["10.86.2.1/24", "10.86.2.2/24"] {
        ip(&format!("addr add {address} dev server"));
    }
    for address in ["fd86:2::1/64", "fe80::86:1/64"] {
        ip(&format!("addr add {address} dev server nodad"));
    }
    ip("link set server up");
    host.run(|| {
        ip("addr add 10.86.2.100/24 dev client");
        ip("addr add fd86:2::100/64 dev client nodad");
        ip("addr add fe80::86:100/64 dev client nodad");
        ip("link set client up");
    });
    served_over_udp(|port| {
        host.run(|| {
            let server = SocketAddr::from(([10, 86, 2, 1], port));
            let also = "--also 10.86.2.2,fd86:2::1,fe80::86:1%client";
            list_udp::all_pass(also, &[], server, &mut Unconnected::new(Vec::new()));
        });
    });
}
