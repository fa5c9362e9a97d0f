//! A peer that follows a script. It is an [`Endpoint`] like the others.

use std::collections::VecDeque;
use std::time::Duration;

use echo_core::{Endpoint, Instant};

/// What a scripted peer does next.
#[derive(Clone)]
pub(crate) enum Act {
    Say(Vec<u8>),
    /// Until this many bytes in all were heard.
    Hear(usize),
    Wait(Duration),
    Fin,
}

/// A peer that acts in order, and reads at its own pace.
pub(crate) struct Peer {
    acts: VecDeque<Act>,
    sent: usize,
    wake: Option<Instant>,
    /// It takes one byte each so often, or all at once.
    pace: Option<Duration>,
    hungry: bool,
    next_bite: Option<Instant>,
    pub(crate) heard: Vec<u8>,
    pub(crate) heard_fin_at: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(now: Instant, pace: Option<Duration>, acts: &[Act]) -> Self {
        let mut peer = Self {
            acts: acts.to_vec().into(),
            sent: 0,
            wake: None,
            pace,
            hungry: true,
            next_bite: None,
            heard: Vec::new(),
            heard_fin_at: None,
        };
        peer.go_on(now);
        peer
    }

    /// Leaves behind every act that is done.
    fn go_on(&mut self, now: Instant) {
        loop {
            let done = match self.acts.front() {
                Some(Act::Say(bytes)) => self.sent == bytes.len(),
                Some(Act::Hear(n)) => self.heard.len() >= *n,
                Some(Act::Wait(duration)) => *self.wake.get_or_insert(now + *duration) <= now,
                Some(Act::Fin) | None => false,
            };
            if !done {
                return;
            }
            self.acts.pop_front();
            self.sent = 0;
            self.wake = None;
        }
    }
}

impl Endpoint for Peer {
    type End = ();

    fn to_send(&self) -> &[u8] {
        if let Some(Act::Say(bytes)) = self.acts.front() { &bytes[self.sent..] } else { b"" }
    }

    fn room(&self) -> usize {
        match self.pace {
            _ if self.heard_fin_at.is_some() => 0,
            None => usize::MAX,
            Some(_) => usize::from(self.hungry),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.wake, self.next_bite].into_iter().flatten().min()
    }

    fn finished(&self) -> bool {
        matches!(self.acts.front(), Some(Act::Fin))
    }

    /// Over when the script is at its end and the session's FIN has come.
    fn end(&self) -> Option<()> {
        (self.finished() && self.heard_fin_at.is_some()).then_some(())
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        self.sent += n;
        self.go_on(now);
    }

    fn handle_delivered(&mut self, _at: Instant) {}

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.heard.extend(bytes);
        self.next_bite = self.pace.and_then(|pace| now.checked_add(pace));
        self.hungry = false;
        self.go_on(now);
        bytes.len()
    }

    fn handle_quiet(&mut self, _now: Instant) {}

    fn handle_eof(&mut self, now: Instant) {
        self.heard_fin_at = Some(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.next_bite.is_some_and(|at| at <= now) {
            self.next_bite = None;
            self.hungry = true;
        }
        self.go_on(now);
    }
}
