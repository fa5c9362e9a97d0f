//! What a client of `hosted server --udp` sees, and what the server says of it.

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::network;
use crate::support::{PATIENCE, Program, connect, hosted, ping, skip};

#[test]
fn in_networks_of_their_own() {
    network::run("datagrams", "two_servers_cannot_be_set_on_each_other");
    network::run("datagrams", "an_answer_leaves_by_the_link_on_which_it_was_asked_for");
}

/// A server for datagrams on a free port of the IPv4 loopback.
fn server(args: &[&str]) -> (Program, SocketAddr) {
    Program::server(&[&["--udp"], args].concat())
}

/// A server at all addresses of this machine, and its port.
fn server_everywhere() -> (Program, u16) {
    let mut server = Program::start(hosted().args(["server", "--udp", "--port", "0"]));
    let port = server.address().port();
    (server, port)
}

fn client(address: &str) -> UdpSocket {
    patient(UdpSocket::bind(address).expect("a free port"))
}

fn patient(client: UdpSocket) -> UdpSocket {
    client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    client
}

/// The next datagram that comes, and from where.
fn next(client: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 1 << 16];
    let (length, from) = client.recv_from(&mut buffer).expect("a datagram");
    buffer.truncate(length);
    (buffer, from)
}

/// Sends a datagram and expects it back from where it was sent to.
fn echo(client: &UdpSocket, address: SocketAddr, datagram: &[u8]) {
    client.send_to(datagram, address).expect("sent");
    let (echo, from) = next(client);
    assert!(echo == datagram, "{} of {} bytes", echo.len(), datagram.len());
    assert_eq!(from, address);
}

/// Stops a server, and returns its lines about datagrams: all that it printed but the first ones.
fn totals(server: Program) -> String {
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let (_, totals) = ended.stdout.split_once("0 connections, 0 bytes echoed\n").expect("totals");
    totals.trim_end().to_owned()
}

#[test]
fn datagrams_of_any_size_come_back_whole() {
    let (server, address) = server(&[]);
    let client = client("127.0.0.1:0");
    let sizes = [0, 1, 0, 1472, 1473, 2049, 4097, 8193, 12289, 65507, 0, 7];
    for (size, fill) in sizes.into_iter().zip(1..) {
        echo(&client, address, &vec![fill; size]);
    }
    assert_eq!(totals(server), "12 datagrams, 95 088 bytes echoed");
}

#[test]
fn the_first_line_says_that_there_are_two_protocols_on_one_port() {
    let (server, address) = server(&[]);
    ping(&mut connect(address), b"over TCP");
    echo(&client("127.0.0.1:0"), address, b"over UDP");
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert!(ended.stdout.starts_with(&format!("Echo server on {address}, TCP and UDP\n")));
    let end = "1 connection, 8 bytes echoed: 1 disconnected\n1 datagram, 8 bytes echoed\n";
    assert!(ended.stdout.ends_with(end), "{}", ended.stdout);
}

#[test]
fn the_answer_comes_from_the_address_that_was_asked() {
    let (server, port) = server_everywhere();
    for address in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let address: IpAddr = address.parse().expect("an address");
        echo(&client("127.0.0.1:0"), (address, port).into(), b"asked over IPv4");
    }
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return skip("datagrams over IPv6: none on this machine");
    }
    echo(&client("[::1]:0"), (Ipv6Addr::LOCALHOST, port).into(), b"asked over IPv6");
    let both = Socket::new(Domain::IPV6, Type::DGRAM, None).expect("a socket");
    both.set_only_v6(false).expect("an option");
    both.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).expect("a free port");
    let mapped = Ipv4Addr::new(127, 0, 0, 2).to_ipv6_mapped();
    echo(&patient(both.into()), (mapped, port).into(), b"asked over both");
    assert_eq!(totals(server), "5 datagrams, 75 bytes echoed");
}

#[test]
fn whom_the_rules_exclude_is_not_answered() {
    let (mut server, address) = server(&["-v"]);
    // Sent with as many hops as an answer is.
    let client = client("127.0.0.1:0");
    client.set_ttl(32).expect("an option");
    client.send_to(b"an answer", address).expect("sent");
    // From the server's own port.
    let own = patient(UdpSocket::bind(("127.0.0.2", address.port())).expect("the same port"));
    own.send_to(b"own", address).expect("sent");
    let mut unanswered =
        "; not answered: 1 from its own port number, 1 with few hops left, as answers have"
            .to_owned();
    match UdpSocket::bind("127.0.0.3:7") {
        Ok(service) => {
            service.send_to(b"echo", address).expect("sent");
            server
                .stdout_line("Client 127.0.0.3:7 not answered (from the port of a small service)!");
            unanswered = unanswered.replace(": ", ": 1 from the port of a small service, ");
        }
        // The rule is the core's, and tested there.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        Err(error) => panic!("{error}"),
    }
    client.set_ttl(33).expect("an option");
    echo(&client, address, b"a question \x1b[2J");
    let name = client.local_addr().expect("bound");
    server.stdout_line(&format!(r"Client {name} sent: a question \x1b[2J"));
    // Had anything come before, it would have been the first.
    own.set_nonblocking(true).expect("an option");
    assert_eq!(own.recv(&mut [0; 9]).expect_err("nothing").kind(), ErrorKind::WouldBlock);
    assert_eq!(totals(server), format!("1 datagram, 15 bytes echoed{unanswered}"));
}

/// Their ICMP errors come back to the server's socket while it goes on.
#[test]
fn clients_that_vanish_change_nothing() {
    let (server, address) = server(&["--quiet"]);
    let client = client("127.0.0.1:0");
    for number in 0..1000_u32 {
        // Before the answer can have come the port is closed.
        let vanishing = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        vanishing.send_to(b"no answer, please", address).expect("sent");
        drop(vanishing);
        if number % 10 == 0 {
            echo(&client, address, &number.to_be_bytes());
        }
    }
    assert_eq!(totals(server), "1100 datagrams, 17 400 bytes echoed");
}

/// The others send as fast as they can and read nothing.
#[test]
fn neither_streams_nor_datagrams_starve_in_a_flood() {
    let (_server, address) = server(&["--quiet"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let sender = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            while !over.load(Ordering::Relaxed) {
                let _ = sender.send_to(b"flood", address);
            }
        });
        scope.spawn(|| {
            let mut sender = connect(address);
            sender.set_read_timeout(Some(Duration::from_millis(1))).expect("a time-out");
            sender.set_nonblocking(true).expect("an option");
            while !over.load(Ordering::Relaxed) {
                let _ = sender.write(&[7; 1000]);
                let _ = std::io::Read::read(&mut sender, &mut [0; 4096]);
            }
        });
        // Set also if the test fails.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _over = Over(&over);
        let mut stream = connect(address);
        (0..100).for_each(|_| ping(&mut stream, b"honest"));
        // What does not fit into the receive buffer is lost, so it is tried again.
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        client.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
        let tries = PATIENCE.as_millis() / 20;
        let answered = (0..tries).filter(|_| {
            client.send_to(b"honest", address).expect("sent");
            client.recv(&mut [0; 9]).is_ok()
        });
        assert_eq!(answered.take(20).count(), 20);
    });
}

#[test]
fn a_stop_ends_datagrams_at_once_and_sessions_when_they_are_over() {
    let (mut server, address) = server(&["--drain", "60s", "--threads", "2"]);
    let mut streams = [connect(address), connect(address)];
    streams.iter_mut().for_each(|stream| ping(stream, b"before"));
    echo(&client("127.0.0.1:0"), address, b"before");
    server.signal(Signal::TERM);
    server.stderr_line("stopping");
    // Once it is free another server can begin.
    while UdpSocket::bind(address).is_err() {
        thread::yield_now();
    }
    streams.iter_mut().for_each(|stream| ping(stream, b"after"));
    drop(streams);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0));
    let end = "2 connections, 22 bytes echoed: 2 disconnected\n1 datagram, 6 bytes echoed\n";
    assert!(ended.stdout.ends_with(end), "{}", ended.stdout);
}

#[test]
fn what_has_arrived_before_a_stop_is_answered() {
    const ASKED: u8 = 200;
    let (server, address) = server(&[]);
    let client = client("127.0.0.1:0");
    server.signal(Signal::STOP);
    (0..ASKED).for_each(|number| assert!(client.send_to(&[number], address).is_ok()));
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    let ended = server.wait();
    assert!(ended.stdout.ends_with("200 datagrams, 200 bytes echoed\n"), "{}", ended.stdout);
    (0..ASKED).for_each(|number| assert_eq!(next(&client), (vec![number], address)));
}

#[test]
fn a_port_in_use_for_datagrams_is_refused_with_a_way_out() {
    // The same port of TCP may be another's at this moment.
    let tried = (0..20).map(|_| {
        let taken = client("127.0.0.1:0");
        let address = taken.local_addr().expect("bound");
        let port = address.port().to_string();
        let ended = crate::support::run(&["server", "-u", "--ip", "127.0.0.1", "--port", &port]);
        (address, ended)
    });
    let mut free = tried.skip_while(|(_, ended)| ended.stderr.contains("cannot listen on"));
    let (address, ended) = free.next().expect("a port that is free");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    let way_out = "(is another server running? choose another with --port)";
    let error =
        format!("error: cannot take datagrams on {address}: address already in use {way_out}\n");
    assert_eq!(ended.stderr, error);
}

/// What is planted is what comes back, by each class.
#[test]
fn as_many_faults_as_it_planted_are_found() {
    const ASKED: u8 = 200;
    let faults = "lose=8%,duplicate=8%,reorder=8%,truncate=8%,flip=8%,cut=50%";
    let (mut server, address) = server(&["-v", "--fault", faults, "--seed", "1"]);
    let client = client("127.0.0.1:0");
    (0..ASKED).for_each(|number| assert!(client.send_to(&[number; 20], address).is_ok()));
    // What comes after all of them, and is not answered.
    client.set_ttl(32).expect("an option");
    client.send_to(b"the end", address).expect("sent");
    server.stdout_line("not answered");
    server.signal(Signal::TERM);
    let said = server.wait().stdout;
    client.set_nonblocking(true).expect("an option");
    let mut buffer = [0; 99];
    let came = std::iter::from_fn(|| client.recv(&mut buffer).ok().map(|n| buffer[..n].to_vec()));
    let came: Vec<_> = came.collect();
    let number =
        |datagram: &Vec<u8>| if datagram[0] == datagram[1] { datagram[0] } else { datagram[2] };
    let numbers: Vec<_> = came.iter().map(number).collect();
    let times = |number: u8| numbers.iter().filter(|it| **it == number).count();
    let found = [
        ("flip", came.iter().filter(|it| it.iter().any(|byte| *byte != number(it))).count()),
        ("lose", (0..ASKED).filter(|number| times(*number) == 0).count()),
        ("duplicate", (0..ASKED).filter(|number| times(*number) == 2).count()),
        ("reorder", numbers.windows(2).filter(|pair| pair[0] > pair[1]).count()),
        ("truncate", came.iter().filter(|it| it.len() < 20).count()),
    ];
    let planted = said.lines().last().and_then(|line| line.strip_prefix("faults planted: "));
    let found = found.map(|(kind, count)| format!("{count} {kind}")).join(", ");
    assert_eq!(planted, Some(found.as_str()), "{said}");
}

#[test]
fn faults_of_datagrams_need_datagrams() {
    let ended = crate::support::run(&["server", "--port", "0", "--fault", "cut=1%,lose=1%"]);
    assert_eq!(ended.code, Some(2));
    let error = "--fault lose is a fault of datagrams: it needs --udp";
    assert!(ended.stderr.contains(error), "{}", ended.stderr);
}

/// A datagram that seems to come from another address: what a host of another network can send.
fn forge(from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).expect("as root");
    socket.bind(&SocketAddr::new(from.ip(), 0).into()).expect("an address of this machine");
    SockRef::from(&socket).set_ttl_v4(255).expect("an option");
    let length = u16::try_from(8 + bytes.len()).expect("short");
    let header = [from.port(), to.port(), length, 0].map(u16::to_be_bytes).concat();
    let sent = socket.send_to(&[&header, bytes].concat(), &SocketAddr::new(to.ip(), 0).into());
    assert_eq!(sent.expect("sent"), usize::from(length));
}

#[test]
#[ignore = "`in_networks_of_their_own` runs it"]
fn two_servers_cannot_be_set_on_each_other() {
    network::prepare();
    let start = |ip: &str, port: &str| {
        let args = ["server", "--udp", "--quiet", "--ip", ip, "--port", port];
        let mut server = Program::start(hosted().args(args));
        let address = server.address();
        (server, address)
    };
    let [one, other, third] = [("127.0.0.1", "2333"), ("127.0.0.1", "2334"), ("127.0.0.2", "2333")]
        .map(|(ip, port)| start(ip, port));
    // On another port, and on the same one.
    forge(other.1, one.1, b"for ever");
    forge(third.1, one.1, b"for ever");
    // An answer to this shows that what came before has been dealt with, and so on.
    let client = client("127.0.0.1:0");
    for _ in 0..10 {
        for (_, address) in [&one, &other, &third] {
            echo(&client, *address, b"settled?");
        }
    }
    assert_eq!(
        totals(one.0),
        "11 datagrams, 88 bytes echoed; not answered: 1 from its own port number"
    );
    let answer = "; not answered: 1 with few hops left, as answers have";
    assert_eq!(totals(other.0), format!("10 datagrams, 80 bytes echoed{answer}"));
    assert_eq!(totals(third.0), "10 datagrams, 80 bytes echoed");
}

fn ip(words: &str) {
    let done = Command::new("ip").args(words.split(' ')).status();
    assert!(done.is_ok_and(|status| status.success()), "ip {words}");
}

/// Two links, on both of which the server has the same address, and so has the client: only the
/// interface tells them apart.
#[test]
#[ignore = "`in_networks_of_their_own` runs it"]
fn an_answer_leaves_by_the_link_on_which_it_was_asked_for() {
    network::prepare();
    for link in ["a", "b"] {
        ip(&format!("link add c{link} type veth peer name s{link}"));
        for end in ["c", "s"] {
            ip(&format!("link set {end}{link} addrgenmode none"));
            ip(&format!("link set {end}{link} up"));
        }
        ip(&format!("-6 addr add fe80::7/64 dev s{link} nodad"));
        ip(&format!("-6 addr add fe80::1/64 dev c{link} nodad"));
    }
    let (server, port) = server_everywhere();
    for link in ["ca", "cb"] {
        let scope = rustix::net::netdevice::name_to_index(client("[::1]:0"), link).expect("a link");
        let at = |address: &str, port| {
            let address: Ipv6Addr = address.parse().expect("an address");
            SocketAddr::from(SocketAddrV6::new(address, port, 0, scope))
        };
        let client = patient(UdpSocket::bind(at("fe80::1", 0)).expect("a free port"));
        echo(&client, at("fe80::7", port), &[7; 5000]);
    }
    assert_eq!(totals(server), "2 datagrams, 10 000 bytes echoed");
}
