use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use super::*;
use crate::server::datagrams::socket::Socket;

/// A socket, and a client of it that does not wait for ever.
fn pair() -> (UdpSocket, UdpSocket) {
    let [socket, client] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port"));
    client.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    client.connect(socket.local_addr().expect("bound")).expect("an address");
    (socket, client)
}

#[test]
fn what_is_cut_is_known_and_leaves_no_trace_in_what_follows() {
    let (socket, client) = pair();
    let mut batch = Batch::new(2, 10, true);
    for datagrams in [&[&[1; 11][..], &[2; 10]][..], &[&[3; 9][..], &[4; 10]]] {
        datagrams.iter().for_each(|datagram| assert!(client.send(datagram).is_ok()));
        assert_eq!(batch.receive(&socket).expect("both"), 2);
        for (number, datagram) in datagrams.iter().enumerate() {
            let Arrived { question, length } = batch.arrived(number).expect("a sender");
            assert_eq!(question.from, client.local_addr().expect("bound"));
            assert_eq!(length, (datagram.len() <= 10).then_some(datagram.len()));
            assert_eq!(batch.bytes(number, datagram.len()), &datagram[..datagram.len().min(10)]);
        }
    }
    assert_eq!(batch.receive(&socket).expect_err("no more").kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn only_those_that_are_to_be_answered_are_and_each_by_its_own_bytes() {
    let (socket, client) = pair();
    let mut batch = Batch::new(4, 10, true);
    (0..4).for_each(|n| assert!(client.send(&[n; 3]).is_ok()));
    assert_eq!(batch.receive(&socket).expect("all"), 4);
    for (number, length) in [(3, 3), (1, 0)] {
        assert!(batch.arrived(number).is_some());
        batch.answer(number, length);
    }
    assert_eq!(batch.send(&socket, 0).expect("both"), Sent { datagrams: 2, bytes: 3 });
    assert_eq!(batch.send(&socket, 2).expect("none"), Sent::default());
    batch.clear();
    assert_eq!(batch.send(&socket, 0).expect("none"), Sent::default());
    let mut buffer = [9; 10];
    assert_eq!(client.recv(&mut buffer).expect("an answer"), 3);
    assert_eq!(buffer[..3], [3; 3]);
    assert_eq!(client.recv(&mut buffer).expect("an empty one"), 0);
}

#[test]
fn only_those_of_one_length_from_one_peer_are_one_message_and_all_come_back_in_order() {
    let (socket, client) = pair();
    let other = UdpSocket::bind("127.0.0.1:0").expect("a port");
    other.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    other.connect(socket.local_addr().expect("bound")).expect("an address");
    for (together, messages) in [(true, [2, 1, 2, 1, 1, 1].as_slice()), (false, &[1; 8])] {
        let mut batch = Batch::new(8, 10, together);
        for (number, length) in (0..).zip([3, 3, 4, 3, 3, 0, 0]) {
            client.send(&[number; 4][..length]).expect("sent");
        }
        other.send(&[7; 3]).expect("sent");
        assert_eq!(batch.receive(&socket).expect("all"), 8);
        for number in 0..8 {
            let length = batch.arrived(number).and_then(|arrived| arrived.length);
            batch.answer(number, length.expect("whole"));
        }
        assert_eq!(batch.send(&socket, 0).expect("all"), Sent { datagrams: 8, bytes: 19 });
        assert_eq!(batch.answers.messages(), messages);
        let mut buffer = [9; 10];
        for (number, length) in (0..).zip([3, 3, 4, 3, 3, 0, 0]) {
            assert_eq!(client.recv(&mut buffer).expect("an answer"), length);
            assert_eq!(buffer[..length], [number; 4][..length]);
        }
        assert_eq!(other.recv(&mut buffer).expect("an answer"), 3);
        assert_eq!(buffer[..3], [7; 3]);
    }
}

/// As on a link that is too narrow, or cannot do it. Here the datagrams have no checksum, which the
/// kernel takes for a reason as well.
#[test]
fn what_the_kernel_does_not_send_together_is_sent_one_by_one_from_then_on() {
    let (socket, client) = pair();
    let yes: c_int = 1;
    // SAFETY: it points to as many bytes as it says.
    let set = unsafe {
        let (yes, size) = ((&raw const yes).cast(), size_of_val(&yes) as _);
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, yes, size)
    };
    assert_eq!(set, 0);
    let mut batch = Batch::new(4, 10, true);
    // The shorter ones are tried together once more.
    for (length, refused) in [(5, true), (5, false), (6, false), (4, true)] {
        (0..4).for_each(|n| assert!(client.send(&[n; 6][..length]).is_ok()));
        assert_eq!(batch.receive(&socket).expect("all"), 4);
        for number in 0..4 {
            assert!(batch.arrived(number).is_some());
            batch.answer(number, length);
        }
        if refused {
            let error = batch.send(&socket, 0).expect_err("several datagrams");
            assert!(batch.part(0, &error), "{error}");
        }
        let bytes = 4 * length as u64;
        assert_eq!(batch.send(&socket, 0).expect("all"), Sent { datagrams: 4, bytes });
        assert!(!batch.part(0, &io::ErrorKind::Other.into()), "each is one");
        batch.clear();
        for number in 0..4 {
            let mut buffer = [9; 10];
            assert_eq!(client.recv(&mut buffer).expect("an answer"), length);
            assert_eq!(buffer[..length], [number; 6][..length]);
        }
    }
}

/// A broadcast address, here that of the loopback, cannot be the source of one either. For that the kernel
/// has an error of its own, but for some addresses of IPv6 it has this one.
#[test]
fn what_cannot_be_sent_at_all_keeps_no_others_apart() {
    let socket = UdpSocket::bind("0.0.0.0:0").and_then(Socket::new).expect("a port").socket;
    let port = socket.local_addr().expect("bound").port();
    let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
    client.set_broadcast(true).expect("an option");
    let mut batch = Batch::new(2, 10, true);
    let mut ask = |address: Ipv4Addr| {
        (0..2).for_each(|_| assert!(client.send_to(&[7; 5], (address, port)).is_ok()));
        assert_eq!(batch.receive(&socket).expect("both"), 2);
        batch.clear();
        for number in 0..2 {
            assert!(batch.arrived(number).is_some());
            batch.answer(number, 5);
        }
        let mut send = || {
            let sent = batch.send(&socket, 0);
            sent.map_err(|_| batch.part(0, &rustix::io::Errno::INVAL.into()))
        };
        let [first, second] = [send(), send()];
        (first, second, batch.answers.messages())
    };
    let nowhere = Ipv4Addr::new(127, 255, 255, 255);
    assert_eq!(ask(nowhere), (Err(true), Err(false), vec![1, 1]));
    let both = || Ok(Sent { datagrams: 2, bytes: 10 });
    assert_eq!(ask(Ipv4Addr::LOCALHOST), (both(), both(), vec![2]));
}

#[test]
fn what_is_kept_goes_back_when_its_place_has_been_used_again() {
    let (socket, client) = pair();
    let mut batch = Batch::new(1, 10, true);
    for datagram in [&b"kept"[..], b"another"] {
        client.send(datagram).expect("sent");
        assert_eq!(batch.receive(&socket).expect("one"), 1);
        assert!(batch.arrived(0).is_some());
        if datagram == b"kept" {
            batch.keep(0, 4);
        }
    }
    batch.answer_kept();
    assert_eq!(batch.send(&socket, 0).expect("one"), Sent { datagrams: 1, bytes: 4 });
    let mut buffer = [9; 10];
    assert_eq!(client.recv(&mut buffer).expect("an answer"), 4);
    assert_eq!(&buffer[..4], b"kept");
}
