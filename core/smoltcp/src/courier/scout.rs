//! Asks where the frames to an address go, without sending anything there.
//!
//! smoltcp asks only when it has something to send. So it is given an empty datagram, which the
//! device keeps for itself: what is left is the question, of ARP or neighbour discovery.

use echo_core::Instant;
use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::phy::{Device, DeviceCapabilities, TxToken};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket};
use smoltcp::time::Instant as WireInstant;
use smoltcp::wire::{EthernetFrame, IpAddress, IpEndpoint, IpProtocol};

use crate::link::{Egress, Link};
use crate::notice::Notice;
use crate::packet::Packet;

/// A device that sends all but datagrams.
pub(super) struct Scout<'d, D> {
    device: &'d mut D,
}

/// Any port will do.
const PORT: u16 = 9;

impl<'d, D: Device> Scout<'d, D> {
    pub(super) const fn new(device: &'d mut D) -> Self {
        Self { device }
    }

    /// Whether it is known where frames to this address go. If not, it is asked now, or was within
    /// the last second.
    pub(super) fn reaches(&mut self, to: IpAddress, now: Instant, link: &mut Link) -> bool {
        let mut metadata = [PacketMetadata::EMPTY];
        let none = PacketBuffer::new(&mut [][..], &mut [][..]);
        let mut socket = Socket::new(none, PacketBuffer::new(&mut metadata[..], &mut [][..]));
        let mut storage = [SocketStorage::EMPTY];
        let mut sockets = SocketSet::new(&mut storage[..]);
        // The socket is new, and the ports are not 0.
        let _ = socket.bind(PORT);
        let _ = socket.send_slice(&[], IpEndpoint::new(to, PORT));
        sockets.add(socket);
        !matches!(link.egress(now, self, &mut sockets), Egress::Unresolved)
    }
}

impl<D: Device> Device for Scout<'_, D> {
    type RxToken<'a>
        = D::RxToken<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Question<D::TxToken<'a>>
    where
        Self: 'a;

    fn receive(&mut self, _: WireInstant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        None
    }

    fn transmit(&mut self, now: WireInstant) -> Option<Self::TxToken<'_>> {
        self.device.transmit(now).map(Question)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A token that sends a question.
pub(super) struct Question<T>(T);

impl<T: TxToken> TxToken for Question<T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        // A question is as long as its answer, and an empty datagram is shorter.
        if length > Notice::LONGEST {
            return self.0.consume(length, write);
        }
        let mut frame = [0; Notice::LONGEST];
        let frame = &mut frame[..length];
        let result = write(frame);
        let packet = Packet::of(&EthernetFrame::new_unchecked(&*frame));
        if packet.is_none_or(|packet| packet.protocol != IpProtocol::Udp || !packet.whole) {
            self.0.consume(length, |sent| sent.copy_from_slice(frame));
        }
        result
    }
}
