//! ACKs that have overtaken bytes of their peer, which the network put in another order.
//!
//! The bytes come later and acknowledge less. smoltcp would take that for a reason to drop them, and
//! where no others follow, the peer would send them again only after its retransmission time-out: 200 ms
//! and more. So such an ACK waits for the bytes, but not for long: they may be lost (RFC 9293, 3.10.7.4:
//! what begins beyond the next number should be held). Where the session waits for room to send, it does not.
//! Nor does one that says again what the last one said: by such ones a peer tells that bytes to it are lost,
//! and smoltcp has to count them. And it is forgotten when a later one has come, with bytes that were sent
//! again: smoltcp would take its window for the latest.

use core::time::Duration;

use echo_core::Instant;
use smoltcp::iface::SocketSet;
use smoltcp::phy::{ChecksumCapabilities, Device};
use smoltcp::wire::{TcpRepr, TcpSeqNumber};

use crate::addresses::Addresses;
use crate::clock::to_wire;
use crate::demux::Flow;
use crate::handmade::{LONGEST, ack, emit, read};
use crate::link::Link;

/// How long an ACK waits for the bytes that it has overtaken.
const PATIENCE: Duration = Duration::from_millis(5);

/// The last ACK that has overtaken bytes of its peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overtaking {
    number: TcpSeqNumber,
    acknowledged: TcpSeqNumber,
    window: u16,
    /// How long it waits for them, if smoltcp has not seen it yet.
    pub(crate) until: Option<Instant>,
}

impl Overtaking {
    /// What the segment in this frame acknowledges, if it is what it claims to be.
    #[cold]
    #[inline(never)]
    pub(crate) fn read(
        now: Instant,
        frame: &[u8],
        checksums: &ChecksumCapabilities,
    ) -> Option<Self> {
        let (tcp, ..) = read(frame, checksums)?;
        let (number, acknowledged) = (tcp.seq_number, tcp.ack_number?);
        Some(Self { number, acknowledged, window: tcp.window_len, until: Some(now + PATIENCE) })
    }

    /// Whether this one, which has come after the `last`, is kept: it is an ACK that has `overtaken` bytes,
    /// and acknowledges more, or as it is older nothing that the one that waits does not. It waits no longer
    /// than that would have. Whatever else acknowledges as much is later, and its window counts.
    pub(crate) fn is_kept(self, overtaken: bool, last: &mut Option<Self>) -> bool {
        let until = last.and_then(|last| last.until);
        match last {
            Some(last) if self.acknowledged < last.acknowledged => overtaken && until.is_some(),
            Some(last) if !overtaken || self.acknowledged == last.acknowledged => {
                last.until = None;
                false
            }
            last => {
                *last = Some(Self { until: until.or(self.until), ..self });
                overtaken
            }
        }
    }

    /// Takes it out if it has waited long enough. `next` is the next number expected.
    pub(crate) fn take_due(&mut self, next: TcpSeqNumber, now: Instant) -> Option<Self> {
        let until = self.until?;
        let due = self.number <= next || until <= now;
        due.then(|| {
            self.until = None;
            *self
        })
    }

    /// Shows it to the one socket of the set.
    #[cold]
    #[inline(never)]
    pub(crate) fn show(
        &self,
        now: Instant,
        flow: &Flow,
        link: &mut Link,
        device: &mut impl Device,
        sockets: &mut SocketSet<'_>,
    ) {
        // Without room for an answer it is dropped, as the network may do.
        let Some(answer) = device.transmit(to_wire(now)) else { return };
        let ack = ack([flow.peer.port, flow.local.port], self.acknowledged);
        let ack = TcpRepr { seq_number: self.number, window_len: self.window, ..ack };
        let mac = Addresses::of(&link.interface).mac;
        let mut buffer = [0; LONGEST];
        let frame = emit(&ack, [flow.peer.addr, flow.local.addr], mac, &mut buffer);
        link.show(now, frame, answer, sockets);
    }
}
