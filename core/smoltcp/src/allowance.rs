//! What a peer acknowledges while the window is closed (RFC 9293, 3.10.7.4: no segment is
//! acceptable then, but valid ACKs are).
//!
//! smoltcp takes them only with the number that comes next. But the peer may be beyond it: with a
//! receive ring above 64 KiB the window is told in units, and what arrives between moves its edge
//! back by up to one; what the peer has sent up to the old edge is cut. Without this allowance
//! such a peer could not say any more that it has room again, and nothing would ever move.

use core::ops::Range;

use echo_core::Instant;
use smoltcp::iface::SocketSet;
use smoltcp::phy::{ChecksumCapabilities, TxToken};
use smoltcp::wire::{TcpControl, TcpRepr, TcpSeqNumber};

use crate::handmade::{self, LONGEST};
use crate::link::Link;

/// Shows the socket of this set, whose window is closed, a frame. An ACK that is beyond the next
/// number expected, with one of the others of these `numbers`, gets the first of them.
#[cold]
#[inline(never)]
pub(crate) fn allow(
    now: Instant,
    frame: &[u8],
    numbers: Range<TcpSeqNumber>,
    checksums: &ChecksumCapabilities,
    answer: impl TxToken,
    link: &mut Link,
    sockets: &mut SocketSet<'_>,
) {
    let mut buffer = [0; LONGEST];
    let frame = renumbered(frame, numbers, checksums, &mut buffer).unwrap_or(frame);
    link.show(now, frame, answer, sockets);
}

/// The frame with the first of these numbers, if it holds nothing but an ACK with one of the others.
fn renumbered<'b>(
    frame: &[u8],
    numbers: Range<TcpSeqNumber>,
    checksums: &ChecksumCapabilities,
    buffer: &'b mut [u8; LONGEST],
) -> Option<&'b [u8]> {
    let (tcp, ends, mac) = handmade::read(frame, checksums)?;
    let beyond = numbers.start < tcp.seq_number && tcp.seq_number < numbers.end;
    if !beyond || tcp.control != TcpControl::None || !tcp.payload.is_empty() {
        return None;
    }
    let tcp = TcpRepr { seq_number: numbers.start, ..tcp };
    Some(handmade::emit(&tcp, ends, mac, buffer))
}
