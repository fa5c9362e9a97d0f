//! An echo service ([RFC 862]) as state machines that know no socket, no clock
//! and no heap: bytes and instants go in, bytes and decisions come out.
//!
//! [`Session`] is the server's end of one connection, [`Probe`] the client's, and a [`Script`]
//! is whatever peer a test needs. All are [`Endpoint`]s, so one run loop drives any of them on
//! any TCP stack. What an echo service over UDP has to decide is in [`datagram`].
//! Everything that makes a good echo service is decided here, once: the idle
//! time-out, back-pressure, half-close, the word `exit`, closing without losing
//! the tail, and what counts as a right echo. The crate is `no_std`, allocates
//! nothing, contains no `unsafe` and depends on [`heapless`] alone.
//!
//! # On your board in an hour
//!
//! If your board is an Ethernet device of smoltcp, `echo-smoltcp` is the whole host, and there is
//! no loop to write. On an asynchronous stack (embassy-net, edge-nal) `echo-async` is the loop.
//! For C there is `core/c/include/echo_core.h`. On any other stack:
//!
//! 1. **Dependency**: `echo-core = { path = "echo/core" }`, in a clone of its repository. It has
//!    no features and needs no nightly compiler: `rustup target add thumbv7m-none-eabi`.
//! 2. **Storage**: a [`Session`] for each connection, wherever you like, static for instance. It
//!    is one value that owns nothing: make it when a connection is accepted, and to be rid of it,
//!    forget it. Besides, one array to read into, for all of them.
//! 3. **Clock**: an [`Instant`] from a time that never runs backwards, since whatever zero.
//!    Counters of 32 bits wrap, and have to be [extended](#a-clock-of-32-bits).
//! 4. **The run loop** below, for each connection.
//! 5. **The test**, from a PC in the same network. It tries all the ways in which clients behave,
//!    and says what is usually wrong if one fails:
//!
//!    ```text
//!    hosted check BOARD:7             any echo server
//!    hosted check BOARD:7 --ours      and the word `exit`, unless the rules switch it off
//!    hosted fail-rate BOARD:7 -c 1M   a million messages, compared byte for byte
//!    ```
//!
//! # The run loop
//!
//! A driver owns the socket, the clock and the wait. It makes a session for each connection that
//! it accepts. Then, whenever the stack reports anything about the socket, or the deadline has
//! come, it does this, in this order:
//!
//! 1. **Write** [`to_send`](Endpoint::to_send) as far as the stack accepts it, and
//!    report that by [`handle_sent`](Endpoint::handle_sent).
//! 2. **Read** while there is [`room`](Endpoint::room), and never more than that; report what came
//!    by [`handle_received`](Endpoint::handle_received), or the peer's FIN by
//!    [`handle_eof`](Endpoint::handle_eof). After each read that brought less than it
//!    asked for, or nothing, call [`handle_quiet`](Endpoint::handle_quiet): what arrives
//!    next is another message. Back to 1 while anything moved, but give others a turn now and
//!    then, and come back: a peer may send without end.
//! 3. **Timeout**: report by [`handle_delivered`](Endpoint::handle_delivered) if the peer took
//!    bytes that the stack still had, then call [`handle_timeout`](Endpoint::handle_timeout), each
//!    time. After reading: a [`Session`] keeps what arrived in time and was read late, so bytes
//!    beat the clock; a [`Probe`] judges time, and what is reported at the deadline is late. Write
//!    what this has released.
//! 4. **Finish**: once [`finished`](Endpoint::finished), shut the sending side (FIN), once, and go
//!    on; once [`end`](Endpoint::end) is known, close the socket; with a reset if it is
//!    [`CloseReason::Reset`]. Both may be so at the same time: look at `finished` first.
//! 5. **Wait** until the socket is readable (only if there is room), writable
//!    (only if there is something to send), or the [`deadline`](Endpoint::deadline). Round it up
//!    to your ticks: a driver that wakes early has to wait again.
//!
//! When the connection breaks (a reset, an error of the stack) close it, and forget the session. Was
//! it a reset, report it by [`handle_reset`](Endpoint::handle_reset) before: some peers leave with
//! one, and if [`end`](Endpoint::end) is known after it, that was no failure.
//!
//! That is the whole contract. Here it is for a stack whose calls do not block; `Socket` stands
//! for whatever yours is called:
//!
//! ```
//! use echo_core::{CloseReason, Endpoint, Instant, Rules, Session};
//!
//! /// What a TCP stack offers, under whatever names.
//! trait Socket {
//!     /// How many bytes were accepted; 0 if none can be now.
//!     fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken>;
//!     /// How many bytes were read; `None` if there are none now, 0 after the peer's FIN.
//!     fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Broken>;
//!     /// Whether the peer acknowledged bytes since the last call; `false` if nobody knows.
//!     fn delivered(&mut self) -> bool;
//!     /// Sends a FIN, after what was written.
//!     fn shutdown(&mut self);
//! }
//!
//! /// The connection was reset, or is gone.
//! #[derive(Debug, PartialEq)]
//! struct Broken;
//!
//! /// One connection, and whether its FIN is sent.
//! struct Connection<S> {
//!     socket: S,
//!     session: Session<1024>, // with a buffer of 1024 bytes
//!     shut: bool,
//! }
//!
//! /// Before others have a turn.
//! const ROUNDS: usize = 16;
//!
//! /// Moves what can be moved now. Once it returns an end, or an error, the socket is to be
//! /// closed, and the connection to be forgotten.
//! fn pump<S: Socket>(
//!     connection: &mut Connection<S>,
//!     scratch: &mut [u8],
//!     now: Instant,
//! ) -> Result<Option<CloseReason>, Broken> {
//!     let Connection { socket, session, shut } = connection;
//!     for _ in 0..ROUNDS {
//!         // 1. write
//!         let wrote = write(socket, session, now)?;
//!         // 2. read, never with an empty slice: 0 would look like a FIN
//!         let room = session.room().min(scratch.len());
//!         if room == 0 {
//!             if wrote { continue } else { break }
//!         }
//!         match socket.read(&mut scratch[..room])? {
//!             Some(0) => session.handle_eof(now),
//!             Some(n) => {
//!                 session.handle_received(now, &scratch[..n]);
//!                 if n < room {
//!                     session.handle_quiet(now);
//!                 }
//!             }
//!             None => {
//!                 session.handle_quiet(now);
//!                 break;
//!             }
//!         }
//!     }
//!     // 3. time; a peer that takes what was written gets more of it
//!     if socket.delivered() {
//!         session.handle_delivered(now);
//!     }
//!     session.handle_timeout(now);
//!     write(socket, session, now)?;
//!     // 4. finish
//!     if session.finished() && !*shut {
//!         *shut = true;
//!         socket.shutdown();
//!     }
//!     Ok(session.end())
//! }
//!
//! fn write<S: Socket>(
//!     socket: &mut S,
//!     session: &mut Session<1024>,
//!     now: Instant,
//! ) -> Result<bool, Broken> {
//!     if session.to_send().is_empty() {
//!         return Ok(false);
//!     }
//!     let n = socket.write(session.to_send())?;
//!     session.handle_sent(now, n);
//!     Ok(n > 0)
//! }
//!
//! # #[derive(Default)]
//! # struct Wire { input: std::collections::VecDeque<&'static [u8]>, open: bool, output: Vec<u8>, fin: u8 }
//! # impl Socket for Wire {
//! #     fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
//! #         self.output.extend(bytes);
//! #         Ok(bytes.len())
//! #     }
//! #     fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Broken> {
//! #         let Some(piece) = self.input.pop_front() else { return Ok((!self.open).then_some(0)) };
//! #         buffer[..piece.len()].copy_from_slice(piece);
//! #         Ok(Some(piece.len()))
//! #     }
//! #     fn delivered(&mut self) -> bool { false }
//! #     fn shutdown(&mut self) { self.fin += 1; }
//! # }
//! # let now = Instant::START;
//! # let socket = Wire { input: [&b"hello"[..]].into(), ..Wire::default() };
//! let session = Session::new(now, Rules::default());
//! let mut connection = Connection { socket, session, shut: false };
//! let mut scratch = [0; 1024];
//! let end = loop {
//!     if let Some(end) = pump(&mut connection, &mut scratch, now)? {
//!         break end;
//!     }
//!     // 5. wait for the socket or for session.deadline()
//! };
//! assert_eq!(end, CloseReason::Disconnected);
//! # let Connection { socket, shut, .. } = connection;
//! # assert_eq!((&socket.output[..], socket.fin, shut), (&b"hello"[..], 1, true));
//! # // Another message that arrives between two reads is not glued to the one before.
//! # let socket = Wire { input: [&b"hello"[..], b"exit"].into(), open: true, ..Wire::default() };
//! # let session = Session::new(now, Rules::default());
//! # let mut connection = Connection { socket, session, shut: false };
//! # assert_eq!(pump(&mut connection, &mut scratch, now), Ok(None));
//! # let silent = connection.session.deadline().expect("a word is held");
//! # assert_eq!(pump(&mut connection, &mut scratch, silent), Ok(None));
//! # connection.socket.open = false;
//! # assert_eq!(pump(&mut connection, &mut scratch, silent), Ok(Some(CloseReason::Exit)));
//! # assert_eq!((&connection.socket.output[..], connection.socket.fin), (&b"hello"[..], 1));
//! # Ok::<(), Broken>(())
//! ```
//!
//! A server of many connections keeps an array of `Option<Connection>`, and waits until the
//! earliest of their deadlines. `pump` works for every [`Endpoint`], of either end, if it is
//! made generic: nothing in it is a session's own. A client has a [`Probe`], and a loop around all
//! that: [`begin`](Probe::begin) a message, pump until its end, and begin the next one.
//!
//! A stack that calls back (lwIP's raw API): when data came, 2 and 1, and keep what there is no
//! room for; when some was sent, `handle_delivered`, 1 and 2; a timer for 3; 4 after each of them.
//!
//! Six hints for drivers:
//!
//! - `handle_quiet` ends a message: without it a lone `e` (the beginning of `exit`)
//!   would not be echoed, and the word `exit` would be glued to what came before.
//! - A read that returned fewer bytes than asked for took all there was: no second
//!   call is needed to find that there is nothing more. It is `handle_quiet` that must not be
//!   left out then: on a stack that sends at once the peer may answer before the next read.
//! - Switch off Nagle's algorithm (`TCP_NODELAY`): an echo would wait for an acknowledgement. And
//!   urgent data is data like any other (`SO_OOBINLINE`).
//! - A stack accepts far more than the peer has taken, so a slow reader makes
//!   progress even while nothing can be written. If the stack must be asked what was
//!   acknowledged, ask at deadlines and somewhat before, never per message; if it
//!   cannot be asked, the bytes that it accepted have to count.
//! - `exit` and one-shot are decided by [silence](SILENCE), and closing by
//!   [lingering](LINGER). Both are ordinary deadlines.
//! - To see what arrives, or to spoil it, put [`Intercepted`] between the driver and
//!   the endpoint. For a server that fails now and then, use [`Faulty`].
//!
//! # A clock of 32 bits
//!
//! A counter of milliseconds wraps after 49.7 days. Look at it at least that often, and not from
//! two places at once:
//!
//! ```
//! use core::time::Duration;
//!
//! use echo_core::Instant;
//!
//! /// The time, from ticks that wrap; `millis` is for it to remember, from 0 on.
//! fn extend(millis: &mut u64, ticks: u32) -> Instant {
//!     *millis += u64::from(ticks.wrapping_sub(*millis as u32));
//!     Instant::new(Duration::from_millis(*millis))
//! }
//!
//! let mut millis = 0;
//! let before = extend(&mut millis, u32::MAX);
//! assert_eq!(extend(&mut millis, 9), before + Duration::from_millis(10));
//! ```
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
//! `Session<N>` takes `N` bytes, at least 8, and about 170 more; `Probe` its window and about 230
//! more, with pointers of 64 bits. Both sizes bound throughput on a fast stack, never the length of a message. What is read
//! at once is bounded by the array that it is read into: as large as `N` is best.
//!
//! [RFC 862]: https://www.rfc-editor.org/rfc/rfc862

#![no_std]
#![forbid(unsafe_code)]

pub mod datagram;
mod endpoint;
pub mod exit;
mod failure;
mod faulty;
pub mod idle;
mod intercepted;
mod payload;
mod probe;
pub mod random;
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
pub use session::{CloseReason, Haste, LINGER, Rules, SILENCE, Session};
pub use tally::Tally;
pub use time::Instant;
