//! How a worker stops.

use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use echo_core::Instant;
use echo_instruments::service::{Drain, End, announce_drain};
use mio::unix::SourceFd;

use super::Worker;
use crate::server::accept::Acceptor;

impl<const N: usize> Worker<'_, N> {
    /// Accepts no more, nor datagrams, and lets the sessions finish for a while.
    pub(super) fn start_drain(&mut self, now: Instant) {
        if self.drain.is_some() {
            return;
        }
        // Who waits already is served: the system resets what waits at a socket that is closed.
        self.acceptor.iter_mut().for_each(Acceptor::note);
        self.accept(now);
        let sessions: Vec<_> = self.connections.iter().map(|(key, _)| key).collect();
        self.drain = Some(Drain::begin(now, self.shared.config.drain, &sessions));
        let receiver = self.shared.stop.receiver().as_raw_fd();
        // It stays readable; one event is enough.
        let _ = self.poll.registry().deregister(&mut SourceFd(&receiver));
        let live = self.shared.live.load(Ordering::SeqCst);
        if self.acceptor.take().is_some() {
            announce_drain(live, self.shared.config.drain);
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
