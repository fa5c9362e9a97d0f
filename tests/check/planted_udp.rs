//! The same of UDP, as far as it takes real sockets: errors of ICMP, ports, and which address answers.
//! What else a server can do wrong is planted in virtual time, beside the check.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread;

use echo_instruments::check::{Outcome, Record};
use hosted::datagrams::Unconnected;
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::list_udp;

/// Serves on a thread of its own, until that ends it or the test ends.
fn start(
    bound: &str,
    serve: impl FnMut(&UdpSocket, &[u8], SocketAddr) -> io::Result<()> + Send + 'static,
) -> SocketAddr {
    start_on(UdpSocket::bind(bound).expect("a free port"), serve)
}

fn start_on(
    socket: UdpSocket,
    mut serve: impl FnMut(&UdpSocket, &[u8], SocketAddr) -> io::Result<()> + Send + 'static,
) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], socket.local_addr().expect("bound").port()));
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        let mut one = || {
            let (length, from) = socket.recv_from(&mut buffer)?;
            serve(&socket, &buffer[..length], from)
        };
        while one().is_ok() {}
    });
    address
}

fn check(server: SocketAddr, flags: &str) -> Vec<Record> {
    list_udp::carry_out(flags, server, &mut Unconnected::new(Vec::new()))
}

fn answer(socket: &UdpSocket, bytes: &[u8], from: SocketAddr) -> io::Result<()> {
    socket.send_to(bytes, from).map(drop)
}

/// These cases fail, and no others.
fn fails(records: &[Record], sure: &[&str]) {
    let failed = records.iter().filter(|it| matches!(it.outcome, Outcome::Fail(_)));
    let failed: BTreeSet<_> = failed.map(|it| it.name).collect();
    assert_eq!(failed, sure.iter().copied().collect(), "{records:#?}");
}

fn told(records: &[Record], name: &str) -> String {
    match &records.iter().find(|it| it.name == name).expect("it was carried out").outcome {
        Outcome::Fail(finding) => finding.brief.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

const OTHER: &str = "--also 127.0.0.2,::ffff:127.0.0.1";

#[test]
fn one_without_a_fault_but_that_it_answers_everybody() {
    let records = check(start("127.0.0.1:0", answer), "");
    fails(&records, &[]);
}

#[test]
fn one_that_is_bound_to_all_addresses() {
    let records = check(start("0.0.0.0:0", answer), OTHER);
    fails(&records, &["other-address"]);
    let told = told(&records, "other-address");
    assert!(told.starts_with("127.0.0.2:") && told.contains(" was asked, 127.0.0.1:"), "{told}");
}

#[test]
fn one_that_answers_from_another_socket() {
    let other = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = other.local_addr().expect("bound").port();
    let server = start("127.0.0.1:0", move |_, bytes, from| answer(&other, bytes, from));
    let records = check(server, "--only once,size-1472");
    fails(&records, &["once", "size-1472"]);
    assert_eq!(told(&records, "once"), format!("{server} was asked, 127.0.0.1:{port} answers"));
}

#[test]
fn one_that_cuts_at_its_buffer() {
    let cut = |socket: &UdpSocket, bytes: &[u8], from| {
        answer(socket, &bytes[..bytes.len().min(8192)], from)
    };
    let records = check(start("127.0.0.1:0", cut), "");
    fails(&records, &["size-8193", "size-12289", "size-65507"]);
}

#[test]
fn one_that_answers_twice() {
    let twice = |socket: &UdpSocket, bytes: &[u8], from| {
        answer(socket, bytes, from)?;
        answer(socket, bytes, from)
    };
    let records = check(start("127.0.0.1:0", twice), "--only once,in-a-row");
    fails(&records, &["once", "in-a-row"]);
}

#[test]
fn one_that_takes_an_empty_datagram_for_the_end() {
    let until_empty = |socket: &UdpSocket, bytes: &[u8], from| {
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer(socket, bytes, from)
    };
    let flags = "--only size-1,size-0,once --timeout 2";
    let records = check(start("127.0.0.1:0", until_empty), flags);
    fails(&records, &["size-0", "once"]);
    let records = check(start("127.0.0.1:0", until_empty), "--only size-1,empty-then-full");
    fails(&records, &["empty-then-full"]);
    if cfg!(target_os = "linux") {
        let told = told(&records, "empty-then-full");
        assert_eq!(told, "nobody listens there any more (ICMP)");
    }
}

/// A socket that keeps its port when it is disconnected, because it was bound by its number.
#[cfg(target_os = "linux")]
fn bound_by_number() -> UdpSocket {
    let bind = |port: u16| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).expect("a free port");
        UdpSocket::from(socket)
    };
    // Nobody takes the port meanwhile.
    let first = bind(0);
    bind(first.local_addr().expect("bound").port())
}

/// While it is connected to the client that it answers, errors of that one are its own.
#[test]
#[cfg(target_os = "linux")]
fn one_that_ends_when_a_client_is_gone() {
    let connected = |socket: &UdpSocket, bytes: &[u8], from| {
        socket.connect(from)?;
        socket.send(bytes)?;
        // Where nobody is any more, the error is there already, as it is the same machine.
        let gone = socket.take_error()?;
        rustix::net::connect_unspec(socket)?;
        gone.map_or(Ok(()), Err)
    };
    let server = start_on(bound_by_number(), connected);
    let records = check(server, "--only once,thousand-vanish");
    fails(&records, &["thousand-vanish"]);
    assert_eq!(told(&records, "thousand-vanish"), "nobody listens there any more (ICMP)");
}

/// The ports of small services are root's.
#[test]
fn one_that_answers_port_7() {
    let records = check(start("127.0.0.1:0", answer), "--only once,echo-port,own-port");
    let [once, echo, own] = &records[..] else { panic!("{records:?}") };
    assert_eq!(once.outcome, Outcome::Pass(None));
    match &echo.outcome {
        Outcome::Fail(finding) => {
            assert_eq!(finding.brief, "a datagram from port 7 was answered");
        }
        Outcome::Skip(why) => assert!(why.starts_with("cannot use port 7: "), "{why}"),
        Outcome::Pass(_) => panic!("{echo:?}"),
    }
    // On one machine it is in use.
    assert!(matches!(&own.outcome, Outcome::Skip(_)), "{own:?}");
}
