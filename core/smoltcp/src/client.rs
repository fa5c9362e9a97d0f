//! The client: connections from here to an echo server elsewhere.

mod connection;

use core::mem;

use echo_core::{Endpoint, Failure, Instant};
use heapless::Vec;
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, RxToken, TxToken};
use smoltcp::wire::IpEndpoint;

pub use self::connection::Connection;
use crate::addresses::Addresses;
#[cfg(feature = "fragments")]
use crate::assembly::{Assemblies, Assembly};
use crate::clock::to_wire;
use crate::demux::{Subject, classify};
use crate::link::Link;
use crate::ports::Ports;

/// The most frames taken in at once.
const BATCH: usize = 64;

/// An interface that opens connections, each driven by an [`Endpoint`] of the
/// caller's: usually a [`Probe`](echo_core::Probe).
///
/// In each round call [`receive`](Self::receive), then [`pump`](Self::pump) for
/// each connection that has something to do, then [`send`](Self::send), which tells when the
/// next round is due. A connection is named by its number in the slice that the client was
/// lent; a number beyond it panics. A round costs what its frames and pumps cost, however many
/// connections there are.
pub struct Client<'c, 'a> {
    link: Link,
    connections: &'c mut [Connection<'a>],
    ports: Ports,
    /// An empty set: smoltcp itself answers frames that belong to no connection.
    strangers: SocketSet<'a>,
    #[cfg(feature = "fragments")]
    assemblies: Assemblies<'c, 'a>,
    /// The connections that frames came for.
    touched: Vec<usize, BATCH>,
    /// The queue of connections that may have something to send, linked by `next_pending`.
    first_pending: Option<usize>,
    last_pending: Option<usize>,
    /// Not later than the earliest deadline of a connection.
    deadline: Option<Instant>,
    neighbours_changed: bool,
}

impl<'c, 'a> Client<'c, 'a> {
    /// A client with these connections. `seed` chooses the ports it begins with: it should
    /// differ at each start.
    #[must_use]
    pub fn new(interface: Interface, connections: &'c mut [Connection<'a>], seed: u64) -> Self {
        Self {
            link: Link::new(interface),
            ports: Ports::new(connections.len(), seed),
            connections,
            strangers: SocketSet::new(&mut [][..]),
            #[cfg(feature = "fragments")]
            assemblies: Assemblies::default(),
            touched: Vec::new(),
            first_pending: None,
            last_pending: None,
            deadline: None,
            neighbours_changed: false,
        }
    }

    /// Answers pings, too, that come in fragments: puts as many together at once.
    #[cfg(feature = "fragments")]
    #[must_use]
    pub fn reassemble(mut self, assemblies: &'c mut [Assembly<'a>]) -> Self {
        self.assemblies = Assemblies::new(assemblies);
        self
    }

    /// The connection with this number, to ask for its state.
    #[must_use]
    pub fn connection(&self, number: usize) -> &Connection<'a> {
        &self.connections[number]
    }

    /// Begins the handshake with an echo server, from another port than before. What is left
    /// of an earlier connection is dropped without a reset.
    ///
    /// # Errors
    ///
    /// [`Failure::Unreachable`] if the interface has no way to the server, or if that is no other
    /// host, [`Failure::Local`] if there are fewer ports than connections.
    pub fn connect(&mut self, number: usize, server: IpEndpoint) -> Result<(), Failure> {
        if !self.link.has_way(server.addr) {
            return Err(Failure::Unreachable);
        }
        let connection = &mut self.connections[number];
        let port = self.ports.next(number, &mut connection.turn).ok_or(Failure::Local)?;
        let begun = connection.connect(&mut self.link.interface, server, port);
        self.put_in_queue(number);
        begun
    }

    /// Ends the connection with a FIN, after what was written.
    pub fn close(&mut self, number: usize) {
        self.connections[number].socket_mut().close();
        self.put_in_queue(number);
    }

    /// Ends the connection with a reset.
    pub fn abort(&mut self, number: usize) {
        self.connections[number].socket_mut().abort();
        self.put_in_queue(number);
    }

    /// Takes in up to 64 frames. Returns whether there may be more.
    pub fn receive(&mut self, now: Instant, device: &mut impl Device) -> bool {
        self.touched.clear();
        let checksums = device.capabilities().checksum;
        (0..BATCH).all(|_| {
            let Some((frame, answer)) = device.receive(to_wire(now)) else { return false };
            frame.consume(|frame| self.take_in(now, frame, answer, &checksums));
            // Of a long ping.
            self.link.flush(now, device);
            true
        })
    }

    /// Shows a frame to the one socket that it is for.
    fn take_in(
        &mut self,
        now: Instant,
        frame: &[u8],
        answer: impl TxToken,
        checksums: &ChecksumCapabilities,
    ) {
        let found = match classify(frame, &Addresses::of(&self.link.interface)) {
            Subject::Claim(notice) => return notice.send(answer),
            Subject::Unanswered => return,
            #[cfg(feature = "fragments")]
            Subject::Fragment => {
                let mut assemblies = mem::take(&mut self.assemblies);
                if let Some(frame) = assemblies.take_in(now, frame, checksums) {
                    self.take_in(now, frame, answer, checksums);
                }
                self.assemblies = assemblies;
                return;
            }
            Subject::Segment { flow, .. } => self.ports.user(flow.local.port),
            Subject::Neighbour => {
                self.neighbours_changed = true;
                None
            }
            #[cfg(feature = "udp")]
            Subject::Datagram(_) => None,
            Subject::Ping { peer, from } => {
                self.link.learn(now, frame, checksums, peer, from);
                None
            }
            Subject::Other => None,
        };
        let Some(number) = found else {
            return self.link.show(now, frame, answer, &mut self.strangers);
        };
        self.link.show(now, frame, answer, self.connections[number].sockets());
        self.put_in_queue(number);
        if !self.touched.contains(&number) {
            // As many places as frames.
            let _ = self.touched.push(number);
        }
    }

    /// The connections that the frames of the last [`receive`](Self::receive) were for.
    #[must_use]
    pub fn touched(&self) -> &[usize] {
        &self.touched
    }

    /// Whether the handshake is complete, which stays true after the end. Moves no bytes.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if the handshake failed.
    pub fn look(&mut self, number: usize) -> Result<bool, Failure> {
        self.connections[number].look()
    }

    /// Moves bytes between the connection and the endpoint.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if the handshake failed, [`Failure::Reset`] if the connection is
    /// gone before the endpoint's end.
    pub fn pump<E: Endpoint>(
        &mut self,
        number: usize,
        endpoint: &mut E,
        now: Instant,
    ) -> Result<(), Failure> {
        self.put_in_queue(number);
        self.connections[number].pump(endpoint, now)
    }

    /// Sends what is pending. Returns when the stack needs the next round; the endpoints have
    /// deadlines of their own.
    pub fn send(&mut self, now: Instant, device: &mut impl Device) -> Option<Instant> {
        while let Some(number) = self.take_from_queue() {
            self.serve(number, now, device);
        }
        let all = mem::take(&mut self.neighbours_changed);
        if all || self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            for number in 0..self.connections.len() {
                let deadline = self.connections[number].deadline;
                // One that waits for its neighbour to be found has a deadline, too.
                if deadline.is_some_and(|deadline| all || deadline <= now) {
                    self.serve(number, now, device);
                } else {
                    self.deadline = [self.deadline, deadline].into_iter().flatten().min();
                }
            }
        }
        self.deadline
    }

    fn serve(&mut self, number: usize, now: Instant, device: &mut impl Device) {
        let connection = &mut self.connections[number];
        connection.send(now, &mut self.link, device);
        self.deadline = [self.deadline, connection.deadline].into_iter().flatten().min();
    }

    fn put_in_queue(&mut self, number: usize) {
        if mem::replace(&mut self.connections[number].pending, true) {
            return;
        }
        match self.last_pending.replace(number) {
            None => self.first_pending = Some(number),
            Some(last) => self.connections[last].next_pending = Some(number),
        }
    }

    fn take_from_queue(&mut self) -> Option<usize> {
        let number = self.first_pending?;
        let connection = &mut self.connections[number];
        connection.pending = false;
        self.first_pending = connection.next_pending.take();
        if self.first_pending.is_none() {
            self.last_pending = None;
        }
        Some(number)
    }
}
