//! How a worker stops.

use std::os::fd::AsRawFd;

use echo_core::Instant;
use echo_instruments::service::{Drain, End, announce_drain};
use mio::unix::SourceFd;

use super::Worker;
use crate::server::accept::Acceptor;

/// The most that are accepted at the end: more than wait as a rule, for more and more may come.
const LONGEST_BACKLOG: usize = 65_536;

impl<const N: usize> Worker<'_, N> {
    /// Accepts no more, nor datagrams, and lets the sessions finish for a while.
    pub(super) fn start_drain(&mut self, now: Instant) {
        if self.drain.is_some() {
            return;
        }
        // Who waits already is served, whatever the limit: the system resets what waits at a socket
        // that is closed.
        self.acceptor.iter_mut().for_each(Acceptor::note);
        for _ in 0..LONGEST_BACKLOG {
            if !self.accept_one(now) {
                break;
            }
        }
        // The other workers drain when they have taken what is theirs.
        self.outboxes.clear();
        let sessions: Vec<_> = self.connections.iter().map(|(key, _)| key).collect();
        self.drain = Some(Drain::begin(now, self.shared.config.drain, &sessions));
        let receiver = self.shared.stop.receiver().as_raw_fd();
        // It stays readable; one event is enough. Only the first worker has it.
        let _ = self.poll.registry().deregister(&mut SourceFd(&receiver));
        if self.acceptor.take().is_some() {
            announce_drain(self.shared.shares.total(), self.shared.config.drain);
        }
    }

    /// Asks those to leave whose turn it is.
    pub(super) fn dismiss(&mut self, now: Instant) {
        while let Some((key, haste)) = self.drain.as_mut().and_then(|drain| drain.next(now)) {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.leave(now, haste);
                self.drive(key, now);
            }
        }
    }

    /// Whether none is left, or no time.
    pub(super) fn is_drained(&self, now: Instant) -> bool {
        let over = |drain: &Drain| self.connections.is_empty() || drain.is_over(now);
        self.drain.as_ref().is_some_and(over)
    }

    pub(super) fn cut_off(&mut self) {
        let keys: Vec<_> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, &End::CutOff);
        }
    }
}
