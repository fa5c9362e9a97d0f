//! The echo service of [`echo_core`] on [smoltcp] sockets: a host that answers
//! ARP, neighbour discovery, ping and TCP echo, on any Ethernet device.
//!
//! The crate knows no operating system: it is `no_std`, allocates nothing,
//! contains no `unsafe`, reads no clock and owns no buffer. All it needs is
//! lent: a [`phy::Device`], storage for as many connections as there shall be at
//! once, and the time. The same [`Server`] runs in firmware and behind a Linux
//! TAP interface (`tap-demo`), and in the tests under a virtual clock.
//!
//! # A server in firmware
//!
//! 1. Lend storage: for each connection a [`SocketStorage`](smoltcp::iface::SocketStorage)
//!    and two ring buffers make a [`Slot`]. In firmware these are statics (with
//!    `static_cell`, say), never on the stack.
//! 2. Make the interface from its addresses by [`Host::interface`].
//! 3. Call [`Server::step`], which says when to call it again; until then sleep,
//!    but wake up when the device has a frame.
//!
//! ```
//! # use echo_smoltcp::smoltcp::time::Instant as WireInstant;
//! use core::time::Duration;
//!
//! use echo_core::{Instant, Rules};
//! use echo_smoltcp::smoltcp::iface::SocketStorage;
//! use echo_smoltcp::smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
//! use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
//! use echo_smoltcp::{Event, Host, Server, Service, Slot};
//!
//! /// Your network controller.
//! struct Phy { frame: [u8; 1514] }
//! # struct Frame<'a>(&'a mut [u8]);
//! # impl RxToken for Frame<'_> {
//! #     fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R { f(self.0) }
//! # }
//! # impl TxToken for Frame<'_> {
//! #     fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R { f(&mut self.0[..len]) }
//! # }
//! # impl Device for Phy {
//! #     type RxToken<'a> = Frame<'a>;
//! #     type TxToken<'a> = Frame<'a>;
//! #     fn receive(&mut self, _: WireInstant) -> Option<(Frame<'_>, Frame<'_>)> { None }
//! #     fn transmit(&mut self, _: WireInstant) -> Option<Frame<'_>> { Some(Frame(&mut self.frame)) }
//! #     fn capabilities(&self) -> DeviceCapabilities {
//! #         let mut capabilities = DeviceCapabilities::default();
//! #         capabilities.max_transmission_unit = 1514;
//! #         capabilities
//! #     }
//! # }
//! # fn microseconds() -> u64 { 0 }
//! # fn sleep_until_frame_or(_: Option<Instant>) {}
//! # fn led(_: bool) {}
//!
//! const CONNECTIONS: usize = 4;
//! const RING: usize = 4096;
//!
//! let mut phy = Phy { frame: [0; 1514] };
//! let now = || Instant::new(Duration::from_micros(microseconds()));
//! let host = Host {
//!     mac: EthernetAddress([0x02, 0, 0, 0, 0, 1]),
//!     addresses: &[IpCidr::new(IpAddress::v4(192, 168, 69, 1), 24)],
//!     gateways: &[],
//!     seed: 0x5eed, // from your source of randomness
//! };
//! let interface = host.interface(&mut phy, now()).expect("one unicast address");
//!
//! let mut storage = [const { SocketStorage::EMPTY }; CONNECTIONS];
//! let mut rings = [[[0; RING]; 2]; CONNECTIONS];
//! let mut lent = storage.iter_mut().zip(&mut rings);
//! let mut slots: [Slot<'_, 1024>; CONNECTIONS] = core::array::from_fn(|_| {
//!     let (storage, [receive, send]) = lent.next().expect("as many as slots");
//!     Slot::new(storage, receive, send)
//! });
//!
//! let rules = Rules { idle: Some(Duration::from_secs(30)), ..Rules::default() };
//! let service = Service { rules, ..Service::default() };
//! let mut server = Server::new(interface, &mut slots, service, host.seed);
//! loop {
//!     let next = server.step(now(), &mut phy, &mut |event| match event {
//!         Event::Connected { .. } => led(true),
//!         Event::Closed { .. } => led(false),
//!         Event::Received { .. } => {}
//!     });
//!     sleep_until_frame_or(next);
//! #   break;
//! }
//! ```
//!
//! # Memory
//!
//! On a 64-bit machine one connection takes `N` + 336 bytes for its [`Slot`], 472
//! for its `SocketStorage`, and its two rings. With `N` = 1024 and rings of
//! 4 KiB that is 10 024 bytes. The server itself, with its interface, takes less than
//! 1 KiB, and nothing else is kept between two steps.
//!
//! - `N`, the session's buffer, lies between the two rings: it bounds how much is
//!   moved at once, and nothing else.
//! - The receive ring is the window of the peer: below four segments (6 KiB on
//!   Ethernet) it waits for acknowledgements, and at 64 KiB bulk is as fast as
//!   it gets on a fast link. Round trips of small messages do not care.
//! - The send ring holds what is not acknowledged yet: as large as the other.
//!
//! # How it works
//!
//! A step takes in at most 64 frames, reads their headers, and shows each to the
//! one socket that it is for; what is for none (ARP, ping, a stray segment) goes
//! to an empty set of sockets, and smoltcp answers it. The connections that frames came for
//! are then served: bytes go from the receive ring through the session into the
//! send ring, and frames leave. Last come those whose deadline has come.
//!
//! Each connection has a set of one socket, because smoltcp looks at all
//! sockets of a set for each frame: this way a round trip takes the same time with
//! one slot as with a thousand. It also makes three things right that a row of
//! listening sockets cannot:
//!
//! - A SYN that finds no vacant slot is dropped, not reset: the peer tries again
//!   after a second and gets in once a slot is vacant.
//! - A SYN that is repeated reaches the socket that knows it already.
//! - A slot whose peer does not answer gives way to a SYN that finds none vacant.
//!
//! # How long a slot waits for its peer
//!
//! | it holds | gives way | is given up with a reset |
//! |---|---|---|
//! | a handshake | 1 s after the SYN | after 10 s |
//! | an open session | never | when the peer has sent no packet for 300 s, though asked by keep-alives every 60 s; its end by the [`Rules`](echo_core::Rules) usually comes earlier |
//! | a tail, the echo or the FIN that is not acknowledged when the session is over | when nothing of it was acknowledged for 10 s | when nothing of it was acknowledged for 120 s |
//! | what is acknowledged: FIN-WAIT-2, TIME-WAIT | at once: it is vacant | FIN-WAIT-2 after 300 s without a packet; TIME-WAIT ends by itself |
//!
//! So a slow reader keeps its slot as long as its tail gets shorter, and no flood
//! of SYNs ends an open session. Whoever gave way and is still there is reset when
//! it sends again. A reset that cannot leave, because the peer does not answer
//! ARP, is not tried again.
//!
//! # A peer that comes again
//!
//! A SYN from the address and port of a connection that the server still has is
//! answered by a challenge ACK, at most once a second for each connection (RFC
//! 5961): a peer that has restarted resets the connection by it, and gets in with its
//! next SYN; nobody ends a connection by a forged one. In the handshake a SYN with
//! another number begins it anew, and what is acknowledged, in FIN-WAIT-2 or
//! TIME-WAIT, gives way to any SYN.
//!
//! # Limits
//!
//! IPv4 packets in fragments and TCP behind IPv6 extension headers are not
//! served. An interface has at most three addresses. There is no DHCP: addresses
//! are the caller's.
//!
//! [smoltcp]: https://docs.rs/smoltcp
//! [`phy::Device`]: smoltcp::phy::Device

#![no_std]

#[cfg(test)]
extern crate std;

mod addresses;
mod challenge;
mod claim;
mod client;
mod clock;
mod demux;
mod held;
mod host;
mod link;
mod notice;
mod packet;
mod pump;
mod reset;
mod server;
mod slot;
mod slots;

pub use client::{Client, Connection};
pub use host::{Host, HostError};
pub use pump::{Broken, Pump};
pub use server::{Event, Server, Service};
pub use slot::Slot;
pub use smoltcp;
