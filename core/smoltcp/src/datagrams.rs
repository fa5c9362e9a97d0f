//! The UDP half of the service: each datagram comes back whole, once, from the address that it was
//! sent to, or not at all. Whom not to answer, the core decides.

mod outbox;
mod spoilt;

use core::net::SocketAddr;

#[cfg(feature = "faults")]
use echo_core::datagram::Spoiler;
use echo_core::datagram::{HOPS, Question, Unanswered};
use echo_core::{Instant, Planted};
use smoltcp::iface::SocketStorage;
use smoltcp::phy::{ChecksumCapabilities, Device, PacketMeta, TxToken};
use smoltcp::socket::udp::{PacketBuffer, UdpMetadata};

#[cfg(feature = "faults")]
use smoltcp::wire::IpEndpoint;

use self::outbox::{Answer, Outbox};
use self::spoilt::Spoilt;
use crate::addresses::Addresses;
use crate::demux::Arrival;
use crate::link::Link;
use crate::lone::Lone;
use crate::packet::is_genuine;
use crate::{Event, FAULTS};

/// Storage for the datagrams of a server, [lent](crate::Server::lend) to it.
///
/// Each datagram is answered before the next frame is taken in. So one place in the receive ring is
/// enough, and the send ring fills up only while the device has no room.
#[derive(Debug)]
pub struct Datagrams<'a> {
    /// What frames are shown to. It sends nothing: what a socket has received it cannot send without
    /// a copy in between.
    inbox: Lone<'a>,
    outbox: Outbox<'a>,
    /// What spoils the answers, if they are to be spoilt: only with the feature `faults`.
    spoilt: Option<Spoilt<'a>>,
    port: u16,
    /// The frame that came last, if what it brought was not looked at yet.
    arrival: Option<Arrival>,
}

/// What became of datagrams: each that is well-formed makes one count, as soon as that is known. No
/// count ever falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those whose answer has left.
    pub echoed: u64,
    /// The bytes in them.
    pub bytes: u64,
    /// Those that must not be answered, in the order of [`Unanswered::ALL`].
    pub unanswered: [u64; Unanswered::ALL.len()],
    /// Those that are longer than the receive ring, or than what can be sent back. What was not put
    /// together is not counted: nobody knows what it was.
    pub too_long: u64,
    /// Those whose answer found no room in the send ring.
    pub full: u64,
    /// Those whose answer had to give way to the next, because nobody said where its receiver is.
    pub unreachable: u64,
}

impl<'a> Datagrams<'a> {
    /// Datagrams in these rings. `receive` has to hold one of the longest, `send` what is to wait
    /// for room in the device.
    #[must_use]
    pub fn new(
        [inbox, outbox]: &'a mut [SocketStorage<'a>; 2],
        receive: PacketBuffer<'a>,
        send: PacketBuffer<'a>,
    ) -> Self {
        let none = || PacketBuffer::new(&mut [][..], &mut [][..]);
        let inbox = Lone::new(inbox, receive, none());
        let mut answers = Lone::new(outbox, none(), send);
        answers.socket().set_hop_limit(Some(HOPS));
        let outbox = Outbox::new(answers);
        Self { inbox, outbox, spoilt: None, port: 0, arrival: None }
    }

    /// These datagrams with answers that are spoilt on purpose. `hand` and `kept` have to hold one of
    /// the longest each: what is longer is not spoilt.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn spoilt(
        mut self,
        spoiler: &'a mut Spoiler<IpEndpoint>,
        hand: &'a mut [u8],
        kept: &'a mut [u8],
    ) -> Self {
        self.spoilt = Some(Spoilt { spoiler, hand, kept, waits: None });
        self
    }

    /// What became of those that have arrived.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.outbox.counts
    }

    /// The faults that were planted so far.
    pub(crate) fn planted(&self) -> Planted {
        self.spoilt.as_ref().map_or_else(Planted::default, |spoilt| spoilt.spoiler.planted())
    }

    /// When [`send`](Self::send) has something to do, unless it waits for the device.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.spoilt.as_ref().filter(|_| FAULTS)?.spoiler.deadline()
    }

    /// Begins to receive what is for this port.
    pub(crate) fn bind(&mut self, port: u16) {
        self.port = port;
        self.inbox.bind(port);
        self.outbox.bind(port);
    }

    /// Whether a datagram is for the port.
    pub(crate) const fn expects(&self, arrival: &Arrival) -> bool {
        arrival.port == self.port
    }

    /// Takes in a frame that [is for it](Self::expects).
    pub(crate) fn take_in(
        &mut self,
        now: Instant,
        frame: &[u8],
        arrival: Arrival,
        checksums: &ChecksumCapabilities,
        answer: impl TxToken,
        link: &mut Link,
    ) {
        if arrival.length > self.inbox.socket().payload_recv_capacity() {
            let genuine = is_genuine(frame, &Addresses::of(&link.interface), checksums);
            self.outbox.counts.too_long += u64::from(genuine);
            return;
        }
        link.show(now, frame, answer, self.inbox.sockets());
        self.arrival = Some(arrival);
    }

    /// Answers the datagram that has just arrived, if it is whole.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        link: &mut Link,
        device: &mut impl Device,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        let Some(Arrival { from, hops, .. }) = self.arrival.take() else { return };
        let Ok((bytes, UdpMetadata { endpoint: peer, local_address, .. })) =
            self.inbox.socket().recv()
        else {
            return;
        };
        let question = Question {
            from: SocketAddr::new(peer.addr.into(), peer.port),
            to: local_address.map(Into::into),
            hops: Some(hops),
        };
        let other = from.is_unicast() && Addresses::of(&link.interface).is_other_host(peer.addr);
        let unanswered =
            if other { question.unanswered(Some(self.port)) } else { Some(Unanswered::Source) };
        if let Some(reason) = unanswered {
            self.outbox.counts.unanswered[reason as usize] += 1;
            return;
        }
        on_event(Event::Datagram { peer, bytes });
        let to = UdpMetadata { endpoint: peer, local_address, meta: PacketMeta::default() };
        let answer = Answer { bytes, to, via: from };
        let mut give = |answer: Answer<'_>| self.outbox.answer(now, answer, link, device);
        match self.spoilt.as_mut().filter(|_| FAULTS) {
            None => give(answer),
            Some(spoilt) => spoilt.spoil(now, answer, &mut give),
        }
    }

    /// Sends what had to wait. Whether some of it waits for room in the device still.
    pub(crate) fn send(&mut self, now: Instant, link: &mut Link, device: &mut impl Device) -> bool {
        if let Some(spoilt) = self.spoilt.as_mut().filter(|_| FAULTS) {
            let mut give = |answer: Answer<'_>| self.outbox.answer(now, answer, link, device);
            spoilt.handle_timeout(now, &mut give);
        }
        self.outbox.send(now, link, device, None);
        self.outbox.waits_for_room()
    }

    /// Sends what is kept for another to overtake it: none will.
    pub(crate) fn release(&mut self, now: Instant, link: &mut Link, device: &mut impl Device) {
        if let Some(spoilt) = self.spoilt.as_mut().filter(|_| FAULTS) {
            spoilt.release(&mut |answer: Answer<'_>| self.outbox.answer(now, answer, link, device));
        }
    }
}
