//! The one socket that a frame is shown to, and what a frame that opens a connection finds.

use core::mem;

use echo_core::Instant;
use smoltcp::phy::{ChecksumCapabilities, Device, RxToken, TxToken};

use super::{Server, Touched};
use crate::addresses::Addresses;
use crate::allowance::allow;
use crate::clock::to_wire;
use crate::demux::{Flow, Subject, Syn, classify};
use crate::packet::is_genuine;
use crate::slot::Standing;
use crate::{REORDERING, Slot};

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

impl<'a, const N: usize> Server<'_, 'a, N> {
    /// Takes in a frame, if there is one.
    pub(super) fn receive(
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
            Subject::Segment { flow, from, opens, resets, acks, offers } => {
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
                if REORDERING
                    && let Some(number) = found
                    && self.slots.get(number).keeps(acks, now, frame, checksums)
                {
                    return self.touch(number, touched);
                }
                let audience = match opens {
                    Some(syn) if serves => self.meet(now, flow, found, syn),
                    _ => found.map_or(Audience::Strangers, Audience::Slot),
                };
                if let Audience::Slot(number) = audience {
                    let slot = self.slots.get(number);
                    (slot.via, slot.offered) = (from, offers);
                }
                audience
            }
            #[cfg(feature = "udp")]
            Subject::Datagram(arrival) => {
                if let Some(datagrams) = &mut self.datagrams
                    && datagrams.expects(&arrival)
                {
                    return datagrams.take_in(
                        now,
                        frame,
                        arrival,
                        checksums,
                        answer,
                        &mut self.link,
                    );
                }
                self.link.learn(now, frame, checksums, arrival.peer, arrival.from);
                Audience::Strangers
            }
            #[cfg(feature = "fragments")]
            Subject::Fragment => {
                let mut assemblies = mem::take(&mut self.assemblies);
                if let Some(frame) = assemblies.take_in(now, frame, checksums) {
                    self.take_in(now, frame, checksums, answer, touched);
                }
                self.assemblies = assemblies;
                return;
            }
            Subject::Ping { peer, from } => {
                self.link.learn(now, frame, checksums, peer, from);
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
        match audience {
            Audience::Slot(number) => {
                let slot = self.slots.get(number);
                if let Some(numbers) = slot.shut() {
                    allow(now, frame, numbers, checksums, answer, &mut self.link, slot.sockets());
                } else {
                    self.link.show(now, frame, answer, slot.sockets());
                }
                self.touch(number, touched);
            }
            Audience::Strangers => self.link.show(now, frame, answer, &mut self.strangers),
            Audience::Nobody => {}
        }
    }

    /// The socket that gets this SYN, whose flow was found in a slot or not.
    fn meet(&mut self, now: Instant, flow: Flow, found: Option<usize>, syn: Syn) -> Audience {
        match found.map(|found| (found, self.slots.get(found).standing(syn.number))) {
            Some((found, Standing::Known)) => Audience::Slot(found),
            Some((found, Standing::Open)) => {
                self.slots.get(found).challenged = true;
                Audience::Slot(found)
            }
            _ if !self.accepting => Audience::Strangers,
            Some((found, Standing::Begun(yields))) => {
                self.slots.get(found).listen(syn, yields, &self.service);
                Audience::Slot(found)
            }
            Some((found, Standing::Over)) => {
                self.slots.get(found).part();
                self.slots.remove(found);
                self.open(now, flow, syn)
            }
            None => self.open(now, flow, syn),
        }
    }

    /// Makes a slot ready for a SYN.
    fn open(&mut self, now: Instant, flow: Flow, syn: Syn) -> Audience {
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
        if !mem::replace(&mut slot.touched, true) {
            // As many places as frames in a step.
            let _ = touched.push(number);
        }
    }
}
