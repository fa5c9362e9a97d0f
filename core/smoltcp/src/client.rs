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
    /// How its socket was left.
    left: Condition,
}

/// What frames change of a socket: its state, what came, and what is not acknowledged.
type Condition = (State, usize, usize);

fn condition(socket: &Socket<'_>) -> Condition {
    (socket.state(), socket.recv_queue(), socket.send_queue())
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
        let left = condition(&socket);
        Connection { socket: self.sockets.add(socket), open: false, pump: Pump::default(), left }
    }

    /// Begins the handshake with an echo server from another port, or begins it anew:
    /// what is left of the connection before is forgotten without a word.
    ///
    /// # Errors
    ///
    /// [`Failure::Unreachable`] if the interface has no address from which the server
    /// can be reached, [`Failure::Local`] if all ports are taken.
    pub fn connect(
        &mut self,
        connection: &mut Connection,
        server: IpEndpoint,
    ) -> Result<(), Failure> {
        // smoltcp would connect from the address of a loopback that it does not have.
        let version = server.addr.version();
        if !self.interface.ip_addrs().iter().any(|own| own.address().version() == version) {
            return Err(Failure::Unreachable);
        }
        let port = self.free_port().ok_or(Failure::Local)?;
        connection.open = false;
        connection.pump = Pump::default();
        let socket = self.sockets.get_mut::<Socket<'_>>(connection.socket);
        socket.abort();
        let begun = socket.connect(self.interface.context(), server, port);
        connection.left = condition(socket);
        begun.map_err(|_| Failure::Unreachable)
    }

    /// The next port of which no socket knows anything.
    fn free_port(&mut self) -> Option<u16> {
        for _ in EPHEMERAL {
            let port = self.next_port;
            self.next_port = if port == *EPHEMERAL.end() { *EPHEMERAL.start() } else { port + 1 };
            let mut sockets = self.sockets.iter().filter_map(|(_, it)| Socket::downcast(it));
            if sockets.all(|it| it.local_endpoint().is_none_or(|local| local.port != port)) {
                return Some(port);
            }
        }
        None
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

    /// Whether the server has acknowledged all that it was sent, our FIN, too: nothing is
    /// lost if the connection is forgotten.
    #[must_use]
    pub fn is_settled(&self, connection: &Connection) -> bool {
        let state = self.sockets.get::<Socket<'_>>(connection.socket).state();
        matches!(state, State::Closed | State::FinWait2 | State::TimeWait)
    }

    /// Ends the connection with a reset.
    pub fn abort(&mut self, connection: &Connection) {
        self.sockets.get_mut::<Socket<'_>>(connection.socket).abort();
    }

    /// Whether frames, or the clock, have changed anything of the connection since it was
    /// last pumped or looked at.
    #[must_use]
    pub fn is_stirred(&self, connection: &Connection) -> bool {
        condition(self.sockets.get::<Socket<'_>>(connection.socket)) != connection.left
    }

    /// Bytes that have come and wait for a pump.
    #[must_use]
    pub fn unread(&self, connection: &Connection) -> usize {
        self.sockets.get::<Socket<'_>>(connection.socket).recv_queue()
    }

    /// Whether nothing more can come: the server has ended its side, or the connection is gone.
    #[must_use]
    pub fn is_at_end(&self, connection: &Connection) -> bool {
        !self.sockets.get::<Socket<'_>>(connection.socket).may_recv()
    }

    /// Whether small segments wait for each other, by Nagle's algorithm: they do not
    /// unless it is asked for.
    pub fn set_nagle(&mut self, connection: &Connection, nagle: bool) {
        self.sockets.get_mut::<Socket<'_>>(connection.socket).set_nagle_enabled(nagle);
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

    /// Looks whether the handshake is over, and moves nothing. It stays so after the end.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if there never was a connection.
    pub fn look(&self, connection: &mut Connection) -> Result<bool, Failure> {
        let socket = self.sockets.get::<Socket<'_>>(connection.socket);
        connection.open |= !matches!(socket.state(), State::SynSent | State::Closed);
        connection.left = condition(socket);
        match socket.state() {
            State::Closed if !connection.open => Err(Failure::Refused),
            _ => Ok(connection.open),
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
        self.look(connection)?;
        let socket = self.sockets.get_mut::<Socket<'_>>(connection.socket);
        let moved = connection.pump.run(socket, endpoint, now);
        connection.left = condition(socket);
        moved.map_err(|Broken| Failure::Reset)
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
