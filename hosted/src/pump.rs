//! Bytes between a stream of the operating system and any [`Endpoint`].
//!
//! The server, the client and the measuring loop all move their bytes here.
//! The pump decides nothing: it writes, reads, and tells the endpoint.

use std::io::{self, ErrorKind, Read, Write};

use echo_core::{Endpoint, Instant};
use mio::event::Event;

/// Rounds of write and read before others get their turn.
const ROUNDS: usize = 16;

/// What is known of a stream that reports changes only (edge-triggered): a
/// system call that could only say "not now" is never made.
///
/// Serves a blocking stream with a time-out too: whoever waits in the read sets
/// [`readable`](Self::readable) before each round.
#[derive(Debug, Clone, Copy)]
pub struct Pump {
    /// There may be something to read.
    pub readable: bool,
    /// There may be space to write.
    pub writable: bool,
    /// The peer's FIN has been announced: only reading to it ends the input.
    pub fin: bool,
}

/// What a pump leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pumped {
    /// Nothing moves until the stream reports a change.
    Blocked,
    /// There may be more to move; others should have their turn first.
    More,
}

impl Pump {
    /// For a stream of which nothing is known yet: trying is the way to find out.
    #[must_use]
    pub const fn new() -> Self {
        Self { readable: true, writable: true, fin: false }
    }

    /// Remembers what the system says of the stream. An error shows both ways:
    /// whatever is tried next will meet it.
    pub fn note(&mut self, event: &Event) {
        let broken = event.is_error() || event.is_write_closed();
        self.readable |= event.is_readable() || event.is_read_closed() || broken;
        self.writable |= event.is_writable() || broken;
        self.fin |= event.is_read_closed();
    }

    /// Moves what can be moved now, both ways. `clock` is asked after each read
    /// that brought something or the FIN, so that an arrival is not dated before its wait.
    ///
    /// # Errors
    ///
    /// What the stream says, when the connection is broken.
    pub fn run<S: Read + Write, E: Endpoint>(
        &mut self,
        stream: &mut S,
        endpoint: &mut E,
        scratch: &mut [u8],
        mut now: Instant,
        clock: impl Fn() -> Instant,
    ) -> io::Result<Pumped> {
        for _ in 0..ROUNDS {
            self.write(stream, endpoint, now)?;
            let room = endpoint.room().min(scratch.len());
            if !self.readable || room == 0 {
                return Ok(Pumped::Blocked);
            }
            match stream.read(&mut scratch[..room]) {
                Ok(0) => {
                    self.readable = false;
                    endpoint.handle_eof(clock());
                }
                Ok(n) => {
                    now = clock();
                    endpoint.handle_received(now, &scratch[..n]);
                    if n < room && !self.fin {
                        self.quiet(endpoint, now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.quiet(endpoint, now),
                Err(error) if error.kind() == ErrorKind::Interrupted => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Pumped::More)
    }

    fn write<S: Write, E: Endpoint>(
        &mut self,
        stream: &mut S,
        endpoint: &mut E,
        now: Instant,
    ) -> io::Result<()> {
        while self.writable {
            let bytes = endpoint.to_send();
            if bytes.is_empty() {
                break;
            }
            match stream.write(bytes) {
                Ok(n) => {
                    // A part means that the buffer is full now.
                    self.writable = n == bytes.len();
                    endpoint.handle_sent(now, n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn quiet<E: Endpoint>(&mut self, endpoint: &mut E, now: Instant) {
        self.readable = false;
        endpoint.handle_quiet(now);
    }
}

impl Default for Pump {
    fn default() -> Self {
        Self::new()
    }
}
