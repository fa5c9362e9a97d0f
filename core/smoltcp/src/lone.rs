//! A UDP socket in a set of its own.

use core::slice;

use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::udp::{PacketBuffer, Socket};

/// A UDP socket in a set of its own: smoltcp looks at every socket of a set for each frame.
#[derive(Debug)]
pub(crate) struct Lone<'a> {
    sockets: SocketSet<'a>,
    handle: SocketHandle,
}

impl<'a> Lone<'a> {
    pub(crate) fn new(
        storage: &'a mut SocketStorage<'a>,
        receive: PacketBuffer<'a>,
        send: PacketBuffer<'a>,
    ) -> Self {
        let mut sockets = SocketSet::new(slice::from_mut(storage));
        let handle = sockets.add(Socket::new(receive, send));
        Self { sockets, handle }
    }

    /// Binds it anew, with empty rings.
    pub(crate) fn bind(&mut self, port: u16) {
        let socket = self.socket();
        socket.close();
        // It is closed now, so only port 0 can fail: then nothing is received.
        let _ = socket.bind(port);
    }

    /// Empties its rings, and forgets that it waits for a neighbour.
    pub(crate) fn reset(&mut self) {
        let port = self.socket().endpoint().port;
        let smoltcp::socket::Socket::Udp(socket) = self.sockets.remove(self.handle) else { return };
        self.handle = self.sockets.add(socket);
        self.bind(port);
    }

    pub(crate) fn sockets(&mut self) -> &mut SocketSet<'a> {
        &mut self.sockets
    }

    pub(crate) fn get(&self) -> &Socket<'a> {
        self.sockets.get(self.handle)
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'a> {
        self.sockets.get_mut(self.handle)
    }
}
