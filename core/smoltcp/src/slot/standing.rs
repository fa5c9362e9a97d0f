//! What a slot is to those who want its place, or its end: a SYN, a reset.

use core::ops::Range;

use echo_core::{IdleTimer, Instant};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::tcp::State;
use smoltcp::wire::TcpSeqNumber;

use super::{Life, Slot};
use crate::overtaking::Overtaking;
use crate::reset::forget;

/// What a slot holds, seen by a SYN of the same peer and port (RFC 9293, 3.10.7.4).
#[derive(Debug)]
pub(crate) enum Standing {
    /// A connection that is over: the SYN opens another.
    Over,
    /// The handshake that this very SYN began.
    Known,
    /// A handshake that another SYN began, which gives way by this timer: the peer
    /// begins again.
    Begun(IdleTimer),
    /// A connection: a challenge ACK will show whether its peer still knows it.
    Open,
}

impl<const N: usize> Slot<'_, N> {
    /// What it holds, seen by a SYN of its peer.
    pub(crate) fn standing(&self, syn: TcpSeqNumber) -> Standing {
        match (&self.life, self.socket().state()) {
            (Life::Vacant, _) | (_, State::Closed) => Standing::Over,
            (Life::Opening { number, yields }, State::Listen | State::SynReceived) => {
                if *number == syn { Standing::Known } else { Standing::Begun(yields.clone()) }
            }
            _ => Standing::Open,
        }
    }

    /// Whether a reset with this number is doubtful: smoltcp accepts any that lies in its window
    /// or reaches into it with bytes, but only the next number expected shows that it is the
    /// peer's (RFC 5961, 3). A peer that did send one within the window answers the challenge ACK
    /// with a reset that has that number.
    pub(crate) fn doubts(&mut self, reset: TcpSeqNumber) -> bool {
        let next = self.next();
        let window = self.window();
        let in_window = next < reset && reset < next + window;
        self.challenged |= in_window && !matches!(self.life, Life::Opening { .. });
        reset != next
    }

    /// Whether the segment in this frame is kept, which is an ACK with this number or something else.
    pub(crate) fn keeps(
        &mut self,
        ack: Option<TcpSeqNumber>,
        now: Instant,
        frame: &[u8],
        checksums: &ChecksumCapabilities,
    ) -> bool {
        let overtaken = ack.is_some_and(|ack| self.is_overtaken_by(ack));
        let waits = self.overtaking.is_some_and(|ack| ack.until.is_some());
        (overtaken || waits)
            && Overtaking::read(now, frame, checksums)
                .is_some_and(|segment| segment.is_kept(overtaken, &mut self.overtaking))
    }

    /// Whether an ACK with this number has overtaken bytes of its peer, and the session does not wait
    /// for the room that it may make.
    fn is_overtaken_by(&self, ack: TcpSeqNumber) -> bool {
        let next = self.next();
        let in_window = next < ack && ack < next + self.window();
        in_window && self.serves() && self.socket().can_send()
    }

    /// The next number expected, and those behind it that a peer may be at, if the window is closed:
    /// there is no room for a unit of it.
    pub(crate) fn shut(&self) -> Option<Range<TcpSeqNumber>> {
        let ring = self.socket().recv_capacity();
        // The window is told in units that let 16 bits count all of the ring.
        let next = self.next();
        (self.window() <= ring >> 15).then(|| next..next + ring)
    }

    /// The number that its peer's next byte has.
    pub(super) fn next(&self) -> TcpSeqNumber {
        let socket = self.socket();
        let ended = matches!(
            socket.state(),
            State::CloseWait | State::LastAck | State::Closing | State::TimeWait
        );
        self.taken + socket.recv_queue() + usize::from(ended)
    }

    fn window(&self) -> usize {
        self.socket().recv_capacity() - self.socket().recv_queue()
    }

    /// Forgets a connection that is over: if the slot is vacant, its peer gets nothing more from it.
    pub(crate) fn part(&mut self) {
        if matches!(self.life, Life::Vacant) {
            forget(self.sockets.get_mut(self.handle));
        }
    }

    /// Whether it has waited so long for its peer that it gives way to another.
    pub(crate) fn yields(&self, now: Instant) -> bool {
        match &self.life {
            // What its peer has just sent has not been processed yet.
            _ if self.touched => false,
            Life::Opening { yields, .. } | Life::Closing { yields, .. } => yields.expired(now),
            Life::Serving { .. } | Life::Vacant => false,
        }
    }
}
