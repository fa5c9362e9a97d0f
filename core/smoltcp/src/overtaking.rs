//! ACKs that have overtaken bytes of their peer, which the network put in another order.
//!
//! The bytes come later and acknowledge less. smoltcp would take that for a reason to drop them, and
//! where no others follow, the peer would send them again only after its retransmission time-out: 200 ms
//! and more. So such an ACK waits for the bytes, but not for long: they may be lost. An ACK for which an
//! echo waits is not kept (RFC 9293, 3.10.7.4: what begins beyond the next number should be held).

use core::time::Duration;

use echo_core::Instant;
use smoltcp::iface::SocketSet;
use smoltcp::phy::{ChecksumCapabilities, Device};
use smoltcp::wire::{EthernetFrame, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

use crate::addresses::Addresses;
use crate::clock::to_wire;
use crate::demux::Flow;
use crate::handmade::{LONGEST, emit};
use crate::link::Link;
use crate::packet::Packet;

/// How long an ACK waits for the bytes that it has overtaken.
const PATIENCE: Duration = Duration::from_millis(5);

/// An ACK that waits for the bytes before its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overtaking {
    number: TcpSeqNumber,
    acknowledged: TcpSeqNumber,
    window: u16,
    pub(crate) until: Instant,
}

impl Overtaking {
    /// The ACK in this frame, if it is what it claims to be.
    #[cold]
    #[inline(never)]
    pub(crate) fn read(
        now: Instant,
        frame: &[u8],
        checksums: &ChecksumCapabilities,
    ) -> Option<Self> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let Packet { source, destination, payload, .. } = Packet::of(&frame)?;
        let segment = TcpPacket::new_checked(payload).ok()?;
        let tcp = TcpRepr::parse(&segment, &source, &destination, checksums).ok()?;
        let (number, acknowledged) = (tcp.seq_number, tcp.ack_number?);
        Some(Self { number, acknowledged, window: tcp.window_len, until: now + PATIENCE })
    }

    /// Whether it has waited long enough, if this is the next number expected.
    pub(crate) fn is_due(&self, next: TcpSeqNumber, now: Instant) -> bool {
        self.number <= next || self.until <= now
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
        let ack = TcpRepr {
            src_port: flow.peer.port,
            dst_port: flow.local.port,
            control: TcpControl::None,
            seq_number: self.number,
            ack_number: Some(self.acknowledged),
            window_len: self.window,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        let mac = Addresses::of(&link.interface).mac;
        let mut buffer = [0; LONGEST];
        let frame = emit(&ack, [flow.peer.addr, flow.local.addr], mac, &mut buffer);
        link.show(now, frame, answer, sockets);
    }
}
