//! The interface on its link: which of its neighbours is where.
//!
//! smoltcp asks for that before it sends, one question a second whatever the number
//! of neighbours, remembers few of them, and keeps what it has to send meanwhile or
//! drops it. But a peer's frames say where the peer is; so smoltcp is told.

use echo_core::Instant;
use smoltcp::iface::{Interface, PollResult, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, TxToken};
use smoltcp::time::Instant as WireInstant;
use smoltcp::wire::{EthernetAddress, IpAddress};

use crate::addresses::Addresses;
use crate::clock::to_wire;
use crate::held::Held;
use crate::notice::Notice;

pub(crate) struct Link {
    pub(crate) interface: Interface,
    /// What smoltcp was told last and knows for certain: most frames come from the
    /// same neighbour as the one before.
    told: Option<(IpAddress, EthernetAddress)>,
}

impl Link {
    pub(crate) const fn new(interface: Interface) -> Self {
        Self { interface, told: None }
    }

    /// What smoltcp knows may be different now.
    pub(crate) const fn forget(&mut self) {
        self.told = None;
    }

    /// Tells smoltcp that frames to `peer` go to `mac`, unless they go through a
    /// gateway: that one is left to smoltcp's own questions.
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

    /// Sends all that the socket of this set has to send now. If smoltcp has
    /// forgotten where its peer is, it is told.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        device: &mut impl Device,
        socket: &mut SocketSet<'_>,
        peer: Option<(IpAddress, EthernetAddress)>,
    ) {
        if !self.sent(now, device, socket)
            && let Some((peer, mac)) = peer
        {
            self.forget();
            self.introduce(now, peer, mac);
            self.sent(now, device, socket);
        }
    }

    /// Whether nothing is left but what waits for an answer.
    fn sent(&mut self, now: Instant, device: &mut impl Device, socket: &mut SocketSet<'_>) -> bool {
        loop {
            let mut outlet = Outlet { device, asked: false };
            match self.interface.poll_egress(to_wire(now), &mut outlet, socket) {
                PollResult::SocketStateChanged => {}
                PollResult::None => return !outlet.asked,
            }
        }
    }
}

/// A device that tells whether smoltcp had a packet to send: only then it asks for
/// a token, and after that for the next hop.
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
