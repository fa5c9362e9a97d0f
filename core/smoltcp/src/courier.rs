//! The client of a UDP service: datagrams from here to echo servers elsewhere, and what comes back.

mod mailbox;
mod scout;
mod undeliverable;

use core::mem;

use echo_core::{Failure, Instant};
use heapless::Vec;
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, RxToken, TxToken};
use smoltcp::wire::{IpAddress, IpEndpoint};

pub use self::mailbox::Mailbox;
use self::scout::Scout;
pub use self::undeliverable::Undelivered;
use self::undeliverable::undeliverable;
use crate::addresses::Addresses;
#[cfg(feature = "fragments")]
use crate::assembly::{Assemblies, Assembly};
use crate::clock::to_wire;
use crate::demux::{Subject, classify};
use crate::link::Link;
use crate::lone::longest;
use crate::ports::Ports;

/// The most frames taken in at once.
const BATCH: usize = 64;

/// An interface that sends datagrams, each from the port of a [`Mailbox`].
///
/// In each round call [`receive`](Self::receive), then [`take`](Self::take) for each mailbox that
/// was [touched](Self::touched) until nothing is left in it. A mailbox is named by its number in the
/// slice that the courier was lent; a number beyond it panics.
pub struct Courier<'c, 'a> {
    link: Link,
    mailboxes: &'c mut [Mailbox<'a>],
    ports: Ports,
    /// Whether the caller has chosen a port: any mailbox may have any port then.
    chosen: bool,
    /// An empty set: smoltcp itself answers frames that belong to no mailbox.
    strangers: SocketSet<'a>,
    touched: Vec<usize, BATCH>,
    #[cfg(feature = "fragments")]
    assemblies: Assemblies<'c, 'a>,
    /// The number of mailboxes with something that could not leave at once.
    waiting: usize,
}

impl<'c, 'a> Courier<'c, 'a> {
    /// A courier with these mailboxes. `seed` chooses the ports it begins with: it should differ at
    /// each start.
    #[must_use]
    pub fn new(interface: Interface, mailboxes: &'c mut [Mailbox<'a>], seed: u64) -> Self {
        Self {
            link: Link::new(interface),
            ports: Ports::new(mailboxes.len(), seed),
            mailboxes,
            chosen: false,
            strangers: SocketSet::new(&mut [][..]),
            touched: Vec::new(),
            #[cfg(feature = "fragments")]
            assemblies: Assemblies::default(),
            waiting: 0,
        }
    }

    /// Puts together, too, as many packets at once that come in fragments.
    #[cfg(feature = "fragments")]
    #[must_use]
    pub fn reassemble(mut self, assemblies: &'c mut [Assembly<'a>]) -> Self {
        self.assemblies = Assemblies::new(assemblies);
        self
    }

    /// Whether it is known where frames go that are for this address. If not, the network is asked,
    /// once a second at most; [`receive`](Self::receive) takes in the answer. No datagram leaves.
    pub fn reaches(&mut self, to: IpAddress, now: Instant, device: &mut impl Device) -> bool {
        Scout::new(device).reaches(to, now, &mut self.link)
    }

    /// Opens a mailbox at this port, or at one that it has not had for long. Whatever was in it is gone.
    ///
    /// # Errors
    ///
    /// [`Failure::Local`] if another mailbox has the port, or if there are fewer ports than mailboxes.
    pub fn open(&mut self, number: usize, port: Option<u16>) -> Result<(), Failure> {
        self.close(number);
        self.chosen |= port.is_some();
        let port = match port {
            Some(port) => Some(port).filter(|port| self.user(*port).is_none()),
            None => self.deal(number),
        };
        self.mailboxes[number].open(port.ok_or(Failure::Local)?);
        Ok(())
    }

    /// The next of the mailbox's own ports.
    fn deal(&mut self, number: usize) -> Option<u16> {
        let mut turn = self.mailboxes[number].turn;
        // Each that is taken was chosen for another mailbox.
        let mut all = (0..self.mailboxes.len()).map_while(|_| self.ports.next(number, &mut turn));
        let port = all.find(|port| !self.chosen || self.user(*port).is_none());
        self.mailboxes[number].turn = turn;
        port
    }

    /// Sends a datagram, whole or not at all. One whose next hop is not known yet, or for which the
    /// device has no room, leaves in a later round. Opens the mailbox, if it is not open.
    ///
    /// # Errors
    ///
    /// [`Failure::TooLong`] if it can never be sent, [`Failure::Full`] if the mailbox has no room,
    /// [`Failure::Unreachable`] if the interface has no way to the server, or if that is no other
    /// host, [`Failure::Local`] if there are fewer ports than mailboxes.
    pub fn send(
        &mut self,
        number: usize,
        to: IpEndpoint,
        bytes: &[u8],
        now: Instant,
        device: &mut impl Device,
    ) -> Result<(), Failure> {
        let mtu = device.capabilities().ip_mtu();
        if bytes.len() > longest(to.addr, mtu).min(self.mailboxes[number].longest()) {
            return Err(Failure::TooLong);
        }
        if self.mailboxes[number].asked != Some(to) && !self.link.has_way(to.addr) {
            return Err(Failure::Unreachable);
        }
        if !self.mailboxes[number].is_open() {
            self.open(number, None)?;
        }
        self.mailboxes[number].put(bytes, to)?;
        self.push(number, now, device);
        Ok(())
    }

    /// Sends what is left of a mailbox.
    fn push(&mut self, number: usize, now: Instant, device: &mut impl Device) {
        let mailbox = &mut self.mailboxes[number];
        let waits = !mailbox.send(now, &mut self.link, device);
        match (mem::replace(&mut mailbox.waits, waits), waits) {
            (false, true) => self.waiting += 1,
            (true, false) => self.waiting -= 1,
            _ => {}
        }
    }

    /// Takes in up to 64 frames, as long as the mailboxes have room for more and nothing of ICMP to
    /// tell, and sends what had to wait. Returns whether there may be more frames, or room for more.
    pub fn receive(&mut self, now: Instant, device: &mut impl Device) -> bool {
        self.touched.clear();
        let checksums = device.capabilities().checksum;
        let mut frames = 0;
        let mut room = true;
        while frames < BATCH && room {
            let Some((frame, answer)) = device.receive(to_wire(now)) else { break };
            frame.consume(|frame| room = self.take_in(now, frame, answer, &checksums));
            // Of a long ping.
            self.link.flush(now, device);
            frames += 1;
        }
        if self.waiting > 0 {
            for number in 0..self.mailboxes.len() {
                if self.mailboxes[number].waits {
                    self.push(number, now, device);
                }
            }
        }
        frames == BATCH || !room
    }

    /// Shows a frame to the one socket that it is for. Whether that has room for another.
    fn take_in(
        &mut self,
        now: Instant,
        frame: &[u8],
        answer: impl TxToken,
        checksums: &ChecksumCapabilities,
    ) -> bool {
        let found = match classify(frame, &Addresses::of(&self.link.interface)) {
            Subject::Claim(notice) => {
                notice.send(answer);
                return true;
            }
            Subject::Unanswered => return true,
            #[cfg(feature = "fragments")]
            Subject::Fragment => {
                let mut assemblies = mem::take(&mut self.assemblies);
                let whole = assemblies.take_in(now, frame, checksums);
                let room = whole.is_none_or(|frame| self.take_in(now, frame, answer, checksums));
                self.assemblies = assemblies;
                return room;
            }
            Subject::Datagram(arrival) => self.user(arrival.port),
            Subject::Ping { peer, from } => {
                self.link.learn(now, frame, checksums, peer, from);
                None
            }
            Subject::Neighbour | Subject::Segment { .. } => None,
            Subject::Other => {
                if let Some((port, to, undelivered)) = undeliverable(frame, checksums)
                    && let Some(number) = self.user(port)
                    && self.mailboxes[number].asked == Some(to)
                {
                    self.mailboxes[number].undelivered = Some(undelivered);
                    self.touch(number);
                    // Another one would take its place.
                    return false;
                }
                None
            }
        };
        let Some(number) = found else {
            self.link.show(now, frame, answer, &mut self.strangers);
            return true;
        };
        self.link.show(now, frame, answer, self.mailboxes[number].sockets());
        self.touch(number);
        self.mailboxes[number].has_room()
    }

    fn user(&self, port: u16) -> Option<usize> {
        let has = |number: &usize| self.mailboxes.get(*number).is_some_and(|it| it.has(port));
        let dealt = self.ports.user(port).filter(has);
        if self.chosen { dealt.or_else(|| (0..self.mailboxes.len()).find(has)) } else { dealt }
    }

    fn touch(&mut self, number: usize) {
        if !self.touched.contains(&number) {
            // As many places as frames.
            let _ = self.touched.push(number);
        }
    }

    /// Whether something waits for its next hop to be found, or for room in the device.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.waiting > 0
    }

    /// The mailboxes that the frames of the last [`receive`](Self::receive) were for.
    #[must_use]
    pub fn touched(&self) -> &[usize] {
        &self.touched
    }

    /// The next datagram in a mailbox, and who sent it.
    ///
    /// # Errors
    ///
    /// What ICMP says of one datagram that was sent from there.
    pub fn take(&mut self, number: usize) -> Result<Option<(&[u8], IpEndpoint)>, Undelivered> {
        self.mailboxes[number].take()
    }

    /// Whether something that was sent from a mailbox could not leave yet.
    #[must_use]
    pub fn holds(&self, number: usize) -> bool {
        self.mailboxes[number].waits
    }

    /// Closes a mailbox, in which nothing is left, and nothing leaves that [waits](Self::holds). When it
    /// is used again, its port is another one.
    pub fn close(&mut self, number: usize) {
        let mailbox = &mut self.mailboxes[number];
        self.waiting -= usize::from(mem::take(&mut mailbox.waits));
        mailbox.close();
    }
}
