//! One connection of a client: its socket, and the state of it that the driver has seen.

use core::slice;
use core::time::Duration;

use echo_core::{Endpoint, Failure, Instant};
use smoltcp::iface::{Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::IpEndpoint;

use crate::link::Link;
use crate::reset::drop_unsent;
use crate::{Broken, Pump};

/// One connection, lent to a [`Client`](crate::Client).
#[derive(Debug)]
pub struct Connection<'a> {
    /// A set of one: smoltcp looks at every socket of a set for each frame.
    sockets: SocketSet<'a>,
    handle: SocketHandle,
    open: bool,
    pump: Pump,
    /// The state of its socket after the last look or pump.
    left: Condition,
    /// Which of its ports it uses next.
    pub(super) turn: usize,
    pub(super) deadline: Option<Instant>,
    /// Whether it is in the queue of those that may have something to send, and which follows.
    pub(super) pending: bool,
    pub(super) next_pending: Option<usize>,
}

/// What frames change in a socket: its state, the unread bytes, and the unacknowledged ones.
type Condition = (State, usize, usize);

fn condition(socket: &Socket<'_>) -> Condition {
    (socket.state(), socket.recv_queue(), socket.send_queue())
}

impl<'a> Connection<'a> {
    /// A connection whose socket uses these ring buffers, at least 1 byte each.
    #[must_use]
    pub fn new(
        storage: &'a mut SocketStorage<'a>,
        receive: &'a mut [u8],
        send: &'a mut [u8],
    ) -> Self {
        let mut socket = Socket::new(SocketBuffer::new(receive), SocketBuffer::new(send));
        socket.set_nagle_enabled(false);
        let left = condition(&socket);
        let mut sockets = SocketSet::new(slice::from_mut(storage));
        let handle = sockets.add(socket);
        Self {
            sockets,
            handle,
            open: false,
            pump: Pump::default(),
            left,
            turn: 0,
            deadline: None,
            pending: false,
            next_pending: None,
        }
    }

    /// Switches Nagle's algorithm on or off. It is off at first.
    pub fn set_nagle(&mut self, nagle: bool) {
        self.socket_mut().set_nagle_enabled(nagle);
    }

    /// Sets how long an acknowledgement waits for data that can carry it.
    pub fn set_ack_delay(&mut self, delay: Option<Duration>) {
        self.socket_mut().set_ack_delay(delay.map(Into::into));
    }

    /// Whether the handshake is complete. It stays true after the end.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the connection is closed or in TIME-WAIT.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.socket().is_open()
    }

    /// Whether the server has acknowledged everything, including our FIN, so that nothing is
    /// lost if the connection is dropped.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.socket().state(), State::Closed | State::FinWait2 | State::TimeWait)
    }

    /// Whether frames have changed the state of the connection since it was last pumped or
    /// looked at.
    #[must_use]
    pub fn is_stirred(&self) -> bool {
        condition(self.socket()) != self.left
    }

    /// Received bytes that wait for a pump.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.socket().recv_queue()
    }

    /// Whether nothing more can come: the server has ended its side, or the connection is gone.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        !self.socket().may_recv()
    }

    /// The set of one socket, to show frames to.
    pub(super) fn sockets(&mut self) -> &mut SocketSet<'a> {
        &mut self.sockets
    }

    pub(super) fn socket_mut(&mut self) -> &mut Socket<'a> {
        self.sockets.get_mut(self.handle)
    }

    fn socket(&self) -> &Socket<'a> {
        self.sockets.get(self.handle)
    }

    pub(super) fn connect(
        &mut self,
        interface: &mut Interface,
        server: IpEndpoint,
        port: u16,
    ) -> Result<(), Failure> {
        self.open = false;
        self.pump = Pump::default();
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        socket.abort();
        let begun = socket.connect(interface.context(), server, port);
        self.left = condition(socket);
        begun.map_err(|_| Failure::Unreachable)
    }

    pub(super) fn look(&mut self) -> Result<bool, Failure> {
        let state = self.socket().state();
        self.open |= !matches!(state, State::SynSent | State::Closed);
        self.left = condition(self.socket());
        match state {
            State::Closed if !self.open => Err(Failure::Refused),
            _ => Ok(self.open),
        }
    }

    pub(super) fn pump<E: Endpoint>(
        &mut self,
        endpoint: &mut E,
        now: Instant,
    ) -> Result<(), Failure> {
        self.look()?;
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        let moved = self.pump.run(socket, endpoint, now);
        self.left = condition(socket);
        moved.map_err(|Broken| Failure::Reset)
    }

    /// Sends what is pending, and finds out when there is more to do.
    pub(super) fn send(&mut self, now: Instant, link: &mut Link, device: &mut impl Device) {
        self.deadline = link.send(now, device, &mut self.sockets, None);
        if drop_unsent(self.socket_mut()) {
            self.deadline = None;
        }
    }
}
