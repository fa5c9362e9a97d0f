//! What a peer has taken of what the system accepted to send it, which may be
//! megabytes more.
//!
//! The server and the client ask before they give a peer up: it may read slowly and
//! without a pause. Where the system does not say, what it accepted has to count.

use std::mem;
use std::os::fd::AsFd;
use std::time::Duration;

use echo_core::{Endpoint, Instant};

use crate::tcp_info;

/// A time in which the peer may take something is looked at in so many parts: a
/// peer that is dead is noticed at most one of them too late.
const LOOKS: u32 = 8;

/// No part is shorter, so that thousands of peers who take nothing cost little.
const SHORTEST: Duration = Duration::from_millis(100);

/// TCP shows what a peer takes in steps: a receive buffer that is full opens again
/// once a whole segment is read, on the loopback 64 KiB. Who reads 100 KB/s
/// through the usual 128 KiB shows it every 1.3 s, whatever the sender does.
const STEP: Duration = Duration::from_secs(2);

/// What is known of that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// The peer may not have taken all that was written.
    pending: bool,
    /// The bytes that it had taken at the last look.
    acknowledged: u64,
    /// When that was.
    looked: Instant,
    /// When it last had taken something.
    taken: Instant,
}

impl Delivery {
    /// Of a stream to which nothing has been written yet.
    pub(crate) const fn new() -> Self {
        let (looked, taken) = (Instant::START, Instant::START);
        Self { pending: false, acknowledged: 0, looked, taken }
    }

    /// Something was written.
    pub(crate) const fn note(&mut self) {
        self.pending = true;
    }

    /// When to [`look`](Self::look), if the endpoint's next deadline is this one.
    /// Later with each message, until there was a look: who keeps the earliest asks
    /// the system a few times in a limit, never per message.
    pub(crate) fn due(&self, deadline: Instant, now: Instant) -> Instant {
        if !self.pending {
            return deadline;
        }
        let part = deadline.saturating_duration_since(now) / LOOKS;
        deadline.min(now + part.max(SHORTEST))
    }

    /// Tells `endpoint` if the peer took bytes since the last look. A limit that is
    /// shorter than the steps in which this shows is given to the peer once more.
    pub(crate) fn look<E: Endpoint>(&mut self, stream: &impl AsFd, endpoint: &mut E, now: Instant) {
        let before = mem::replace(&mut self.looked, now);
        if !mem::take(&mut self.pending) {
            return;
        }
        let Some(info) = tcp_info::read(stream) else { return };
        self.pending = info.pending;
        if mem::replace(&mut self.acknowledged, info.acknowledged) < info.acknowledged {
            // Since the last look, and not after the peer was last heard.
            self.taken = now.saturating_sub(info.quiet).max(before);
            endpoint.handle_delivered(self.taken);
        }
        let is_due = endpoint.deadline().is_some_and(|deadline| deadline <= now);
        if is_due && self.pending && now < self.taken + STEP {
            endpoint.handle_delivered(now);
        }
    }
}
