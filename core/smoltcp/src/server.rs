//! The server as one step: frames in, bytes through the sessions, frames out,
//! and the time of the next step.

use core::time::Duration;

use echo_core::{CloseReason, Haste, Instant, Planted, Rules};
use heapless::Vec;
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, RxToken, TxToken};
use smoltcp::wire::{IpEndpoint, TcpSeqNumber};

use crate::addresses::Addresses;
use crate::clock::to_wire;
#[cfg(feature = "udp")]
use crate::datagrams::{Counts, Datagrams};
use crate::demux::{Flow, Subject, classify};
use crate::link::Link;
use crate::packet::is_genuine;
use crate::slot::{Standing, Vacancy};
use crate::slots::Slots;
use crate::{Broken, Slot};

/// The most frames that one step takes in, so that a flood of them cannot hold up
/// the answers.
const BATCH: usize = 64;

/// What is served, and how.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The TCP port, not 0.
    pub port: u16,
    /// The rules of the sessions.
    pub rules: Rules,
    /// Nagle's algorithm: hold back a segment that is not full until all before
    /// it are acknowledged. With delayed acknowledgements of the peer, small echoes
    /// then wait 40 ms for each other; so it is off by default.
    pub nagle: bool,
    /// How long an acknowledgement waits for data that can carry it. In an echo
    /// the echo itself carries it, so the 10 ms are never seen, and half of the
    /// frames are saved.
    pub ack_delay: Option<Duration>,
}

/// The echo port of this project, the rules of [`Rules::default`], Nagle off,
/// acknowledgements delayed by 10 ms.
impl Default for Service {
    fn default() -> Self {
        Self {
            port: 2333,
            rules: Rules::default(),
            nagle: false,
            ack_delay: Some(Duration::from_millis(10)),
        }
    }
}

/// What a server tells its driver, which may log it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'e> {
    /// A handshake is complete.
    Connected {
        /// The client.
        peer: IpEndpoint,
    },
    /// A session takes bytes.
    Received {
        /// The client that sent them.
        peer: IpEndpoint,
        /// The bytes.
        bytes: &'e [u8],
    },
    /// The socket takes bytes of an echo.
    Echoed {
        /// The client that gets them.
        peer: IpEndpoint,
        /// How many they are.
        bytes: u64,
    },
    /// A datagram that is to be answered has arrived.
    Datagram {
        /// The client that sent it.
        peer: IpEndpoint,
        /// What it carries.
        bytes: &'e [u8],
    },
    /// A session is over. Its tail may still be on the way.
    Closed {
        /// The client of the session.
        peer: IpEndpoint,
        /// The reason.
        end: Result<CloseReason, Broken>,
        /// The number of bytes that were echoed.
        echoed: u64,
    },
}

/// An echo server: an interface that answers ARP, neighbour discovery and ping,
/// and as many TCP connections at once as it was lent [`Slot`]s.
pub struct Server<'s, 'a, const N: usize> {
    link: Link,
    slots: Slots<'s, 'a, N>,
    #[cfg(feature = "udp")]
    datagrams: Option<&'s mut Datagrams<'a>>,
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

/// The socket that a frame is shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// The socket of the slot with this number.
    Slot(usize),
    /// No socket: smoltcp answers by itself.
    Strangers,
    /// The frame is dropped.
    Nobody,
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
        #[cfg(not(feature = "udp"))]
        let waits = false;
        let flushed = self.link.flush(now, device);
        if frames == BATCH || waits || !flushed { Some(now) } else { self.deadline }
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

    /// Ends all connections with a reset and sends it.
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

    /// The faults that were planted so far, if slots are [spoilt](Slot::spoilt).
    #[must_use]
    pub fn planted(&self) -> Planted {
        self.slots.planted()
    }

    /// The interface, to change its addresses or routes.
    pub fn interface(&mut self) -> &mut Interface {
        self.link.forget();
        &mut self.link.interface
    }

    /// Takes in a frame, if there is one.
    fn receive(
        &mut self,
        now: Instant,
        device: &mut impl Device,
        checksums: &ChecksumCapabilities,
        touched: &mut Touched,
    ) -> bool {
        let Some((frame, answer)) = device.receive(to_wire(now)) else { return false };
        frame.consume(|frame| self.take_in(now, frame, checksums, answer, touched));
        true
    }

    /// Shows the frame to the one socket that it is for.
    fn take_in(
        &mut self,
        now: Instant,
        frame: &[u8],
        checksums: &ChecksumCapabilities,
        answer: impl TxToken,
        touched: &mut Touched,
    ) {
        let addresses = Addresses::of(&self.link.interface);
        let audience = match classify(frame, &addresses) {
            Subject::Segment { flow, from, opens, resets } => {
                let serves = flow.local.port == self.service.port;
                let found = if serves { self.slots.find(&flow) } else { None };
                let known = found.is_some_and(|number| self.slots.get(number).via == from);
                if (opens.is_some() || !known) && !is_genuine(frame, &addresses, checksums) {
                    return;
                }
                self.link.introduce(now, flow.peer.addr, from);
                if let (Some(number), Some(reset)) = (found, resets)
                    && self.slots.get(number).doubts(reset)
                {
                    return self.touch(number, touched);
                }
                let audience = match opens {
                    Some(number) if serves => self.meet(now, flow, found, number),
                    _ => found.map_or(Audience::Strangers, Audience::Slot),
                };
                if let Audience::Slot(number) = audience {
                    self.slots.get(number).via = from;
                }
                audience
            }
            #[cfg(feature = "udp")]
            Subject::Datagram(arrival) => {
                if let Some(datagrams) = &mut self.datagrams
                    && datagrams.expects(&arrival)
                {
                    return datagrams.take_in(now, frame, arrival, answer, &mut self.link);
                }
                if is_genuine(frame, &addresses, checksums) {
                    self.link.introduce(now, arrival.peer, arrival.from);
                }
                Audience::Strangers
            }
            Subject::Ping { peer, from } => {
                if is_genuine(frame, &addresses, checksums) {
                    self.link.introduce(now, peer, from);
                }
                Audience::Strangers
            }
            Subject::Neighbour => {
                self.neighbours_changed = true;
                self.link.forget();
                Audience::Strangers
            }
            Subject::Claim(notice) => return notice.send(answer),
            Subject::Unanswered => Audience::Nobody,
            Subject::Other => Audience::Strangers,
        };
        let sockets = match audience {
            Audience::Slot(number) => self.slots.get(number).sockets(),
            Audience::Strangers => &mut self.strangers,
            Audience::Nobody => return,
        };
        self.link.show(now, frame, answer, sockets);
        if let Audience::Slot(number) = audience {
            self.touch(number, touched);
        }
    }

    /// The socket that gets a SYN with this number, whose flow was found in a slot or not.
    fn meet(
        &mut self,
        now: Instant,
        flow: Flow,
        found: Option<usize>,
        number: TcpSeqNumber,
    ) -> Audience {
        match found.map(|found| (found, self.slots.get(found).standing(number))) {
            Some((found, Standing::Known)) => Audience::Slot(found),
            Some((found, Standing::Open)) => {
                self.slots.get(found).challenged = true;
                Audience::Slot(found)
            }
            _ if !self.accepting => Audience::Strangers,
            Some((found, Standing::Begun(yields))) => {
                self.slots.get(found).listen(number, yields, &self.service);
                Audience::Slot(found)
            }
            Some((found, Standing::Over)) => {
                self.slots.get(found).part();
                self.slots.remove(found);
                self.open(now, flow, number)
            }
            None => self.open(now, flow, number),
        }
    }

    /// Makes a slot ready for a SYN.
    fn open(&mut self, now: Instant, flow: Flow, syn: TcpSeqNumber) -> Audience {
        let number = if let Some(number) = self.slots.take() {
            self.connections += 1;
            number
        } else if let Some(number) = self.slots.take_yielding(now) {
            number
        } else {
            self.turned_away += 1;
            return Audience::Nobody;
        };
        self.slots.get(number).listen(syn, Slot::<N>::patience(now), &self.service);
        // If smoltcp does not take the SYN, the slot is vacant again when it is served.
        self.slots.insert(number, flow);
        Audience::Slot(number)
    }

    fn touch(&mut self, number: usize, touched: &mut Touched) {
        let slot = self.slots.get(number);
        if !core::mem::replace(&mut slot.touched, true) {
            // As many places as frames in a step.
            let _ = touched.push(number);
        }
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
