//! Echo servers of known behaviour.
//!
//! Each notes for how long it really held a message, from having read it to
//! writing it: no round trip can be shorter, and what is longer is the way
//! there and back, and the instrument.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a message.
pub(crate) const LENGTH: usize = 100;

/// A server of one connection that holds message `n` for as long as `delay` says.
pub(crate) struct Delaying {
    pub(crate) address: SocketAddr,
    held: Receiver<Vec<Duration>>,
}

impl Delaying {
    pub(crate) fn start(delay: impl Fn(u64) -> Duration + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (sender, held) = mpsc::channel();
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            let _ = sender.send(serve(stream, delay));
        });
        Self { address, held }
    }

    /// For how long it held each message, once its client has left.
    pub(crate) fn held(self) -> Vec<Duration> {
        self.held.recv().expect("the server ended well")
    }
}

fn serve(mut stream: TcpStream, delay: impl Fn(u64) -> Duration) -> Vec<Duration> {
    stream.set_nodelay(true).expect("TCP");
    let mut message = [0; LENGTH];
    let mut held = Vec::new();
    for number in 0.. {
        if stream.read_exact(&mut message).is_err() {
            break;
        }
        let read = Instant::now();
        hold(read, delay(number));
        let before = read.elapsed();
        if stream.write_all(&message).is_err() {
            break;
        }
        held.push(before);
    }
    held
}

/// Sleeps most of it, and spins the rest: a sleep alone ends some 60 µs late.
fn hold(since: Instant, delay: Duration) {
    thread::sleep(delay.saturating_sub(since.elapsed() + Duration::from_micros(200)));
    while since.elapsed() < delay {
        std::hint::spin_loop();
    }
}
