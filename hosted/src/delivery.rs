//! How much the peer has taken of the bytes that the system accepted for sending,
//! which may be megabytes more.
//!
//! The server and the client ask before they give up a peer: it may read slowly but
//! steadily. If the system does not report it, what it accepted has to count.

use std::mem;
use std::os::fd::AsFd;
use std::time::Duration;

use echo_core::{Endpoint, Instant};

use crate::tcp_info;

/// The number of parts of a limit after each of which delivery is checked: a dead
/// peer is noticed at most one part too late.
const LOOKS: u32 = 8;

/// The shortest part, so that thousands of peers that take nothing cost little.
const SHORTEST: Duration = Duration::from_millis(100);

/// TCP shows what a peer takes in steps: a receive buffer that is full opens again
/// once a whole segment is read, on the loopback 64 KiB. A peer that reads 100 KB/s
/// through the usual 128 KiB shows it every 1.3 s, whatever the sender does.
const STEP: Duration = Duration::from_secs(2);

/// What is known about the delivery of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// Whether the peer may not have taken all that was written.
    pending: bool,
    /// The number of bytes that it had taken at the last look.
    acknowledged: u64,
    /// The instant of the last look.
    looked: Instant,
    /// The instant at which it last took something.
    taken: Instant,
}

impl Delivery {
    /// The delivery of a stream to which nothing has been written yet.
    pub(crate) const fn new() -> Self {
        let (looked, taken) = (Instant::START, Instant::START);
        Self { pending: false, acknowledged: 0, looked, taken }
    }

    /// Something was written.
    pub(crate) const fn note(&mut self) {
        self.pending = true;
    }

    /// When to [`look`](Self::look), if the endpoint's next deadline is this one.
    /// It moves on with each message until there is a look: a caller that keeps the
    /// earliest asks the system a few times in a limit, never per message.
    pub(crate) fn due(&self, deadline: Instant, now: Instant) -> Instant {
        if !self.pending {
            return deadline;
        }
        let part = deadline.saturating_duration_since(now) / LOOKS;
        deadline.min(now + part.max(SHORTEST))
    }

    /// Reports to `endpoint` if the peer took bytes since the last look. A limit that is
    /// shorter than the steps in which this shows is granted to the peer once more.
    pub(crate) fn look<E: Endpoint>(&mut self, stream: &impl AsFd, endpoint: &mut E, now: Instant) {
        let before = mem::replace(&mut self.looked, now);
        if !mem::take(&mut self.pending) {
            return;
        }
        let Some(info) = tcp_info::read(stream) else { return };
        self.pending = info.pending;
        if mem::replace(&mut self.acknowledged, info.acknowledged) < info.acknowledged {
            // After the last look, and not later than the peer's last acknowledgement.
            self.taken = now.saturating_sub(info.quiet).max(before);
            endpoint.handle_delivered(self.taken);
        }
        let is_due = endpoint.deadline().is_some_and(|deadline| deadline <= now);
        if is_due && self.pending && now < self.taken + STEP {
            endpoint.handle_delivered(now);
        }
    }
}
