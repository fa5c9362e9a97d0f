//! A place to intercept bytes between a driver and an endpoint.

use crate::{Endpoint, Instant};

/// An endpoint whose received bytes pass through a function first, which may show them, count
/// them or spoil them. Everything else is passed on to the endpoint unchanged.
#[derive(Debug)]
pub struct Intercepted<'e, E, F> {
    endpoint: &'e mut E,
    receive: F,
}

impl<'e, E: Endpoint, F: FnMut(&mut E, Instant, &[u8]) -> usize> Intercepted<'e, E, F> {
    /// `receive` replaces [`Endpoint::handle_received`]: it passes the bytes on to the endpoint,
    /// changed or not, and returns how many of them were taken.
    pub const fn new(endpoint: &'e mut E, receive: F) -> Self {
        Self { endpoint, receive }
    }
}

impl<E: Endpoint, F: FnMut(&mut E, Instant, &[u8]) -> usize> Endpoint for Intercepted<'_, E, F> {
    type End = E::End;

    fn to_send(&self) -> &[u8] {
        self.endpoint.to_send()
    }

    fn room(&self) -> usize {
        self.endpoint.room()
    }

    fn deadline(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    fn finished(&self) -> bool {
        self.endpoint.finished()
    }

    fn end(&self) -> Option<E::End> {
        self.endpoint.end()
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        self.endpoint.handle_sent(now, n);
    }

    fn handle_delivered(&mut self, at: Instant) {
        self.endpoint.handle_delivered(at);
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        (self.receive)(self.endpoint, now, bytes)
    }

    fn handle_quiet(&mut self, now: Instant) {
        self.endpoint.handle_quiet(now);
    }

    fn handle_eof(&mut self, now: Instant) {
        self.endpoint.handle_eof(now);
    }

    fn handle_reset(&mut self, now: Instant) {
        self.endpoint.handle_reset(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
    }
}
