//! The client's end of a connection, as a machine without socket and clock.
//!
//! [`Probe`](echo_core::Probe) knows what it sends and compares; this one
//! sends what it is given and hands back what came, whatever it is. It counts
//! bytes, and knows on request whether all came back as they were sent.

#[cfg(test)]
mod tests;

use std::mem;
use std::time::Duration;

use echo_core::{Endpoint, IdleTimer, Instant};

use super::flow::Flow;

/// How long the server may take to close after us. Nothing is outstanding by then.
const FAREWELL: Duration = Duration::from_secs(2);

/// One message after another, each of which must be echoed, and then a close.
///
/// *Questions*: [`ready`](Self::ready), [`answered`](Self::answered),
/// [`missing`](Self::missing), [`differs`](Self::differs).
/// *Commands*, while it is ready: [`ask`](Self::ask) again, or one of
/// [`leave`](Self::leave) and [`exit`](Self::exit), which come last.
#[derive(Debug)]
pub(super) struct Exchange {
    message: Vec<u8>,
    /// The number of bytes of `message` that were sent.
    sent: usize,
    /// The bytes of all messages.
    asked: Flow,
    /// The bytes of their echo that have arrived.
    echoed: Flow,
    /// Whether the echo differed before the word `exit`.
    differed: bool,
    /// The part of the echo that has not been taken yet.
    reply: Vec<u8>,
    phase: Phase,
    /// How long nothing may move while an echo is outstanding.
    idle: IdleTimer,
    /// How long the close may take.
    farewell: IdleTimer,
    end: Option<End>,
}

/// The phases before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Talking,
    /// Our FIN is sent or will be; the rest of the echo and the server's FIN are to come.
    Leaving,
    /// The word `exit` is sent: the server closes, or echoes a word it does not
    /// know. A FIN directly after the word would make it data.
    Exiting,
}

/// The reason why the exchange is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The client left, with everything answered.
    Parted,
    /// The server closed first.
    Closed,
    /// Nothing moved for the limit.
    TimedOut,
    /// These bytes came although no echo was outstanding.
    Unasked(Vec<u8>),
}

impl Exchange {
    /// An exchange without messages; it times out if nothing moves for `limit`.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            message: Vec::new(),
            sent: 0,
            asked: Flow::default(),
            echoed: Flow::default(),
            differed: false,
            reply: Vec::new(),
            phase: Phase::Talking,
            idle: IdleTimer::new(limit),
            farewell: IdleTimer::new(Some(FAREWELL)),
            end: None,
        }
    }

    /// Whether the next command may come: every byte of the message is sent.
    pub(super) fn ready(&self) -> bool {
        self.phase == Phase::Talking && self.unsent() == 0
    }

    /// Whether it is ready, and every byte came back.
    pub(super) fn answered(&self) -> bool {
        self.ready() && self.missing() == 0
    }

    /// Whether nothing is in flight but the close.
    pub(super) fn parting(&self) -> bool {
        self.phase == Phase::Exiting || self.phase == Phase::Leaving && self.missing() == 0
    }

    /// The number of bytes that there were to send, in all.
    pub(super) fn asked(&self) -> u64 {
        self.asked.bytes()
    }

    /// The number of those that came back.
    pub(super) fn echoed(&self) -> u64 {
        self.echoed.bytes()
    }

    /// The number of those that did not come back.
    pub(super) fn missing(&self) -> u64 {
        self.asked.bytes() - self.echoed.bytes()
    }

    /// Whether what came back differs from what was sent, but for a word that a server need not echo.
    pub(super) fn differs(&self) -> bool {
        if self.phase == Phase::Exiting { self.differed } else { self.asked != self.echoed }
    }

    /// The bytes that arrived since this was last called.
    pub(super) fn take_reply(&mut self) -> Vec<u8> {
        mem::take(&mut self.reply)
    }

    /// Sends `message`, whose echo must follow.
    pub(super) fn ask(&mut self, now: Instant, message: Vec<u8>) {
        self.asked.add(&message);
        self.message = message;
        self.sent = 0;
        self.progress(now);
    }

    /// Sends our FIN and waits for the rest of the echo, and then for the server's FIN.
    pub(super) fn leave(&mut self, now: Instant) {
        self.phase = Phase::Leaving;
        self.progress(now);
    }

    /// Sends the `word` that makes the server close.
    pub(super) fn exit(&mut self, now: Instant, word: Vec<u8>) {
        self.differed = self.differs();
        self.phase = Phase::Exiting;
        self.ask(now, word);
        self.farewell.restart(now);
    }

    fn unsent(&self) -> usize {
        self.message.len() - self.sent
    }

    /// Something moved: the limit starts again while an echo is outstanding.
    fn progress(&mut self, now: Instant) {
        match self.phase {
            Phase::Exiting => self.idle.stop(),
            _ if self.missing() > 0 => self.idle.restart(now),
            Phase::Talking => self.idle.stop(),
            Phase::Leaving => {
                self.idle.stop();
                self.farewell.restart(now);
            }
        }
    }

    fn end_with(&mut self, end: End) {
        self.idle.stop();
        self.farewell.stop();
        self.end = Some(end);
    }
}

impl Endpoint for Exchange {
    type End = End;

    fn to_send(&self) -> &[u8] {
        if self.end.is_some() { b"" } else { &self.message[self.sent..] }
    }

    fn room(&self) -> usize {
        if self.end.is_some() { 0 } else { usize::MAX }
    }

    fn deadline(&self) -> Option<Instant> {
        self.idle.deadline().or(self.farewell.deadline())
    }

    fn finished(&self) -> bool {
        self.phase == Phase::Leaving && self.unsent() == 0 || self.end.is_some()
    }

    fn end(&self) -> Option<End> {
        self.end.clone()
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        let n = n.min(self.to_send().len());
        if n > 0 {
            self.sent += n;
            self.progress(now);
        }
    }

    fn handle_delivered(&mut self, at: Instant) {
        self.idle.extend(at);
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        if self.end.is_some() || bytes.is_empty() {
            return 0;
        }
        // What has not been sent cannot be its echo.
        let in_flight = self.missing() - self.unsent() as u64;
        let owed = usize::try_from(in_flight).unwrap_or(usize::MAX);
        let (echo, unasked) = bytes.split_at(bytes.len().min(owed));
        self.echoed.add(echo);
        self.reply.extend_from_slice(echo);
        self.progress(now);
        if self.phase == Phase::Exiting {
            if self.missing() == 0 {
                self.end_with(End::Parted);
            }
        } else if !unasked.is_empty() {
            self.end_with(End::Unasked(unasked.to_vec()));
        }
        bytes.len()
    }

    fn handle_quiet(&mut self, _now: Instant) {}

    fn handle_eof(&mut self, _now: Instant) {
        if self.end.is_none() {
            self.end_with(if self.parting() { End::Parted } else { End::Closed });
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.idle.expired(now) {
            self.end_with(End::TimedOut);
        } else if self.farewell.expired(now) {
            self.end_with(End::Parted);
        }
    }
}
