//! One port of a courier.

use core::mem;

use echo_core::{Failure, Instant};
use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::udp::PacketBuffer;
use smoltcp::wire::IpEndpoint;

use super::undeliverable::Undelivered;
use crate::link::{Egress, Link};
use crate::lone::Lone;

/// One port, lent to a [`Courier`](crate::Courier).
#[derive(Debug)]
pub struct Mailbox<'a> {
    socket: Lone<'a>,
    /// The longest datagram that was sent, and so the longest that is expected.
    sent: usize,
    /// Frames that may have brought a datagram since it was last empty.
    unread: usize,
    /// Which of its ports it uses next.
    pub(super) turn: usize,
    /// Whether something could not leave at once.
    pub(super) waits: bool,
    /// Where the last datagram was sent.
    pub(super) asked: Option<IpEndpoint>,
    /// What ICMP said.
    pub(super) undelivered: Option<Undelivered>,
}

impl<'a> Mailbox<'a> {
    /// A mailbox with these rings: each needs room for the longest datagram.
    #[must_use]
    pub fn new(
        storage: &'a mut SocketStorage<'a>,
        receive: PacketBuffer<'a>,
        send: PacketBuffer<'a>,
    ) -> Self {
        let socket = Lone::new(storage, receive, send);
        Self { socket, sent: 0, unread: 0, turn: 0, waits: false, asked: None, undelivered: None }
    }

    pub(super) fn is_open(&self) -> bool {
        self.socket.get().is_open()
    }

    pub(super) fn has(&self, port: u16) -> bool {
        self.is_open() && self.socket.get().endpoint().port == port
    }

    /// The longest datagram for which there can be room.
    pub(super) fn longest(&self) -> usize {
        self.socket.get().payload_send_capacity()
    }

    /// Whether another datagram like those that were sent finds room.
    pub(super) fn has_room(&self) -> bool {
        let socket = self.socket.get();
        // At the end of the ring there may be a gap that is too short for it.
        let bytes = socket.payload_recv_capacity() - socket.recv_queue();
        self.unread + 1 < socket.packet_recv_capacity() && bytes >= 2 * self.sent
    }

    pub(super) fn open(&mut self, port: u16) {
        self.close();
        self.socket.bind(port);
    }

    pub(super) fn close(&mut self) {
        self.socket.bind(0);
        (self.sent, self.unread, self.asked, self.undelivered) = (0, 0, None, None);
    }

    pub(super) fn put(&mut self, bytes: &[u8], to: IpEndpoint) -> Result<(), Failure> {
        self.socket.socket().send_slice(bytes, to).map_err(|_| Failure::Full)?;
        (self.sent, self.asked) = (self.sent.max(bytes.len()), Some(to));
        Ok(())
    }

    /// Sends what there is. Whether nothing is left.
    pub(super) fn send(&mut self, now: Instant, link: &mut Link, device: &mut impl Device) -> bool {
        while let Egress::Sent = link.egress(now, device, self.socket.sockets()) {}
        let flushed = link.flush(now, device);
        flushed && link.next(now, self.socket.sockets()).is_none()
    }

    /// The set to show a frame to that may bring a datagram.
    pub(super) fn sockets(&mut self) -> &mut SocketSet<'a> {
        self.unread += 1;
        self.socket.sockets()
    }

    /// The next datagram, and who it is from.
    pub(super) fn take(&mut self) -> Result<Option<(&[u8], IpEndpoint)>, Undelivered> {
        if let Some(undelivered) = mem::take(&mut self.undelivered) {
            return Err(undelivered);
        }
        let Self { socket, unread, .. } = self;
        match socket.socket().recv() {
            Ok((bytes, from)) => Ok(Some((bytes, from.endpoint))),
            Err(_) => {
                *unread = 0;
                Ok(None)
            }
        }
    }
}
