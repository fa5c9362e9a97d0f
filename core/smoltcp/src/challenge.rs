//! The answer to a SYN on an existing connection: a challenge ACK (RFC 9293,
//! 3.10.7.4; RFC 5961, 4). A peer that has restarted answers it with a reset, and its
//! next SYN opens a connection; any other peer ignores it, so that nobody can end a
//! connection with a forged SYN.

use echo_core::Instant;
use smoltcp::iface::SocketSet;
use smoltcp::phy::Device;
use smoltcp::wire::{TcpControl, TcpRepr, TcpSeqNumber};

use crate::addresses::Addresses;
use crate::clock::to_wire;
use crate::demux::Flow;
use crate::handmade::{LONGEST, ack, emit};
use crate::link::Link;

/// Makes the one socket of the set send a challenge ACK, if it has sent none for a
/// second.
///
/// smoltcp drops a SYN without sending one, because a SYN acknowledges nothing; but a
/// segment that acknowledges what was never sent is answered by that very ACK. Only the
/// socket knows what was sent; but of two numbers that are half of the number space
/// apart, one is ahead, and the other is behind and draws nothing. If one of them hits
/// what is in flight, it is still a SYN, which changes no state.
pub(crate) fn challenge(
    now: Instant,
    flow: &Flow,
    link: &mut Link,
    device: &mut impl Device,
    sockets: &mut SocketSet<'_>,
) {
    let mac = Addresses::of(&link.interface).mac;
    for number in [0, i32::MIN] {
        let Some(answer) = device.transmit(to_wire(now)) else { return };
        let ack = ack([flow.peer.port, flow.local.port], TcpSeqNumber(number));
        let syn = TcpRepr { control: TcpControl::Syn, ..ack };
        let mut buffer = [0; LONGEST];
        let frame = emit(&syn, [flow.peer.addr, flow.local.addr], mac, &mut buffer);
        link.show(now, frame, answer, sockets);
    }
}
