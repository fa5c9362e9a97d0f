//! Local ports of UDP, against sockets that answer as the test says.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use echo_core::Failure;
use echo_instruments::datagrams::{Datagrams, Received, Report};
use echo_instruments::icmp::Icmp;
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::stack::{Busy, Driver};
use hosted::datagrams::UdpSockets;
use rustix::io::Errno;

const MILLI: Duration = Duration::from_millis(1);

/// Far more than any step needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A peer that answers only when it is told to.
fn peer() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

/// A port at which nobody listens, nor can anybody as long as the socket is there: it hears only one peer.
fn refusing() -> (UdpSocket, SocketAddr) {
    let (socket, address) = peer();
    socket.connect((Ipv4Addr::LOCALHOST, 9)).expect("a route");
    (socket, address)
}

fn sockets(plan: &Plan, peer: SocketAddr) -> UdpSockets {
    UdpSockets::new(plan, peer, Vec::new()).expect("a queue")
}

/// Waits for ports that have something to receive; the last one waits inside if it may.
fn ready(sockets: &mut UdpSockets, messages: usize) -> Vec<usize> {
    let mut ready = Vec::new();
    let start = sockets.now();
    while ready.is_empty() && sockets.now() < start + PATIENCE {
        let now = sockets.now();
        let busy = Busy { messages, since: start, deadline: None };
        sockets.wait(now, now + PATIENCE, busy, &mut ready).expect("a wait");
    }
    ready
}

/// What has arrived at the port, once something has.
fn received(sockets: &mut UdpSockets, port: usize, buffer: &mut [u8]) -> Result<Received, Report> {
    loop {
        assert_eq!(ready(sockets, 1), [port]);
        if let Some(received) = sockets.receive(port, buffer)? {
            return Ok(received);
        }
    }
}

/// Sends back the next datagram, and returns it.
fn echo(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 16];
    let (length, from) = socket.recv_from(&mut buffer).expect("in time");
    socket.send_to(&buffer[..length], from).expect("sent");
    buffer.truncate(length);
    buffer
}

#[test]
fn every_length_comes_back_whole_by_every_way_to_wait() {
    for (spin, pace) in [
        (Duration::ZERO, Pace::Closed),
        (Duration::MAX, Pace::Closed),
        (MILLI, Pace::Interval(MILLI)),
        (Duration::ZERO, Pace::Rate(10.0)),
    ] {
        let (peer, address) = peer();
        let mut sockets = sockets(&Plan { spin, pace, ..Plan::new() }, address);
        for length in [0, 1, 1472, 1473, 65_507] {
            let sent: Vec<_> = (0..length).map(|at| (at % 251) as u8).collect();
            sockets.send(0, &sent).expect("it fits");
            assert!(echo(&peer) == sent, "{length}");
            let mut buffer = vec![0; length + 1];
            let whole = Received { length, from_peer: true };
            assert_eq!(received(&mut sockets, 0, &mut buffer), Ok(whole), "{spin:?}, {pace:?}");
            assert!(buffer[..length] == sent, "{length}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_datagram_longer_than_the_buffer_is_known_by_its_length() {
    let (peer, address) = peer();
    let mut sockets = sockets(&Plan::new(), address);
    sockets.send(0, &[7; 65_507]).expect("it fits");
    echo(&peer);
    let mut buffer = [0; 100];
    let cut = Received { length: 65_507, from_peer: true };
    assert_eq!(received(&mut sockets, 0, &mut buffer), Ok(cut));
    assert_eq!(buffer, [7; 100]);
}

#[test]
fn what_does_not_fit_into_a_datagram_is_not_sent() {
    let (_peer, address) = peer();
    let mut sockets = sockets(&Plan::new(), address);
    assert_eq!(sockets.send(0, &[0; 65_508]), Err(Failure::TooLong));
    assert_eq!(sockets.errno(), Some(Errno::MSGSIZE));
    assert_eq!(sockets.receive(0, &mut [0]), Ok(None));
    // Nor does it keep anybody awake.
    let (mut none, now) = (Vec::new(), sockets.now());
    let busy = Busy { messages: 0, since: now, deadline: None };
    let then = sockets.wait(now, now + 20 * MILLI, busy, &mut none).expect("a wait");
    assert!(none.is_empty() && then >= now + 19 * MILLI, "{none:?}");
}

#[test]
fn an_answer_from_another_address_or_port_is_told() {
    let (peer, address) = peer();
    let mut sockets = sockets(&Plan::new(), address);
    let same_port = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), address.port()));
    let other_port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let others = [Some(other_port), same_port.ok().filter(|_| cfg!(target_os = "linux"))];
    for other in others.iter().flatten() {
        sockets.send(0, b"ping").expect("sent");
        let (_, from) = peer.recv_from(&mut [0; 9]).expect("in time");
        other.send_to(b"pong", from).expect("sent");
        let foreign = Received { length: 4, from_peer: false };
        assert_eq!(received(&mut sockets, 0, &mut [0; 9]), Ok(foreign));
        // It is still expected, and still comes.
        peer.send_to(b"ping", from).expect("sent");
        let own = Received { length: 4, from_peer: true };
        assert_eq!(received(&mut sockets, 0, &mut [0; 9]), Ok(own));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn each_refused_datagram_is_told_and_swallows_no_other() {
    for spin in [Duration::ZERO, Duration::MAX] {
        let (_bound, address) = refusing();
        let mut sockets = sockets(&Plan { spin, ..Plan::new() }, address);
        // On the loopback the refusal is there when the next one is sent.
        for number in 0..3 {
            sockets.send(0, &[number; 99]).expect("sent");
        }
        let icmp = Some(Icmp { by: address.ip(), kind: 3, code: 3 });
        for number in 0..3 {
            let mut quote = [9; 100];
            let report = Report { failure: Failure::Refused, icmp, quoted: 64 };
            assert_eq!(received(&mut sockets, 0, &mut quote), Err(report));
            assert_eq!((&quote[..64], quote[64]), (&[number; 64][..], 9));
            assert_eq!(sockets.errno(), Some(Errno::CONNREFUSED));
        }
        assert_eq!(sockets.receive(0, &mut [0; 9]), Ok(None));
    }
}

/// A wait that takes no system call of its own reads no clock either.
#[test]
fn the_only_one_that_is_waited_for_is_received_from_at_once() {
    for spin in [Duration::ZERO, Duration::MAX] {
        let (_peer, address) = peer();
        let mut sockets = sockets(&Plan { spin, ..Plan::new() }, address);
        let waited = |sockets: &mut UdpSockets| {
            let (mut ready, now) = (Vec::new(), sockets.now());
            let busy = Busy { messages: 1, since: now, deadline: None };
            let then = sockets.wait(now, now + MILLI, busy, &mut ready).expect("a wait");
            (then == now, ready)
        };
        // The second takes the place of the first, which is given up.
        for _ in 0..2 {
            sockets.send(0, b"hi").expect("sent");
            assert_eq!(waited(&mut sockets), (true, vec![0]), "{spin:?}");
        }
        // Not if an echo is expected at two ports.
        sockets.send(1, b"hi").expect("sent");
        for _ in 0..2 {
            assert_eq!(waited(&mut sockets), (false, vec![]), "{spin:?}");
        }
    }
}

#[test]
fn a_port_is_told_until_it_is_empty() {
    let (peer, address) = peer();
    let mut sockets = sockets(&Plan { connections: 2, ..Plan::new() }, address);
    for port in [0, 1] {
        sockets.send(port, &[port as u8]).expect("sent");
    }
    for _ in [0, 1] {
        let mut byte = [0];
        let (_, from) = peer.recv_from(&mut byte).expect("in time");
        // Only the second port gets anything, and gets it three times.
        (0..3 * byte[0]).for_each(|_| _ = peer.send_to(&byte, from).expect("sent"));
    }
    for _ in 0..3 {
        assert_eq!(ready(&mut sockets, 2), [1]);
        let once = Received { length: 1, from_peer: true };
        assert_eq!(sockets.receive(1, &mut [0; 9]), Ok(Some(once)));
    }
    let (mut none, now) = (Vec::new(), sockets.now());
    let busy = Busy { messages: 2, since: now, deadline: None };
    let then = sockets.wait(now, now + 20 * MILLI, busy, &mut none).expect("a wait");
    assert!(none.is_empty() && then >= now + 19 * MILLI, "{none:?}");
}

#[test]
fn what_comes_to_a_port_that_nobody_waits_for_is_seen() {
    for spin in [Duration::ZERO, Duration::MAX] {
        let (peer, address) = peer();
        let mut sockets = sockets(&Plan { spin, ..Plan::new() }, address);
        sockets.send(0, b"0").expect("sent");
        let (_, idle) = peer.recv_from(&mut [0]).expect("in time");
        peer.send_to(b"0", idle).expect("sent");
        received(&mut sockets, 0, &mut [0; 9]).expect("the echo");
        // While another port exchanges without a pause, a duplicate comes.
        sockets.send(1, b"1").expect("sent");
        let peer = thread::spawn(move || {
            let (mut exchanges, mut byte) = (0, [0]);
            while let Ok((_, busy)) = peer.recv_from(&mut byte)
                && byte == *b"1"
            {
                peer.send_to(b"1", busy).expect("sent");
                exchanges += 1;
                if exchanges == 100 {
                    peer.send_to(b"0", idle).expect("sent");
                }
            }
            exchanges
        });
        let start = sockets.now();
        'exchange: loop {
            assert!(sockets.now() < start + PATIENCE, "nobody looks at the other port");
            for port in ready(&mut sockets, 1) {
                let received = sockets.receive(port, &mut [0; 9]).expect("no error");
                match (port, received) {
                    (0, Some(_)) => break 'exchange,
                    (1, Some(_)) => sockets.send(1, b"1").expect("sent"),
                    _ => {}
                }
            }
        }
        sockets.send(1, b"x").expect("sent");
        assert!(peer.join().expect("served") >= 100);
    }
}

/// A double that is left there would pass for the echo of what is sent from there next.
#[test]
fn what_has_come_to_a_port_is_told_before_its_turn_comes_again() {
    const PORTS: usize = 16;
    for spin in [Duration::ZERO, Duration::MAX] {
        let (peer, address) = peer();
        let mut sockets = sockets(&Plan { spin, ..Plan::new() }, address);
        let (mut doubles, mut rounds) = (vec![0; PORTS], 0);
        while rounds < 100 {
            for port in 0..PORTS {
                // The first rounds open the ports.
                assert!(doubles[port] == 0, "not told in a whole round: {doubles:?}");
                sockets.send(port, b"once").expect("sent");
                let (_, from) = peer.recv_from(&mut [0; 9]).expect("in time");
                for _ in 0..2 {
                    peer.send_to(b"once", from).expect("sent");
                }
                doubles[port] = 2;
                let mut came = false;
                while !came {
                    for told in ready(&mut sockets, 1) {
                        if sockets.receive(told, &mut [0; 9]).expect("no error").is_some() {
                            doubles[told] -= 1;
                            came |= told == port;
                        }
                    }
                }
            }
            rounds += 1;
        }
    }
}

#[test]
fn ports_are_opened_again_and_closed_ones_hear_nothing() {
    for address in [IpV::V4, IpV::V6] {
        let Some(peer) = address.peer() else { continue };
        let mut sockets = sockets(&Plan::new(), peer.local_addr().expect("bound"));
        sockets.close(3);
        for _ in 0..2 {
            sockets.send(3, b"hi").expect("sent");
            assert_eq!(echo(&peer), b"hi");
            received(&mut sockets, 3, &mut [0; 9]).expect("the echo");
            sockets.close(3);
            assert_eq!(sockets.receive(3, &mut [0; 9]), Ok(None));
        }
        // Two at once, one of them opened for the third time, are waited for by the queue.
        for port in [3, 4] {
            sockets.send(port, b"hi").expect("sent");
        }
        let mut came = Vec::new();
        for _ in 0..2 {
            assert_eq!(echo(&peer), b"hi");
        }
        while came.len() < 2 {
            for port in ready(&mut sockets, 2) {
                if sockets.receive(port, &mut [0; 9]).expect("no error").is_some() {
                    came.push(port);
                }
            }
        }
        assert_eq!(came, [3, 4]);
    }
}

enum IpV {
    V4,
    V6,
}

impl IpV {
    fn peer(&self) -> Option<UdpSocket> {
        match self {
            Self::V4 => Some(peer().0),
            Self::V6 => UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).ok(),
        }
    }
}
