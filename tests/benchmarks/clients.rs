//! The plainest clients: what `hosted rate` is compared with, and what it is no client for.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mio::{Events, Interest, Poll, Token};

use crate::load::{LENGTH, connect};
use crate::servers::spin;

const MESSAGE: [u8; LENGTH] = [b'0'; LENGTH];

/// The median round trip of the plainest client, in seconds.
pub(crate) fn ping_pong(address: SocketAddr, spins: bool, time: Duration) -> Result<f64> {
    let mut stream = connect(address)?;
    stream.set_nonblocking(spins)?;
    let mut echo = [0; LENGTH];
    median_of(time, || {
        stream.write_all(&MESSAGE)?;
        let mut got = 0;
        while got < LENGTH {
            let n = spin(|| stream.read(&mut echo[got..]))?;
            ensure!(n > 0, "the connection ended");
            got += n;
        }
        Ok(())
    })
}

/// The same over UDP. A socket that is connected hears only its peer, and not the server that answers from another address.
pub(crate) fn datagrams(address: SocketAddr, spins: bool, time: Duration) -> Result<f64> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.set_nonblocking(spins)?;
    let mut echo = [0; LENGTH];
    median_of(time, || {
        socket.send_to(&MESSAGE, address)?;
        spin(|| socket.recv_from(&mut echo))?;
        Ok(())
    })
}

fn median_of(time: Duration, mut exchange: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    while start.elapsed() < time {
        let begun = Instant::now();
        exchange()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64())
}

/// An event loop that does nothing but send, receive and take the time of each message, once.
pub(crate) struct EventLoop {
    poll: Poll,
    events: Events,
    /// Each with how much of the echo has come, and when the message began.
    streams: Vec<(mio::net::TcpStream, usize, Instant)>,
    slowest: Duration,
}

impl EventLoop {
    /// Opens the connections, on each of which a message is under way then.
    pub(crate) fn open(address: SocketAddr, connections: u16) -> Result<Self> {
        let poll = Poll::new()?;
        let open = |key: u16| {
            let stream = connect(address)?;
            stream.set_nonblocking(true)?;
            let mut stream = mio::net::TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(key.into()), Interest::READABLE)?;
            stream.write_all(&MESSAGE)?;
            Ok((stream, 0, Instant::now()))
        };
        let streams = (0..connections).map(open).collect::<Result<_>>()?;
        Ok(Self { poll, events: Events::with_capacity(1024), streams, slowest: Duration::ZERO })
    }

    /// Goes on for this long. Returns the number of messages that came back.
    pub(crate) fn run(&mut self, time: Duration) -> Result<u64> {
        let (start, mut messages, mut echo) = (Instant::now(), 0, [0; LENGTH]);
        while start.elapsed() < time || messages == 0 {
            self.poll.poll(&mut self.events, Some(time))?;
            for event in &self.events {
                let (stream, got, begun) = &mut self.streams[event.token().0];
                *got += stream.read(&mut echo)?;
                if *got >= LENGTH {
                    *got = 0;
                    messages += 1;
                    let now = Instant::now();
                    self.slowest = self.slowest.max(now - *begun);
                    *begun = now;
                    stream.write_all(&MESSAGE)?;
                }
            }
        }
        black_box(self.slowest);
        Ok(messages)
    }
}

/// Bytes per second there and back, of so many that are sent without waiting.
pub(crate) fn bulk(address: SocketAddr, bytes: u64) -> Result<f64> {
    let mut stream = connect(address)?;
    let mut writer = stream.try_clone()?;
    let start = Instant::now();
    let writing = thread::spawn(move || -> std::io::Result<()> {
        let block = vec![0; 1 << 18];
        let mut left = bytes as usize;
        while left > 0 {
            let length = left.min(block.len());
            writer.write_all(&block[..length])?;
            left -= length;
        }
        writer.shutdown(Shutdown::Write)
    });
    let mut block = vec![0; 1 << 18];
    let mut received = 0_u64;
    loop {
        match stream.read(&mut block)? {
            0 => break,
            n => received += n as u64,
        }
    }
    writing.join().expect("the writer does not panic")?;
    ensure!(received == bytes, "{received} bytes came back of {bytes}");
    Ok(bytes as f64 / start.elapsed().as_secs_f64())
}

/// The same of datagrams that fill a frame, 64 of them in flight.
pub(crate) fn bulk_datagrams(address: SocketAddr, time: Duration) -> Result<f64> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut datagram = [0; 1472];
    (0..64).try_for_each(|_| socket.send(&datagram).map(drop))?;
    let start = Instant::now();
    let mut bytes = 0;
    while start.elapsed() < time {
        bytes += socket.recv(&mut datagram)?;
        socket.send(&datagram)?;
    }
    Ok(bytes as f64 / start.elapsed().as_secs_f64())
}
