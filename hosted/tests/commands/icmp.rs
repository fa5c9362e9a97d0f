//! What ICMP says of datagrams in flight, from a peer that makes the messages itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread::{self, JoinHandle};

use socket2::{Domain, Protocol, Socket, Type};

use crate::network;
use crate::support::{PATIENCE, run};

#[test]
fn in_a_network_of_its_own() {
    network::run("icmp", "whichever_datagram_icmp_is_about_is_the_one_that_fails");
}

/// All are in flight when it comes.
#[test]
#[ignore = "runs in the namespace of `in_a_network_of_its_own`"]
fn whichever_datagram_icmp_is_about_is_the_one_that_fails() {
    network::prepare();
    for (host, by, icmp) in [
        (IpAddr::from(Ipv4Addr::LOCALHOST), "127.0.0.9", [(3, 13), (11, 0), (3, 3), (12, 0)]),
        (Ipv6Addr::LOCALHOST.into(), "::1", [(1, 1), (3, 0), (1, 4), (4, 0)]),
    ] {
        for content in ["seq", "zero"] {
            let by: IpAddr = by.parse().expect("an address");
            let (target, peer) = reporter(host, by, icmp);
            let args = ["--payload", content, "-R", "1000", "-c", "20", "--timeout", "60"];
            let ended = run(&[&["fail-rate", &target, "-u"], &args[..]].concat());
            peer.join().expect("it has reported");
            let name = if by.is_ipv4() { "ICMP" } else { "ICMPv6" };
            let said = ended.stdout.replace("\n    ", " ");
            for (message, what) in [
                (4, "administratively prohibited"),
                (8, "hop limit exceeded"),
                (12, "port unreachable"),
            ] {
                let line = format!("connection 0, message {message}: {what} ({name} from {by})\n");
                assert!(said.contains(&line), "{line:?} is not in {said}");
            }
            assert!(said.contains("\n20 sent, 16 echoed, 4 failed "), "{said}");
            assert!(said.contains("\nfailed: 1 refused, 3 unreachable\n"), "{said}");
        }
    }
}

/// A peer that takes 20 datagrams, lets `by` report on each fourth of them, and echoes the others.
fn reporter(host: IpAddr, by: IpAddr, reports: [(u8, u8); 4]) -> (String, JoinHandle<()>) {
    let socket = UdpSocket::bind((host, 0)).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let address = socket.local_addr().expect("bound");
    let (domain, protocol) = match host {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let raw = Socket::new(domain, Type::RAW, Some(protocol)).expect("we are root here");
    raw.bind(&SocketAddr::new(by, 0).into()).expect("an address of the loopback");
    let peer = thread::spawn(move || {
        let mut came = Vec::new();
        while came.len() < 20 {
            let mut buffer = vec![0; 2000];
            let (length, from) = socket.recv_from(&mut buffer).expect("in time");
            buffer.truncate(length);
            came.push((buffer, from));
        }
        let mut reports = reports.into_iter();
        for (number, (datagram, from)) in came.iter().enumerate() {
            if number % 4 == 0
                && number > 0
                && let Some(report) = reports.next()
            {
                let message = undeliverable(report, *from, address, datagram);
                raw.send_to(&message, &SocketAddr::new(host, 0).into()).expect("sent");
            } else {
                socket.send_to(datagram, *from).expect("sent");
            }
        }
    });
    (address.to_string(), peer)
}

/// An ICMP error about a datagram, of which it quotes 40 bytes.
fn undeliverable(
    (kind, code): (u8, u8),
    from: SocketAddr,
    to: SocketAddr,
    datagram: &[u8],
) -> Vec<u8> {
    let udp = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let length = (datagram.len() as u16 + 8).to_be_bytes();
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let [high, low] = (datagram.len() as u16 + 28).to_be_bytes();
            message.extend([0x45, 0, high, low, 0, 0, 0x40, 0, 64, 17, 0, 0]);
            message.extend([from.octets(), to.octets()].concat());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            message.extend([0x60, 0, 0, 0, length[0], length[1], 17, 64]);
            message.extend([from.octets(), to.octets()].concat());
        }
        other => panic!("{other:?}"),
    }
    message.extend([&udp, &length[..], &[0, 0], &datagram[..datagram.len().min(40)]].concat());
    // The system makes that of ICMPv6.
    if from.is_ipv4() {
        let words = message.chunks(2).map(|word| {
            u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or_default())
        });
        let sum: u32 = words.sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}
