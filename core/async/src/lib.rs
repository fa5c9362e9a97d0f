//! The run loop of [`echo_core`] over asynchronous streams: anything that [`embedded_io_async`]
//! can [`Read`](embedded_io_async::Read) and [`Write`](embedded_io_async::Write), such as the sockets
//! of embassy-net or edge-nal.
//!
//! A [`Pump`] drives any [`Endpoint`](echo_core::Endpoint) over the two halves of one connection:
//! a [`Session`](echo_core::Session) is an echo server, a [`Probe`](echo_core::Probe) a client.
//! It does the five steps of the [contract](echo_core#the-run-loop), so that all that is left is to
//! accept connections and to close them. The crate is `no_std`, allocates nothing, contains no
//! `unsafe`, and knows no executor, no stack and no timer.
//!
//! # A server
//!
//! All of it but the stack and the executor:
//!
//! ```
//! use std::time;
//!
//! use echo_async::{Broken, Clock, Pump, Turn};
//! use echo_core::{CloseReason, Instant, Rules, Session};
//! use embedded_io_async::{Read, Write};
//!
//! /// The time since the start. There is one for all connections.
//! struct Uptime(time::Instant);
//!
//! impl Clock for Uptime {
//!     fn now(&self) -> Instant {
//!         Instant::new(self.0.elapsed())
//!     }
//!
//!     async fn sleep_until(&self, at: Instant) {
//!         async_io::Timer::at(self.0 + at.since_start()).await;
//!     }
//! }
//!
//! /// Serves a connection that was accepted; `shut` sends a FIN. When it returns, the connection
//! /// is to be closed.
//! async fn serve<R: Read, W: Write<Error = R::Error>>(
//!     reader: &mut R,
//!     writer: &mut W,
//!     shut: impl Fn(),
//!     clock: &impl Clock,
//!     rules: Rules,
//! ) -> Result<CloseReason, Broken<R::Error>> {
//!     // Both belong to this connection alone.
//!     let mut session = Session::<1024>::new(clock.now(), rules);
//!     let mut scratch = [0; 1024];
//!     let mut pump = Pump::new(clock, &mut scratch);
//!     loop {
//!         match pump.drive(reader, writer, &mut session).await? {
//!             Turn::Finished => shut(),
//!             Turn::Over(reason) => return Ok(reason),
//!         }
//!     }
//! }
//!
//! // A slice is a peer that sends this and then its FIN.
//! let (mut reader, mut writer) = (&b"hello"[..], Vec::new());
//! let clock = Uptime(time::Instant::now());
//! let served = serve(&mut reader, &mut writer, || println!("FIN"), &clock, Rules::default());
//! assert_eq!(async_io::block_on(served), Ok(CloseReason::Disconnected));
//! assert_eq!(writer, b"hello");
//! ```
//!
//! Two servers with all that belongs to them are in this crate's folder `examples`: `sockets.rs`, on
//! the operating system's sockets, with a task for each connection; and `embassy`, on embassy-net,
//! with a task for each of a fixed number of sockets. `hosted check BOARD:7 --ours` tells from
//! outside whether yours does all that it should.
//!
//! # What the halves must do
//!
//! - **Reads and writes are dropped** while they wait, whenever something else happens first. That
//!   must have no effect: no byte is taken, and none is sent. The traits encourage it and do not
//!   promise it. It is so with embassy-net, edge-nal and async-io; it is not with a DMA transfer
//!   into the caller's buffer.
//! - **A read that waits has nothing**, and one that does not fill its buffer has nothing more. One
//!   that waits although bytes are there (for the executor's sake, as with tokio's budget), or
//!   brings only some of them (a ring up to its end, a TLS record), makes the pump believe that a
//!   message is complete: a part of it that is the word `exit` could then count as a command.
//! - **A write leaves by itself.** A writer that holds bytes back until `flush` (a TLS record, a
//!   buffered writer) needs a wrapper that flushes after each write. And switch off Nagle's
//!   algorithm: an echo would wait for an acknowledgement.
//! - **What the stack accepted counts as delivered**, because the traits cannot tell what the peer
//!   has acknowledged. A session's idle limit therefore begins when the last byte is in the send
//!   buffer: make the limit longer than a slow peer needs to take that.
//!
//! # Closing
//!
//! After [`Turn::Finished`] shut the sending side only, and drive on: who closes with unread
//! input resets the connection on most stacks, and the peer loses the end of its echo. It takes 2
//! seconds ([`LINGER`](echo_core::LINGER)) at most. After [`Turn::Over`] see to it that the tail
//! still leaves. Some stacks forget it with the socket: on embassy-net, wait for `flush`, with a
//! limit, and only then `abort`, `flush` again and `accept` the next one. It refuses a connection
//! for which no socket listens, so have more of them than you expect clients.

#![no_std]
#![forbid(unsafe_code)]

mod clock;
mod pump;

pub use clock::Clock;
pub use pump::{Broken, Pump, Turn};
