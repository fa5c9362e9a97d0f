//! Clients that read slowly, behind a send buffer that has accepted everything.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use echo_core::{CloseReason, Rules};
use socket2::{Domain, Socket, Type};

use crate::support::{Echo, connect, patient, ping, rest};

const LIMIT: Duration = Duration::from_millis(500);
const MESSAGE: &[u8] = &[b'x'; 300_000];

/// A server with an idle limit and a client with a small receive buffer, who has
/// sent a long message and read one byte of the echo.
fn reader() -> (Echo, TcpStream) {
    let echo = Echo::with(Rules { idle: Some(LIMIT), ..Rules::default() });
    // Whoever comes before it serves finds the listener as it was.
    ping(&mut connect(echo.address), b"hello");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("an option");
    socket.connect(&echo.address.into()).expect("somebody listens");
    let mut client = patient(socket.into());
    client.write_all(MESSAGE).expect("sent");
    client.read_exact(&mut [0]).expect("the session has begun");
    (echo, client)
}

#[test]
fn a_slow_reader_is_not_idle() {
    for _ in 0..5 {
        let (echo, mut client) = reader();
        let (mut read, mut slowest) = (1, Duration::ZERO);
        while read < MESSAGE.len() {
            let before = Instant::now();
            // The pace of the reader, not a wait for somebody.
            thread::sleep(LIMIT / 10);
            read += client.read(&mut [0; 5000]).expect("the echo");
            slowest = slowest.max(before.elapsed());
        }
        client.shutdown(Shutdown::Write).expect("the session goes on");
        assert_eq!(rest(&client), b"");
        // If this machine did not let us read, the server was right, whatever it did.
        if slowest < LIMIT {
            let totals = echo.stop();
            assert_eq!(totals.closed(CloseReason::TimedOut), 0, "{totals}");
            return;
        }
    }
    // No fault of anybody, in CI neither. Not `println!`, which the harness hides.
    let busy = "SKIPPED: a slow reader: this machine is too busy to read at a steady pace";
    writeln!(io::stderr(), "{busy}").expect("stderr is open");
}

#[test]
fn a_client_that_never_reads_ties_up_little_memory() {
    let (echo, mut client) = reader();
    // Until it is cut off.
    while client.write(MESSAGE).is_ok() {}
    let echoed = echo.stop().bytes;
    assert!(echoed < 1_000_000, "{echoed} bytes lie in the system's buffers");
}

#[test]
fn a_reader_that_takes_no_more_is_cut_off() {
    let (echo, _client) = reader();
    let totals = echo.stop();
    assert_eq!(totals.closed(CloseReason::TimedOut), 1, "{totals}");
}
