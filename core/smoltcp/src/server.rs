//! The server as one step: frames in, bytes through the sessions, frames out,
//! and the time of the next step.

mod audience;

use echo_core::{Haste, Instant, Planted};
use heapless::Vec;
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::phy::Device;

#[cfg(feature = "fragments")]
use crate::assembly::{Assemblies, Assembly};
#[cfg(feature = "udp")]
use crate::datagrams::{Counts, Datagrams};
use crate::link::Link;
use crate::slot::Vacancy;
use crate::slots::Slots;
use crate::{Event, Service, Slot};

/// The most frames that one step takes in, so that a flood of them cannot hold up
/// the answers.
const BATCH: usize = 64;

/// An echo server: an interface that answers ARP, neighbour discovery and ping,
/// and as many TCP connections at once as it was lent [`Slot`]s.
pub struct Server<'s, 'a, const N: usize> {
    link: Link,
    slots: Slots<'s, 'a, N>,
    #[cfg(feature = "udp")]
    datagrams: Option<&'s mut Datagrams<'a>>,
    #[cfg(feature = "fragments")]
    assemblies: Assemblies<'s, 'a>,
    /// An empty set, for frames that belong to no slot: smoltcp answers them, a
    /// stray segment with a reset.
    strangers: SocketSet<'a>,
    service: Service,
    accepting: bool,
    /// Not later than the earliest deadline of a slot. It may be earlier: then
    /// one look at all slots finds nothing and corrects it.
    deadline: Option<Instant>,
    neighbours_changed: bool,
    connections: usize,
    turned_away: u64,
}

/// Numbers of the slots that frames came for.
type Touched = Vec<usize, BATCH>;

impl<'s, 'a, const N: usize> Server<'s, 'a, N> {
    /// A server on this interface. `seed` should differ at each start, so that
    /// nobody can guess which connections collide in the index.
    #[must_use]
    pub fn new(
        interface: Interface,
        slots: &'s mut [Slot<'a, N>],
        service: Service,
        seed: u64,
    ) -> Self {
        Self {
            link: Link::new(interface),
            slots: Slots::new(slots, seed),
            #[cfg(feature = "udp")]
            datagrams: None,
            #[cfg(feature = "fragments")]
            assemblies: Assemblies::default(),
            strangers: SocketSet::new(&mut [][..]),
            service,
            accepting: true,
            deadline: None,
            neighbours_changed: false,
            connections: 0,
            turned_away: 0,
        }
    }

    /// Echoes datagrams, too, on the UDP port of the same number.
    #[cfg(feature = "udp")]
    #[must_use]
    pub fn lend(mut self, datagrams: &'s mut Datagrams<'a>) -> Self {
        datagrams.bind(self.service.port);
        self.datagrams = Some(datagrams);
        self
    }

    /// Puts together, too, as many packets at once that come in fragments.
    #[cfg(feature = "fragments")]
    #[must_use]
    pub fn reassemble(mut self, assemblies: &'s mut [Assembly<'a>]) -> Self {
        self.assemblies = Assemblies::new(assemblies);
        self
    }

    /// Takes in up to 64 frames, answers the datagrams in them, serves the connections that they and the clock
    /// concern, and sends what there is to send. Returns when to call it again
    /// unless a frame comes before; `now` if there may be more frames already.
    ///
    /// `on_event` is called for each event meanwhile.
    pub fn step(
        &mut self,
        now: Instant,
        device: &mut impl Device,
        on_event: &mut impl FnMut(Event<'_>),
    ) -> Option<Instant> {
        let checksums = device.capabilities().checksum;
        let mut touched = Touched::new();
        let mut frames = 0;
        while frames < BATCH && self.receive(now, device, &checksums, &mut touched) {
            // Of a long ping.
            self.link.flush(now, device);
            #[cfg(feature = "udp")]
            if let Some(datagrams) = &mut self.datagrams {
                datagrams.answer(now, &mut self.link, device, on_event);
            }
            frames += 1;
        }
        for number in touched {
            self.serve(number, now, device, on_event);
        }
        let all = core::mem::take(&mut self.neighbours_changed);
        if all || self.deadline.is_some_and(|deadline| deadline <= now) {
            self.serve_due(now, all, device, on_event);
        }
        #[cfg(feature = "udp")]
        let waits = self.datagrams.as_mut().is_some_and(|it| it.send(now, &mut self.link, device));
        #[cfg(feature = "udp")]
        let kept = self.datagrams.as_ref().and_then(|datagrams| datagrams.deadline());
        #[cfg(not(feature = "udp"))]
        let (waits, kept) = (false, None);
        let flushed = self.link.flush(now, device);
        if frames == BATCH || waits || !flushed {
            return Some(now);
        }
        [self.deadline, kept].into_iter().flatten().min()
    }

    /// From now on new connections are reset; those that are open go on.
    pub fn stop_accepting(&mut self) {
        self.accepting = false;
    }

    /// The numbers of the slots in which a session is.
    pub fn sessions(&mut self) -> impl Iterator<Item = usize> {
        (0..self.slots.len()).filter(|number| self.slots.get(*number).serves())
    }

    /// [Asks](echo_core::Session::leave) the session in this slot to leave, if there is one; the next
    /// step does what follows from that.
    pub fn leave(&mut self, now: Instant, number: usize, haste: Haste) {
        if self.slots.get(number).leave(now, haste) {
            self.deadline = Some(now);
        }
    }

    /// Ends all connections with a reset and sends it, and what is left of datagrams.
    pub fn abort(
        &mut self,
        now: Instant,
        device: &mut impl Device,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        for number in 0..self.slots.len() {
            self.slots.get(number).abort(now, on_event);
            self.serve(number, now, device, on_event);
        }
        #[cfg(feature = "udp")]
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.release(now, &mut self.link, device);
        }
    }

    /// The number of connections whose slot is not vacant: in their handshake, open, or
    /// with a tail that is not acknowledged yet.
    #[must_use]
    pub const fn connections(&self) -> usize {
        self.connections
    }

    /// The number of SYNs that found no vacant slot. They were dropped, not answered
    /// with a reset: the peer tries again after a second.
    #[must_use]
    pub const fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// What became of the datagrams, if they are [served](Self::lend).
    #[cfg(feature = "udp")]
    #[must_use]
    pub fn datagrams(&self) -> Counts {
        self.datagrams.as_ref().map_or_else(Counts::default, |datagrams| datagrams.counts())
    }

    /// The faults that were planted so far, if slots are [spoilt](Slot::spoilt), or datagrams.
    #[must_use]
    pub fn planted(&self) -> Planted {
        #[cfg_attr(not(feature = "udp"), expect(unused_mut, reason = "there are no datagrams"))]
        let mut planted = self.slots.planted();
        #[cfg(feature = "udp")]
        if let Some(datagrams) = &self.datagrams {
            planted.add(&datagrams.planted());
        }
        planted
    }

    /// The interface, to change its addresses or routes.
    pub fn interface(&mut self) -> &mut Interface {
        self.link.forget();
        &mut self.link.interface
    }

    fn serve(
        &mut self,
        number: usize,
        now: Instant,
        device: &mut impl Device,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        let slot = self.slots.get(number);
        let rules = self.service.rules;
        let vacancy = slot.serve(now, rules, &mut self.link, device, on_event);
        self.deadline = [self.deadline, slot.deadline()].into_iter().flatten().min();
        match vacancy {
            None => return,
            Some(Vacancy::First) => {
                self.slots.remove(number);
                self.slots.push_first(number);
            }
            Some(Vacancy::Last) => self.slots.push_last(number),
        }
        self.connections -= 1;
    }

    /// Serves every slot whose deadline has come, or `all`, and finds the next.
    fn serve_due(
        &mut self,
        now: Instant,
        all: bool,
        device: &mut impl Device,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        self.deadline = None;
        for number in 0..self.slots.len() {
            let deadline = self.slots.get(number).deadline();
            if all && deadline.is_some() || deadline.is_some_and(|deadline| deadline <= now) {
                self.serve(number, now, device, on_event);
            } else {
                self.deadline = [self.deadline, deadline].into_iter().flatten().min();
            }
        }
    }
}
