//! An echo service ([RFC 862]) as state machines that know no socket, no clock
//! and no heap: bytes and instants go in, bytes and decisions come out.
//!
//! [`Session`] is the server's end of one connection, [`Probe`] the client's, and a [`Script`]
//! is whatever peer a test needs. All are [`Endpoint`]s, so one run loop drives any of them on
//! any TCP stack.
//! Everything that makes a good echo service is decided here, once: the idle
//! time-out, back-pressure, half-close, the word `exit`, closing without losing
//! the tail, and what counts as a right echo. The crate is `no_std`, allocates
//! nothing, contains no `unsafe` and depends on [`heapless`] alone.
//!
//! # The run loop
//!
//! A driver owns the socket, the clock and the wait. For each connection it
//! repeats, in this order:
//!
//! 1. **Write** [`to_send`](Endpoint::to_send) as far as the stack accepts it, and
//!    report that by [`handle_sent`](Endpoint::handle_sent).
//! 2. **Read** while there is [`room`](Endpoint::room), and report what came by
//!    [`handle_received`](Endpoint::handle_received) or
//!    [`handle_eof`](Endpoint::handle_eof). After each read that brought less than it
//!    asked for, or nothing, call [`handle_quiet`](Endpoint::handle_quiet): what arrives
//!    next is another message. Back to 1 while anything moved.
//! 3. **Timeout**: when the [`deadline`](Endpoint::deadline) has come, report by
//!    [`handle_delivered`](Endpoint::handle_delivered) if the peer took bytes that the
//!    stack still had, then call [`handle_timeout`](Endpoint::handle_timeout). After
//!    reading: a [`Session`] keeps what arrived in time and was read late, so bytes beat
//!    the clock; a [`Probe`] judges time, and what is reported at the deadline is late.
//! 4. **Finish**: once [`finished`](Endpoint::finished), shut the sending side; once
//!    [`end`](Endpoint::end) is known, close the socket; with a reset if it is
//!    [`CloseReason::Reset`].
//! 5. **Wait** until the socket is readable (only if there is room), writable
//!    (only if there is something to send), or the deadline.
//!
//! That is the whole contract. C has it, too: `core/c/include/echo_core.h`. Here it is for a
//! stack whose calls do not block; `Socket` stands for whatever yours is called:
//!
//! ```
//! use echo_core::{CloseReason, Endpoint, Instant, Rules, Session};
//!
//! /// What a TCP stack offers, under whatever names.
//! trait Socket {
//!     /// How many bytes were accepted; 0 if none can be now.
//!     fn write(&mut self, bytes: &[u8]) -> usize;
//!     /// How many bytes were read; `None` if there are none now, 0 after the peer's FIN.
//!     fn read(&mut self, buffer: &mut [u8]) -> Option<usize>;
//!     /// Whether the peer acknowledged bytes since the last call.
//!     fn delivered(&mut self) -> bool;
//!     /// Sends a FIN, after what was written.
//!     fn shutdown(&mut self);
//! }
//!
//! /// One round: moves what can be moved now. `Some` when the connection is over.
//! fn pump<E: Endpoint>(
//!     socket: &mut impl Socket,
//!     endpoint: &mut E,
//!     now: Instant,
//! ) -> Option<E::End> {
//!     let mut scratch = [0; 512];
//!     loop {
//!         // 1. write
//!         while !endpoint.to_send().is_empty() {
//!             match socket.write(endpoint.to_send()) {
//!                 0 => break,
//!                 n => endpoint.handle_sent(now, n),
//!             }
//!         }
//!         // 2. read, never with an empty slice: 0 would look like a FIN
//!         let room = endpoint.room().min(scratch.len());
//!         if room == 0 {
//!             break;
//!         }
//!         match socket.read(&mut scratch[..room]) {
//!             Some(0) => {
//!                 endpoint.handle_eof(now);
//!                 break;
//!             }
//!             Some(n) => {
//!                 endpoint.handle_received(now, &scratch[..n]);
//!                 if n < room {
//!                     endpoint.handle_quiet(now);
//!                 }
//!             }
//!             None => {
//!                 endpoint.handle_quiet(now);
//!                 break;
//!             }
//!         }
//!     }
//!     // 3. time; a peer that takes what was written gets more of it
//!     if socket.delivered() {
//!         endpoint.handle_delivered(now);
//!     }
//!     endpoint.handle_timeout(now);
//!     // 4. finish; what handle_quiet or handle_eof released is written next round
//!     if endpoint.finished() {
//!         socket.shutdown();
//!     }
//!     endpoint.end()
//! }
//!
//! # #[derive(Default)]
//! # struct Wire { input: std::collections::VecDeque<&'static [u8]>, open: bool, output: Vec<u8>, fin: bool }
//! # impl Socket for Wire {
//! #     fn write(&mut self, bytes: &[u8]) -> usize {
//! #         self.output.extend(bytes);
//! #         bytes.len()
//! #     }
//! #     fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
//! #         let Some(piece) = self.input.pop_front() else { return (!self.open).then_some(0) };
//! #         buffer[..piece.len()].copy_from_slice(piece);
//! #         Some(piece.len())
//! #     }
//! #     fn delivered(&mut self) -> bool { false }
//! #     fn shutdown(&mut self) { self.fin = true; }
//! # }
//! # let mut socket = Wire { input: [&b"hello"[..]].into(), ..Wire::default() };
//! // 1024 bytes of buffer, inside the session: it is one value.
//! let mut session = Session::<1024>::new(Instant::START, Rules::default());
//! let end = loop {
//!     if let Some(end) = pump(&mut socket, &mut session, Instant::START) {
//!         break end;
//!     }
//!     // 5. wait for the socket or for session.deadline()
//! };
//! assert_eq!(end, CloseReason::Disconnected);
//! # assert_eq!((&socket.output[..], socket.fin), (&b"hello"[..], true));
//! # // Another message that arrives between two reads is not glued to the one before.
//! # let mut socket = Wire { input: [&b"hello"[..], b"exit"].into(), open: true, ..Wire::default() };
//! # let mut session = Session::<1024>::new(Instant::START, Rules::default());
//! # assert_eq!(pump(&mut socket, &mut session, Instant::START), None);
//! # let silent = session.deadline().expect("a word is held");
//! # pump(&mut socket, &mut session, silent);
//! # socket.open = false;
//! # assert_eq!(pump(&mut socket, &mut session, silent), Some(CloseReason::Exit));
//! # assert_eq!((&socket.output[..], socket.fin), (&b"hello"[..], true));
//! ```
//!
//! Five hints for drivers:
//!
//! - `handle_quiet` ends a message: without it a lone `e` (the beginning of `exit`)
//!   would not be echoed, and the word `exit` would be glued to what came before.
//! - A read that returned fewer bytes than asked for took all there was: no second
//!   call is needed to find that there is nothing more.
//! - A stack accepts far more than the peer has taken, so a slow reader makes
//!   progress even while nothing can be written. If the stack must be asked what was
//!   acknowledged, ask at deadlines and somewhat before, never per message; if it
//!   cannot be asked, the bytes that it accepted have to count.
//! - `exit` and one-shot are decided by [silence](SILENCE), and closing by
//!   [lingering](LINGER). Both are ordinary deadlines.
//! - To see what arrives, or to spoil it, put [`Intercepted`] between the driver and
//!   the endpoint. For a server that fails now and then, use [`Faulty`].
//!
//! # The path of a byte
//!
//! ```text
//! read ──► Session::handle_received ──► ExitScanner ──► buffer ──► to_send ──► write
//!                    │ restarts                │ holds back the word     │ handle_sent restarts
//!                    └──────────► IdleTimer ◄──┴── silence, linger ──────┴── handle_delivered
//! ```
//!
//! # Sizes
//!
//! `Session<N>` takes `N` bytes and about 170 more, `Probe` its window and about 170 more.
//! Both sizes bound throughput on a fast stack, never the length of a message.
//!
//! [RFC 862]: https://www.rfc-editor.org/rfc/rfc862

#![no_std]
#![forbid(unsafe_code)]

mod endpoint;
pub mod exit;
mod failure;
mod faulty;
pub mod idle;
mod intercepted;
mod payload;
mod probe;
pub mod script;
mod session;
mod tally;
mod time;

pub use endpoint::Endpoint;
pub use exit::ExitScanner;
pub use failure::{Difference, Failure, FailureKind, Fault};
pub use faulty::{Defect, Faulty, Odds, Planted, Spoiler};
pub use idle::IdleTimer;
pub use intercepted::Intercepted;
pub use payload::{Origin, Payload};
pub use probe::Probe;
pub use script::Script;
pub use session::{CloseReason, LINGER, Rules, SILENCE, Session};
pub use tally::Tally;
pub use time::Instant;
