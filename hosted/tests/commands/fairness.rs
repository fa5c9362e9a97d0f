//! Clients that take more than their share, and those beside them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use echo_core::{Instant, Rules, Session};
use hosted::pump::{Pump, Pumped, Stream};

use crate::support::{Echo, connect, ping, rest};

/// More than the system's buffers of a connection hold.
const TOO_MUCH: usize = 64 << 20;

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let echo = Echo::with(Rules::default());
    let mut other = connect(echo.address);
    let mut deaf = connect(echo.address);
    deaf.set_nonblocking(true).expect("an option");
    let (mut sent, mut still) = (0, 0);
    // After each ping of the other, the server has been through its loop.
    while still < 100 {
        let more = send_all_that_goes(&mut deaf);
        sent += more;
        still = if more == 0 { still + 1 } else { 0 };
        assert!(sent < TOO_MUCH, "the server takes what it cannot give back");
        ping(&mut other, b"ping");
    }
    deaf.set_nonblocking(false).expect("an option");
    deaf.shutdown(Shutdown::Write).expect("half-closed");
    assert_eq!(rest(&deaf).len(), sent, "nothing was dropped");
}

fn send_all_that_goes(stream: &mut TcpStream) -> usize {
    let mut sent = 0;
    loop {
        match stream.write(&[b'0'; 16 << 10]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("cannot send: {error}"),
        }
    }
}

#[test]
fn a_greedy_client_leaves_room_for_others() {
    let echo = Echo::with(Rules::default());
    let greedy = connect(echo.address);
    let mut modest = connect(echo.address);
    thread::scope(|scope| {
        scope.spawn(|| while (&greedy).write(&[b'0'; 64 << 10]).is_ok() {});
        scope.spawn(|| while (&greedy).read(&mut [0; 64 << 10]).is_ok_and(|n| n > 0) {});
        for _ in 0..100 {
            ping(&mut modest, b"ping");
        }
        greedy.shutdown(Shutdown::Both).expect("connected");
    });
}

/// A stream that has always something to read, and takes all that is written.
#[derive(Default)]
struct Flood {
    reads: usize,
}

impl Stream for Flood {
    fn receive(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        assert!(self.reads < 1000, "nobody else ever gets a turn");
        Ok(bytes.len())
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn shut(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_turn_ends_even_if_there_is_always_more() {
    let now = Instant::START;
    let mut session = Session::<1024>::new(now, Rules::default());
    let pumped = Pump::new().run(&mut Flood::default(), &mut session, &mut [0; 64], now, || now);
    assert_eq!(pumped.expect("it goes well"), Pumped::More);
}
