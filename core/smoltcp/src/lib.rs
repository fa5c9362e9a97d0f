//! The echo service of [`echo_core`] on [smoltcp] sockets: a host that answers
//! ARP, neighbour discovery, ping, TCP echo and UDP echo, on any Ethernet device.
//!
//! The crate knows no operating system: it is `no_std`, allocates nothing,
//! contains no `unsafe`, reads no clock and owns no buffer. All it needs is
//! lent by its caller: a [`phy::Device`], storage for each of the connections that may
//! be open at once, and the time. The same [`Server`] runs in firmware, behind a Linux
//! TAP interface (`tap-demo`), and in the tests under a virtual clock.
//!
//! # On your board in an hour
//!
//! `echo-smoltcp = { path = "echo/core/smoltcp" }`, in a clone of its repository, is the
//! dependency; smoltcp comes with it, as [`echo_smoltcp::smoltcp`](smoltcp). A stable compiler will
//! do: `rustup target add thumbv7m-none-eabi`.
//!
//! 1. **Device**: implement [`phy::Device`] for your Ethernet controller. A frame is all from the
//!    destination's address on, without its checksum (FCS). `receive` and `transmit` do not wait:
//!    they return `None` where there is no frame, or no room for one. `receive` also promises to
//!    send one, so it needs both. The capabilities are those of Ethernet: a
//!    `max_transmission_unit` of 1514, which is 1500 and the header; and, if the controller
//!    computes them, which checksums are not to be. Let it accept broadcast and, for IPv6,
//!    multicast.
//! 2. **Storage**: for each connection a [`SocketStorage`](smoltcp::iface::SocketStorage)
//!    and two ring buffers make a [`Slot`]. In firmware these are statics (with
//!    `static_cell`, say), never on the stack: see [Memory](#memory).
//! 3. **Clock**: an [`Instant`](echo_core::Instant) from a time that never runs backwards, since
//!    whatever zero; in microseconds, if you can. A counter of 32 bits has to be
//!    [extended](echo_core#a-clock-of-32-bits).
//! 4. **The loop**: make the interface from its addresses with [`Host::interface`], and call
//!    [`Server::step`], which says when to call it again; until then sleep, but wake up when the
//!    device has a frame, also one that came after the step. Earlier or more often is never wrong.
//! 5. **The test**, from a PC in the same network. It tries all the ways in which clients behave,
//!    and says what is usually wrong if one fails:
//!
//!    ```text
//!    ping 192.168.69.1
//!    hosted check 192.168.69.1:2333 --ours
//!    hosted fail-rate 192.168.69.1:2333 -c 1M
//!    ```
//!
//! A whole program, with the devices of two boards and their linker scripts, is `core/firmware`. In
//! brief:
//!
//! ```
//! use core::time::Duration;
//!
//! use echo_core::{Instant, Rules};
//! use echo_smoltcp::smoltcp::iface::SocketStorage;
//! use echo_smoltcp::smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
//! use echo_smoltcp::smoltcp::time::Instant as WireInstant;
//! use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
//! use echo_smoltcp::{Event, Host, Server, Service, Slot};
//!
//! /// What your controller's driver offers, under whatever names.
//! trait Controller {
//!     /// Copies the next received frame: its length, or `None` if there is none.
//!     fn take(&mut self, frame: &mut [u8]) -> Option<usize>;
//!     /// Whether a frame can be sent now.
//!     fn is_free(&self) -> bool;
//!     fn send(&mut self, frame: &[u8]);
//! }
//!
//! /// It as a device, with memory for a frame in each direction.
//! struct Phy<C> {
//!     controller: C,
//!     received: [u8; 1514],
//!     sending: [u8; 1514],
//! }
//!
//! struct Received<'a>(&'a [u8]);
//!
//! impl RxToken for Received<'_> {
//!     fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
//!         read(self.0)
//!     }
//! }
//!
//! struct Sending<'a, C>(&'a mut C, &'a mut [u8]);
//!
//! impl<C: Controller> TxToken for Sending<'_, C> {
//!     fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
//!         let frame = &mut self.1[..length];
//!         let result = write(frame);
//!         self.0.send(frame);
//!         result
//!     }
//! }
//!
//! impl<C: Controller> Device for Phy<C> {
//!     type RxToken<'a> = Received<'a> where C: 'a;
//!     type TxToken<'a> = Sending<'a, C> where C: 'a;
//!
//!     fn receive(&mut self, _: WireInstant) -> Option<(Received<'_>, Sending<'_, C>)> {
//!         if !self.controller.is_free() {
//!             return None;
//!         }
//!         let length = self.controller.take(&mut self.received)?;
//!         let sending = Sending(&mut self.controller, &mut self.sending);
//!         Some((Received(&self.received[..length]), sending))
//!     }
//!
//!     fn transmit(&mut self, _: WireInstant) -> Option<Sending<'_, C>> {
//!         let free = self.controller.is_free();
//!         free.then(|| Sending(&mut self.controller, &mut self.sending))
//!     }
//!
//!     fn capabilities(&self) -> DeviceCapabilities {
//!         let mut capabilities = DeviceCapabilities::default();
//!         capabilities.max_transmission_unit = 1514;
//!         capabilities
//!     }
//! }
//! # /// Somebody asks for the address, and is answered.
//! # #[derive(Default)]
//! # struct Asked { asked: bool, answer: Vec<u8> }
//! # impl Controller for Asked {
//! #     fn take(&mut self, frame: &mut [u8]) -> Option<usize> {
//! #         let mut arp = [0; 42];
//! #         arp[..6].fill(0xff);
//! #         arp[6..].copy_from_slice(&[2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 192, 168, 69, 2, 0, 0, 0, 0, 0, 0, 192, 168, 69, 1]);
//! #         frame[..42].copy_from_slice(&arp);
//! #         (!std::mem::replace(&mut self.asked, true)).then_some(42)
//! #     }
//! #     fn is_free(&self) -> bool { true }
//! #     fn send(&mut self, frame: &[u8]) { self.answer = frame.to_vec(); }
//! # }
//! # fn microseconds() -> u64 { 0 }
//! # fn sleep_until_frame_or(_: Option<Instant>) {}
//! # fn led(_: bool) {}
//!
//! const CONNECTIONS: usize = 4;
//! const RING: usize = 4096;
//!
//! # let controller = Asked::default();
//! let mut phy = Phy { controller, received: [0; 1514], sending: [0; 1514] };
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
//!         Event::Received { .. } | Event::Echoed { .. } | Event::Datagram { .. } => {}
//!     });
//!     sleep_until_frame_or(next);
//! #   break;
//! }
//! # assert_eq!(&phy.controller.answer[6..32], [2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 192, 168, 69, 1]);
//! ```
//!
//! # Memory
//!
//! On a 64-bit machine one connection takes `N` + 392 bytes for its [`Slot`], 472
//! for its `SocketStorage`, and its two rings. With `N` = 1024 and rings of
//! 4 KiB that is 10 080 bytes. The server itself, with its interface, takes less than
//! 512 bytes and 40 for each [neighbour](#neighbours) that smoltcp remembers: 808 with
//! its 8. Nothing else is kept between two steps. On a Cortex-M3 without IPv6 it is `N` + 272,
//! 336, and 520 for the server.
//!
//! - `N`, the session's buffer, lies between the two rings: it bounds how many bytes are
//!   moved at once, and nothing else.
//! - The receive ring is the window of the peer: below four segments (6 KiB on
//!   Ethernet) the peer waits for acknowledgements, and at 64 KiB bulk transfer is as
//!   fast as it gets on a fast link. It does not affect the round trip of small messages.
//! - Rings that begin at a word's address are copied by words: on a Cortex-M3 an echo of 1000
//!   bytes then takes a seventh fewer instructions.
//! - The send ring holds what is not acknowledged yet: as large as the other.
//!
//! # Features
//!
//! `ipv6`, `udp`, `faults` and `reordering` are on by default. Without them, the image of a
//! Cortex-M3 has 39 KiB: `ipv6` takes 22 more, `udp`, which has [`Datagrams`], 5, `faults`, which has
//! [`Slot::spoilt`] and [`Datagrams::spoilt`], 3, and `reordering`, by which an ACK waits for the bytes
//! that it has overtaken, 1. `fragments`, which is off, is for [longer datagrams](#datagrams).
//!
//! # How it works
//!
//! A step takes in at most 64 frames, reads their headers, and shows each to the
//! one socket that it is for; a frame for none (ARP, ping, a stray segment) goes
//! to an empty set of sockets, and smoltcp answers it. The connections that frames came for
//! are then served: bytes go from the receive ring through the session into the
//! send ring, and frames leave. Connections whose deadline has come are served last.
//!
//! Each connection has a set of one socket, because smoltcp looks at all
//! sockets of a set for each frame: this way a round trip takes the same time with
//! one slot as with a thousand. It also does three things that a row of listening
//! sockets cannot:
//!
//! - A SYN that finds no vacant slot is dropped, not reset: the peer retransmits it
//!   after a second and is connected once a slot is vacant.
//! - A SYN that is retransmitted reaches the socket that knows it already.
//! - A slot whose peer does not answer gives way to a SYN that finds none vacant.
//!
//! # Datagrams
//!
//! A server that was [lent](Server::lend) [`Datagrams`] echoes them on the UDP port of the same
//! number: each whole, once, from the address that it was sent to, an empty one, too. The core
//! decides [whom not to answer](echo_core::datagram). Their memory is two `SocketStorage`s, a
//! receive ring for the longest datagram, and a send ring for what waits while the device has no
//! room; each is answered before the next frame is taken in, so that neither they nor the sessions
//! hold each other up. What finds no room is dropped and [counted](Server::datagrams).
//!
//! ```
//! # use echo_smoltcp::smoltcp::iface::SocketStorage;
//! use echo_smoltcp::Datagrams;
//! use echo_smoltcp::smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
//!
//! let mut storage = [const { SocketStorage::EMPTY }; 2];
//! let (mut one, mut received) = ([PacketMetadata::EMPTY], [0; 1472]);
//! let (mut some, mut answers) = ([PacketMetadata::EMPTY; 4], [0; 4 * 1472]);
//! let mut datagrams = Datagrams::new(
//!     &mut storage,
//!     PacketBuffer::new(&mut one[..], &mut received[..]),
//!     PacketBuffer::new(&mut some[..], &mut answers[..]),
//! );
//! // let mut server = Server::new(interface, &mut slots, service, seed).lend(&mut datagrams);
//! ```
//!
//! The other end is a [`Courier`]: it sends datagrams to a server from the ports of [`Mailbox`]es, and
//! tells what comes back, from whom, and what ICMP says.
//!
//! With the feature `fragments`, datagrams and pings over IPv4 may be longer than a frame. They are
//! received as long as the memory of an `Assembly`, and as many at once as the server was lent by
//! `Server::reassemble`: the one that was begun first gives way to the next, so that nobody who sends
//! beginnings alone keeps others out. They are sent as long as smoltcp's own feature leaves room in
//! the interface: `fragmentation-buffer-size-65536` for the longest, 65 507 bytes. There are no
//! fragments of IPv6 in smoltcp.
//!
//! # What is not answered
//!
//! The headers of a frame are read before smoltcp sees it, because smoltcp would answer
//! some that must not be answered:
//!
//! - A TCP segment is for one host: in a frame for many, or to a broadcast or multicast
//!   address, it draws neither a SYN, ACK nor a reset; nor does a fragment of a segment.
//!   Of frames for many hosts, only ARP and ICMP are taken in, and no datagram.
//! - A SYN takes a slot only if its checksums are right, unless the device checks them
//!   itself, and if it comes from the unicast address of another host.
//! - Behind an IPv6 hop-by-hop header, which smoltcp accepts, a segment is found; behind
//!   any other extension header it is answered by an ICMP error.
//!
//! And some questions are answered that smoltcp ignores: a host that asks whether an
//! address of this host is free, by an ARP probe or by duplicate address detection, is
//! answered that it is not.
//!
//! # Neighbours
//!
//! smoltcp remembers the Ethernet addresses of 8 neighbours, and sends one query a second
//! for all of them; by itself it would let nine peers wait a second for each echo. But
//! frames contain the Ethernet address of their sender. If a segment or datagram with right
//! checksums, or a ping to this host, comes from a peer in one of the subnets, its address is believed,
//! and given to smoltcp whenever it has forgotten it. So any number of neighbours is
//! answered at once, the first time and after any silence. Of the datagrams that have to wait for
//! a gateway to be found, the last is kept.
//!
//! A larger table saves work where more than 8 neighbours talk by turns, and keeps room for
//! the gateway, the only one that needs a query, once a minute. An entry takes 40 bytes. The
//! program chooses the size, with a feature of smoltcp (`iface-neighbor-cache-count-64`) or
//! with the variable `SMOLTCP_IFACE_NEIGHBOR_CACHE_COUNT` in the environment of its build. A
//! library should choose none, and this one does not: two different choices do not build.
//!
//! # How long a slot waits for its peer
//!
//! | the slot holds | it gives way | the connection is given up with a reset |
//! |---|---|---|
//! | a handshake | 1 s after the SYN | after 10 s |
//! | an open session | never | when the peer has sent no packet for 300 s, though asked by keep-alives every 60 s; its end by the [`Rules`](echo_core::Rules) usually comes earlier |
//! | a tail, the echo or the FIN that is not acknowledged when the session is over | when nothing of it was acknowledged for 10 s | when nothing of it was acknowledged for 120 s |
//! | what is acknowledged: FIN-WAIT-2, TIME-WAIT | at once: it is vacant | FIN-WAIT-2 after 300 s without a packet; TIME-WAIT ends by itself |
//!
//! So a slow reader keeps its slot as long as its tail gets shorter, and no flood
//! of SYNs ends an open session. A peer whose connection gave way is reset when it
//! sends again. A reset that cannot leave, because nobody answers ARP for its next
//! hop, is not tried again.
//!
//! # A peer that connects again
//!
//! A SYN from the address and port of a connection that the server still has is
//! answered by a challenge ACK, at most once a second for each connection (RFC
//! 5961): a peer that has restarted answers with a reset, and connects with its next
//! SYN; nobody can end a connection with a forged one. During the handshake, a SYN with
//! another number begins it again, and a connection in FIN-WAIT-2 or TIME-WAIT, of
//! which everything is acknowledged, gives way to any SYN.
//!
//! A reset ends a connection only if its number is exactly the next one expected, whereas
//! smoltcp accepts any in the window, which is 65 536 numbers with a receive ring of 64 KiB.
//! Any other in the window draws that challenge, and a genuine peer answers it with the
//! right number.
//!
//! # Limits
//!
//! Without the feature [`fragments`](#datagrams), fragmented IPv4 packets are not served: a ping or
//! a datagram has at most 1472 bytes where a packet has 1500. Fragments of TCP never are. An interface has at most three addresses. There is no DHCP: the caller sets the
//! addresses.
//!
//! These limits are smoltcp's own (0.14), and cannot be lifted cleanly from outside:
//!
//! | what smoltcp does | the consequence |
//! |---|---|
//! | It retransmits what is lost after 1 s at the earliest, or at the third duplicate acknowledgement in a row, which must carry no data and is therefore rare in an echo; it ignores SACK, and sends again what the peer has received beyond a gap. | With 1 % of the frames lost, 70 to 85 messages of 1000 bytes per second, one after another (between two Linux hosts: 242), and 1.5 Mbit/s in messages of 256 KiB (Linux: 191). |
//! | It silently drops the bytes of a segment that acknowledges less than the one before. | Bytes that change places with others are sent again. Those that a bare ACK has overtaken are not, at a server with the feature `reordering`: it waits up to 5 ms for them. At a client they come again after the peer's time-out. |
//! | It accepts the FIN of a segment that the window cuts off. | A peer that sends more than the window gets a clean end, and the bytes beyond the window are lost. |
//! | It takes the window from segments that are older than the latest one. | After reordering it sends too little, or too much, for one round trip. |
//! | It does not probe a window that the peer has shrunk to 0 while bytes are in flight. | If the window update is lost, nothing moves until the keep-alive after 60 s, or until the idle limit ends the session. |
//! | It offers and fills any window, however small. | A peer that reads byte by byte gets segments of a byte. |
//! | It answers an empty keep-alive, as it sends a challenge ACK, once a second. | A peer that asks more often gets no answer to the others. |
//! | Its reset to a segment without ACK has no ACK either. | A peer that requires one goes on until its own time-out; a SYN is answered correctly. |
//! | It sets DF, and ignores "fragmentation needed". | On a path with a smaller MTU than the link's, segments of full size never arrive: give the device the smaller MTU. |
//! | It answers "no next header" (59) by an ICMPv6 error. | One superfluous frame. |
//!
//! [smoltcp]: https://docs.rs/smoltcp
//! [`phy::Device`]: smoltcp::phy::Device

#![no_std]

#[cfg(test)]
extern crate std;

mod addresses;
mod allowance;
#[cfg(feature = "fragments")]
mod assembly;
mod challenge;
mod claim;
mod client;
mod clock;
#[cfg(feature = "udp")]
mod courier;
#[cfg(feature = "udp")]
mod datagrams;
mod demux;
mod event;
mod handmade;
mod held;
mod host;
mod link;
#[cfg(feature = "udp")]
mod lone;
mod notice;
mod overtaking;
mod packet;
mod ports;
mod pump;
mod reset;
mod server;
mod service;
mod slot;
mod slots;

#[cfg(feature = "fragments")]
pub use assembly::Assembly;
pub use client::{Client, Connection};
#[cfg(feature = "udp")]
pub use courier::{Courier, Mailbox, Undelivered};
#[cfg(feature = "udp")]
pub use datagrams::{Counts, Datagrams};
pub use event::Event;
pub use host::{Host, HostError};
pub use pump::{Broken, Pump};
pub use server::Server;
pub use service::Service;
pub use slot::Slot;
pub use smoltcp;

/// Without it the compiler leaves out what a spoiler would do.
const FAULTS: bool = cfg!(feature = "faults");

/// Whether ACKs wait for the bytes that they have overtaken.
const REORDERING: bool = cfg!(feature = "reordering");
