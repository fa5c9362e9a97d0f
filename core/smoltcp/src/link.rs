//! The interface on its link, and the Ethernet addresses of its neighbours.
//!
//! smoltcp resolves an address before it sends, with one query a second whatever the
//! number of neighbours, remembers few of them, and meanwhile keeps or drops what it has
//! to send. But a peer's frames contain its address, which is therefore given to smoltcp.

use echo_core::Instant;
use smoltcp::iface::{Interface, PollResult, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, TxToken};
use smoltcp::time::Instant as WireInstant;
use smoltcp::wire::{EthernetAddress, IpAddress};

use crate::addresses::Addresses;
use crate::clock::{from_wire, to_wire};
use crate::held::Held;
use crate::notice::Notice;
use crate::packet::is_genuine;

/// What an attempt to send brought.
pub(crate) enum Egress {
    /// A packet has left, at least its first fragment.
    Sent,
    /// There is one, but nobody has said yet where its next hop is.
    Unresolved,
    /// There is none, or no room for it in the device.
    Nothing,
}

pub(crate) struct Link {
    pub(crate) interface: Interface,
    /// The neighbour that smoltcp was told of last and certainly knows: most frames come
    /// from the same neighbour as the frame before.
    told: Option<(IpAddress, EthernetAddress)>,
}

impl Link {
    pub(crate) const fn new(interface: Interface) -> Self {
        Self { interface, told: None }
    }

    /// Notes that smoltcp's knowledge of neighbours may have changed.
    pub(crate) const fn forget(&mut self) {
        self.told = None;
    }

    /// Whether this is another host to which there is a way, over the link or through a gateway. To any
    /// other, smoltcp would try to send for ever, from the address of a loopback that it does not have
    /// if it has none of that family.
    pub(crate) fn has_way(&mut self, to: IpAddress) -> bool {
        let addresses = Addresses::of(&self.interface);
        let (other, beside) = (addresses.is_other_host(to), addresses.beside(to).is_some());
        let family = addresses.ip.iter().any(|own| own.address().version() == to.version());
        let mut routed = false;
        self.interface.routes_mut().update(|routes| {
            routed = routes.iter().any(|route| route.cidr.contains_addr(&to));
        });
        other && family && (beside || routed)
    }

    /// Tells smoltcp that frames to `peer` go to `mac`, unless they go through a
    /// gateway: smoltcp resolves that one itself.
    pub(crate) fn introduce(&mut self, now: Instant, peer: IpAddress, mac: EthernetAddress) {
        if self.told == Some((peer, mac)) {
            return;
        }
        self.told = Some((peer, mac));
        let addresses = Addresses::of(&self.interface);
        if let Some(to) = addresses.beside(peer) {
            let notice = Notice { address: peer, mac, to, to_mac: addresses.mac };
            let mut frame = [0; Notice::LONGEST];
            let frame = &mut frame[..notice.len()];
            notice.emit(frame);
            self.show(now, frame, Nobody, &mut SocketSet::new(&mut [][..]));
        }
    }

    /// Tells smoltcp where a ping or a datagram comes from that nobody here is for, and that it answers
    /// itself, if that is what it claims to be.
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        frame: &[u8],
        checksums: &ChecksumCapabilities,
        peer: IpAddress,
        mac: EthernetAddress,
    ) {
        if is_genuine(frame, &Addresses::of(&self.interface), checksums) {
            self.introduce(now, peer, mac);
        }
    }

    /// Shows smoltcp a frame, with these sockets.
    pub(crate) fn show(
        &mut self,
        now: Instant,
        frame: &[u8],
        answer: impl TxToken,
        sockets: &mut SocketSet<'_>,
    ) {
        self.interface.poll_ingress_single(to_wire(now), &mut Held::new(frame, answer), sockets);
    }

    /// Sends all that the socket of this set has to send now, and returns when it next has
    /// something. If smoltcp has forgotten the address of the peer, it is given again.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        device: &mut impl Device,
        socket: &mut SocketSet<'_>,
        peer: Option<(IpAddress, EthernetAddress)>,
    ) -> Option<Instant> {
        match (self.drain(now, device, socket), peer) {
            ((Egress::Unresolved, _), Some((peer, mac))) => {
                self.forget();
                self.introduce(now, peer, mac);
                self.drain(now, device, socket).1
            }
            ((_, next), _) => next,
        }
    }

    /// Sends until smoltcp says that there is no more: that costs less than to try.
    fn drain(
        &mut self,
        now: Instant,
        device: &mut impl Device,
        socket: &mut SocketSet<'_>,
    ) -> (Egress, Option<Instant>) {
        loop {
            let egress = self.egress(now, device, socket);
            let next = self.next(now, socket);
            let goes_on = matches!(egress, Egress::Sent) && next.is_some_and(|next| next <= now);
            if !goes_on {
                return (egress, next);
            }
        }
    }

    /// When the socket of this set next has something to send, as far as is known.
    pub(crate) fn next(&mut self, now: Instant, socket: &SocketSet<'_>) -> Option<Instant> {
        self.interface.poll_at(to_wire(now), socket).map(from_wire)
    }

    /// Sends one packet of the one socket in this set.
    pub(crate) fn egress(
        &mut self,
        now: Instant,
        device: &mut impl Device,
        socket: &mut SocketSet<'_>,
    ) -> Egress {
        if !self.flush(now, device) {
            return Egress::Nothing;
        }
        let mut outlet = Outlet { device, asked: false };
        match self.interface.poll_egress(to_wire(now), &mut outlet, socket) {
            PollResult::SocketStateChanged => Egress::Sent,
            PollResult::None if outlet.asked => Egress::Unresolved,
            PollResult::None => Egress::Nothing,
        }
    }

    /// Sends the other fragments of a packet whose first one has left. Whether the device had room
    /// for all: smoltcp has memory for one such packet, and the next would overwrite it.
    pub(crate) fn flush(&mut self, now: Instant, device: &mut impl Device) -> bool {
        let mut nobody = SocketSet::new(&mut [][..]);
        while cfg!(feature = "fragments") && self.interface.poll_at(to_wire(now), &nobody).is_some()
        {
            let mut outlet = Outlet { device, asked: false };
            self.interface.poll_egress(to_wire(now), &mut outlet, &mut nobody);
            if !outlet.asked {
                return self.interface.poll_at(to_wire(now), &nobody).is_none();
            }
        }
        true
    }
}

/// A device that records whether smoltcp had a packet to send: only then does smoltcp ask
/// for a token, and after that for the next hop.
struct Outlet<'d, D> {
    device: &'d mut D,
    asked: bool,
}

impl<D: Device> Device for Outlet<'_, D> {
    type RxToken<'a>
        = D::RxToken<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = D::TxToken<'a>
    where
        Self: 'a;

    fn receive(&mut self, _: WireInstant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        None
    }

    fn transmit(&mut self, now: WireInstant) -> Option<Self::TxToken<'_>> {
        let token = self.device.transmit(now);
        self.asked |= token.is_some();
        token
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// Who gets the answer to a notice, if there were one.
struct Nobody;

impl TxToken for Nobody {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        f(&mut [0; Notice::LONGEST][..len])
    }
}
