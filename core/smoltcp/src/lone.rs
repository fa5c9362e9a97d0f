//! A UDP socket in a set of its own, and what it can send.

use core::slice;

use smoltcp::config::FRAGMENTATION_BUFFER_SIZE;
use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::udp::{PacketBuffer, Socket};
use smoltcp::wire::{IpAddress, IpVersion, UDP_HEADER_LEN};

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

/// The longest datagram that can be sent there: smoltcp drops any other, and says that it has sent it.
pub(crate) fn longest(to: IpAddress, mtu: usize) -> usize {
    let longest = match to.version() {
        IpVersion::Ipv4 if cfg!(feature = "fragments") => {
            // The buffer is for what has to be cut.
            mtu.max(FRAGMENTATION_BUFFER_SIZE.min(65_535)) - 20
        }
        IpVersion::Ipv4 => mtu - 20,
        #[cfg(feature = "ipv6")]
        IpVersion::Ipv6 => mtu - 40,
    };
    longest - UDP_HEADER_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However small smoltcp's buffer for fragments is.
    #[test]
    fn what_fits_into_a_frame_can_be_sent() {
        for mtu in [576, 1500, 9000, 65_535] {
            assert!(longest(IpAddress::v4(10, 0, 0, 1), mtu) >= mtu - 28);
            #[cfg(feature = "ipv6")]
            assert_eq!(longest(IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1), mtu), mtu - 48);
        }
    }
}
