//! The other side: connections from here to an echo server elsewhere.

use core::time::Duration;

use echo_core::{Endpoint, Failure, Instant};
use smoltcp::iface::{Interface, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Device, RxToken, TxToken};
use smoltcp::socket::AnySocket;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::IpEndpoint;

use crate::addresses::Addresses;
use crate::clock::{from_wire, to_wire};
use crate::demux::{Subject, classify};
use crate::held::Held;
use crate::reset::drop_unsent;
use crate::{Broken, Pump};

/// The most frames taken in at once.
const BATCH: usize = 64;

/// The ports that no service is registered for (RFC 6335).
const EPHEMERAL: core::ops::RangeInclusive<u16> = 49152..=65535;

/// An interface that opens connections, each driven by an [`Endpoint`] of the
/// caller's: usually a [`Probe`](echo_core::Probe).
///
/// In each round call [`receive`](Self::receive), then [`pump`](Self::pump) for
/// each connection, then [`send`](Self::send), which tells when the next round
/// is due.
pub struct Client<'a> {
    interface: Interface,
    sockets: SocketSet<'a>,
    next_port: u16,
}

/// One connection of a [`Client`].
#[derive(Debug)]
pub struct Connection {
    socket: SocketHandle,
    open: bool,
    pump: Pump,
}

impl Connection {
    /// Whether the handshake is over. It stays so after the end.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }
}

impl<'a> Client<'a> {
    /// A client with room for as many connections as `storage` is long. `seed`
    /// chooses its first port: it should differ at each start.
    #[must_use]
    pub fn new(interface: Interface, storage: &'a mut [SocketStorage<'a>], seed: u64) -> Self {
        let ports = u64::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
        // The remainder is smaller than the number of ports.
        let next_port = EPHEMERAL.start() + (seed % ports) as u16;
        Self { interface, sockets: SocketSet::new(storage), next_port }
    }

    /// Prepares a connection with these ring buffers.
    ///
    /// # Panics
    ///
    /// If the storage is full.
    pub fn add(&mut self, receive: &'a mut [u8], send: &'a mut [u8]) -> Connection {
        let mut socket = Socket::new(SocketBuffer::new(receive), SocketBuffer::new(send));
        socket.set_nagle_enabled(false);
        Connection { socket: self.sockets.add(socket), open: false, pump: Pump::default() }
    }

    /// Begins the handshake with an echo server, or begins it anew after the end.
    ///
    /// # Errors
    ///
    /// [`Failure::Local`] if the interface has no address from which the server
    /// can be reached.
    pub fn connect(
        &mut self,
        connection: &mut Connection,
        server: IpEndpoint,
    ) -> Result<(), Failure> {
        let port = self.next_port;
        self.next_port = if port == *EPHEMERAL.end() { *EPHEMERAL.start() } else { port + 1 };
        connection.open = false;
        connection.pump = Pump::default();
        let socket = self.sockets.get_mut::<Socket<'_>>(connection.socket);
        socket.abort();
        socket.connect(self.interface.context(), server, port).map_err(|_| Failure::Local)
    }

    /// Ends the connection with a FIN, after what was written.
    pub fn close(&mut self, connection: &Connection) {
        self.sockets.get_mut::<Socket<'_>>(connection.socket).close();
    }

    /// Whether the connection is over, but for TIME-WAIT.
    #[must_use]
    pub fn is_closed(&self, connection: &Connection) -> bool {
        !self.sockets.get::<Socket<'_>>(connection.socket).is_open()
    }

    /// Ends the connection with a reset.
    pub fn abort(&mut self, connection: &Connection) {
        self.sockets.get_mut::<Socket<'_>>(connection.socket).abort();
    }

    /// How long an acknowledgement waits for data that can carry it.
    pub fn set_ack_delay(&mut self, connection: &Connection, delay: Option<Duration>) {
        let socket = self.sockets.get_mut::<Socket<'_>>(connection.socket);
        socket.set_ack_delay(delay.map(Into::into));
    }

    /// Takes in up to 64 frames. Whether there may be more.
    pub fn receive(&mut self, now: Instant, device: &mut impl Device) -> bool {
        (0..BATCH).all(|_| {
            let Some((frame, answer)) = device.receive(to_wire(now)) else { return false };
            frame.consume(|frame| self.take_in(now, frame, answer));
            true
        })
    }

    fn take_in(&mut self, now: Instant, frame: &[u8], answer: impl TxToken) {
        match classify(frame, &Addresses::of(&self.interface)) {
            Subject::Claim(notice) => notice.send(answer),
            Subject::Unanswered => {}
            _ => {
                let mut held = Held::new(frame, answer);
                self.interface.poll_ingress_single(to_wire(now), &mut held, &mut self.sockets);
            }
        }
    }

    /// Moves bytes between the connection and the endpoint.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if there never was a connection, [`Failure::Reset`] if it
    /// is gone before the endpoint's end.
    pub fn pump<E: Endpoint>(
        &mut self,
        connection: &mut Connection,
        endpoint: &mut E,
        now: Instant,
    ) -> Result<(), Failure> {
        let socket = self.sockets.get_mut::<Socket<'_>>(connection.socket);
        connection.open |= !matches!(socket.state(), State::SynSent | State::Closed);
        if socket.state() == State::Closed && !connection.open {
            return Err(Failure::Refused);
        }
        connection.pump.run(socket, endpoint, now).map_err(|Broken| Failure::Reset)
    }

    /// Sends what there is to send. Returns when the next round is due for the
    /// stack; the endpoints have deadlines of their own.
    pub fn send(&mut self, now: Instant, device: &mut impl Device) -> Option<Instant> {
        let at = to_wire(now);
        while self.interface.poll_egress(at, device, &mut self.sockets) != PollResult::None {}
        self.sockets
            .iter_mut()
            .filter_map(|(_, it)| Socket::downcast_mut(it))
            .for_each(drop_unsent);
        self.interface.poll_at(at, &self.sockets).map(from_wire)
    }
}
