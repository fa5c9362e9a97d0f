//! What an echo service over datagrams ([RFC 862]'s UDP half) has to decide.
//!
//! There is no session: each datagram comes back whole, once, to where it came from, from the
//! address that it was sent to; an empty one, too. What cannot come back whole does not come back.
//! All there is to decide is [whom not to answer](Question::unanswered), because two echo services
//! that answer each other never stop.
//!
//! # A UDP echo on a new stack
//!
//! 1. **Socket**: bound to the port, and not connected: a client that has vanished is then nobody's
//!    error. Set its hop limit (the TTL of IPv4) to [`HOPS`]: that is how others know an answer.
//! 2. **Storage**: one array as long as the longest datagram that the stack delivers, 65 527 bytes
//!    at most. A stack that cuts what is longer must say so: what was cut is dropped, and counted.
//! 3. **The loop** below. No clock is needed, and no memory of clients.
//!
//! ```
//! use core::net::{IpAddr, SocketAddr};
//!
//! use echo_core::datagram::{HOPS, Question, Unanswered};
//!
//! /// What a UDP stack offers, under whatever names.
//! trait Socket {
//!     fn set_hop_limit(&mut self, hops: u8);
//!     /// The next datagram, if one has arrived: its whole length, even where that is more than
//!     /// the buffer's, and what the stack knows of it.
//!     fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, Question)>;
//!     /// Sends it whole, or not at all: `false`.
//!     fn send(&mut self, datagram: &[u8], from: Option<IpAddr>, to: SocketAddr) -> bool;
//! }
//!
//! /// Counts, of which each datagram makes one.
//! #[derive(Debug, Default, PartialEq)]
//! struct Totals {
//!     echoed: u64,
//!     unanswered: [u64; Unanswered::ALL.len()],
//!     cut: u64,
//!     unsent: u64,
//! }
//!
//! /// Answers all that has arrived.
//! fn answer(socket: &mut impl Socket, port: u16, buffer: &mut [u8], totals: &mut Totals) {
//!     while let Some((length, question)) = socket.receive(buffer) {
//!         if let Some(reason) = question.unanswered(Some(port)) {
//!             totals.unanswered[reason as usize] += 1;
//!             continue;
//!         }
//!         match buffer.get(..length) {
//!             None => totals.cut += 1,
//!             Some(datagram) if socket.send(datagram, question.to, question.from) => {
//!                 totals.echoed += 1;
//!             }
//!             // No room, no route, too long for the way back: UDP may lose datagrams.
//!             Some(_) => totals.unsent += 1,
//!         }
//!     }
//! }
//!
//! # #[derive(Default)]
//! # struct Wire { input: Vec<(&'static [u8], SocketAddr)>, output: Vec<Vec<u8>>, hops: u8 }
//! # impl Socket for Wire {
//! #     fn set_hop_limit(&mut self, hops: u8) { self.hops = hops; }
//! #     fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, Question)> {
//! #         let (datagram, from) = self.input.pop()?;
//! #         let fits = datagram.len().min(buffer.len());
//! #         buffer[..fits].copy_from_slice(&datagram[..fits]);
//! #         Some((datagram.len(), Question { from, to: None, hops: Some(64) }))
//! #     }
//! #     fn send(&mut self, datagram: &[u8], _: Option<IpAddr>, _: SocketAddr) -> bool {
//! #         self.output.push(datagram.to_vec());
//! #         true
//! #     }
//! # }
//! # let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
//! # let chargen = SocketAddr::from(([10, 0, 0, 1], 19));
//! # let input = vec![(&b""[..], client), (b"too long", client), (b"chars", chargen), (b"hello", client)];
//! # let mut socket = Wire { input, ..Wire::default() };
//! # let mut totals = Totals::default();
//! # let mut buffer = [0; 5];
//! socket.set_hop_limit(HOPS);
//! answer(&mut socket, 7, &mut buffer, &mut totals);
//! # assert_eq!((socket.output, socket.hops), (vec![b"hello".to_vec(), vec![]], 32));
//! # assert_eq!(totals, Totals { echoed: 2, cut: 1, unanswered: [1, 0, 0, 0, 0], unsent: 0 });
//! ```
//!
//! Three hints:
//!
//! - The answer's source is the address that was asked: a host may have several, and a client
//!   takes no answer from another one. Stacks choose by the route unless they are told. A
//!   link-local address goes with its interface.
//! - Where the stack does not tell the hop limit or the destination, leave it out (`None`): the
//!   rules that need it do not apply. Who answers whom is then bounded by the other end's rules.
//! - The broadcast address of a subnet looks like any other. If the stack knows it, treat it as
//!   [`Unanswered::Source`] and [`Unanswered::Group`] where it is found.
//!
//! [RFC 862]: https://www.rfc-editor.org/rfc/rfc862

mod answer;
mod faulty;
mod flight;

pub use self::answer::{HOPS, Question, Unanswered};
pub use self::faulty::{Fate, Spoiler};
pub use self::flight::{Arrival, Flight, Sent, Slot, Undelivered};
