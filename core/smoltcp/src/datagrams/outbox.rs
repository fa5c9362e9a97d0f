//! Answers on their way out.

use core::mem;

use echo_core::Instant;
use smoltcp::phy::Device;
use smoltcp::socket::udp::UdpMetadata;
use smoltcp::wire::{EthernetAddress, IpAddress};

use super::Counts;
use crate::link::{Egress, Link};
use crate::lone::{Lone, longest};

/// Answers that wait for room in the device, or the last one for an answer to ARP.
///
/// smoltcp sends in order, and would let all wait for the first one's next hop, for ever if there
/// is no way to it. Here that one gives way to the next, as RFC 1122 (2.3.2.2) asks for.
#[derive(Debug)]
pub(super) struct Outbox<'a> {
    answers: Lone<'a>,
    waiting: u64,
    /// The bytes that they take of the ring, with the gap.
    held: usize,
    /// The bytes at the ring's end that were too few for one of them, and how many are before that one.
    gap: Option<(usize, u64)>,
    /// The first one waits not for room, but for its next hop.
    unresolved: bool,
    pub(super) counts: Counts,
}

/// What is to be sent to whom, and by way of whom frames come from there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) to: UdpMetadata,
    pub(super) via: EthernetAddress,
}

impl<'a> Outbox<'a> {
    pub(super) fn new(answers: Lone<'a>) -> Self {
        let (waiting, held, gap, unresolved) = (0, 0, None, false);
        Self { answers, waiting, held, gap, unresolved, counts: Counts::default() }
    }

    pub(super) fn bind(&mut self, port: u16) {
        self.answers.bind(port);
    }

    pub(super) const fn waits_for_room(&self) -> bool {
        self.waiting > 0 && !self.unresolved
    }

    /// Sends an answer, or has it wait.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        Answer { bytes, to, via }: Answer<'_>,
        link: &mut Link,
        device: &mut impl Device,
    ) {
        if bytes.len() > longest(to.endpoint.addr, device.capabilities().ip_mtu()) {
            self.counts.too_long += 1;
            return;
        }
        if self.unresolved {
            self.give_way();
        }
        let mut fits = self.put(bytes, to);
        if !fits {
            // There may be room in the device by now.
            self.send(now, link, device, None);
            fits = self.put(bytes, to);
        }
        if fits {
            link.introduce(now, to.endpoint.addr, via);
            self.send(now, link, device, Some((to.endpoint.addr, via)));
        } else {
            self.counts.full += 1;
        }
    }

    /// Drops what waits for a next hop.
    fn give_way(&mut self) {
        self.answers.reset();
        self.counts.unreachable += mem::take(&mut self.waiting);
        (self.held, self.gap, self.unresolved) = (0, None, false);
    }

    /// Whether there was room for the answer.
    fn put(&mut self, bytes: &[u8], to: UdpMetadata) -> bool {
        let socket = self.answers.socket();
        let before = socket.send_queue();
        let fits = socket.send_slice(bytes, to).is_ok();
        if fits {
            let taken = socket.send_queue() - before;
            if taken > bytes.len() {
                self.gap = Some((taken - bytes.len(), self.waiting));
            }
            self.held += taken;
            self.waiting += 1;
        }
        fits
    }

    /// Sends as many as there is room for. `last` is where the last one goes, and by way of whom.
    pub(super) fn send(
        &mut self,
        now: Instant,
        link: &mut Link,
        device: &mut impl Device,
        mut last: Option<(IpAddress, EthernetAddress)>,
    ) {
        while self.waiting > 0 {
            match link.egress(now, device, self.answers.sockets()) {
                Egress::Sent => {
                    self.unresolved = false;
                    self.count();
                }
                Egress::Unresolved => {
                    self.unresolved = true;
                    let Some((peer, mac)) = last.take() else { return };
                    link.forget();
                    link.introduce(now, peer, mac);
                }
                Egress::Nothing => return,
            }
        }
    }

    /// Counts the one that has just left.
    fn count(&mut self) {
        self.waiting -= 1;
        let held = self.answers.socket().send_queue();
        let mut bytes = mem::replace(&mut self.held, held) - held;
        self.gap = match self.gap {
            Some((gap, 0)) => {
                bytes -= gap;
                None
            }
            gap => gap.map(|(gap, before)| (gap, before - 1)),
        };
        self.counts.echoed += 1;
        self.counts.bytes += bytes as u64;
    }
}
