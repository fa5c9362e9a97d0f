//! Answers on their way out.

use echo_core::Instant;
use smoltcp::phy::Device;
use smoltcp::socket::udp::UdpMetadata;
use smoltcp::wire::{EthernetAddress, IpAddress};

use crate::link::{Egress, Link};
use crate::lone::Lone;

/// Answers that wait for room in the device, or the last one for an answer to ARP.
///
/// smoltcp sends in order, and would let all wait for the first one's next hop, for ever if there
/// is no way to it. Here that one gives way to the next, as RFC 1122 (2.3.2.2) asks for.
#[derive(Debug)]
pub(super) struct Outbox<'a> {
    answers: Lone<'a>,
    waiting: u64,
    /// The first one waits not for room, but for its next hop.
    unresolved: bool,
}

impl<'a> Outbox<'a> {
    pub(super) const fn new(answers: Lone<'a>) -> Self {
        Self { answers, waiting: 0, unresolved: false }
    }

    pub(super) fn bind(&mut self, port: u16) {
        self.answers.bind(port);
    }

    pub(super) const fn waits_for_room(&self) -> bool {
        self.waiting > 0 && !self.unresolved
    }

    /// Drops what waits for a next hop; returns how many datagrams and bytes that were.
    pub(super) fn give_way(&mut self) -> (u64, u64) {
        if !core::mem::take(&mut self.unresolved) {
            return (0, 0);
        }
        let bytes = self.answers.socket().send_queue();
        self.answers.reset();
        (core::mem::take(&mut self.waiting), bytes as u64)
    }

    /// Whether there was room for the answer.
    pub(super) fn put(&mut self, bytes: &[u8], to: UdpMetadata) -> bool {
        let fits = self.answers.socket().send_slice(bytes, to).is_ok();
        self.waiting += u64::from(fits);
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
                    self.waiting -= 1;
                    self.unresolved = false;
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
}
