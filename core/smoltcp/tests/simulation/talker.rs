//! A client that sends what a test gives it, and remembers what it receives.

use std::time::Duration;

use echo_core::{Endpoint, Instant};

/// Sends its lines, each after a pause, and then perhaps its FIN.
#[derive(Debug, Default)]
pub(crate) struct Talker {
    lines: Vec<(Duration, Vec<u8>)>,
    fin_after: bool,
    /// The first line is due this long after the handshake.
    due: Option<Instant>,
    saying: Vec<u8>,
    pub(crate) heard: Vec<u8>,
    /// It does not read while this is true.
    pub(crate) deaf: bool,
    /// How much it reads from now on, if not all.
    pub(crate) appetite: Option<usize>,
    /// When the server's FIN came.
    pub(crate) eof: Option<Instant>,
    /// When its last byte was accepted for sending.
    pub(crate) said: Option<Instant>,
}

impl Talker {
    pub(crate) fn new<'l>(lines: impl IntoIterator<Item = (Duration, &'l [u8])>) -> Self {
        let lines = lines.into_iter().map(|(pause, line)| (pause, line.to_vec())).collect();
        Self { lines, ..Self::default() }
    }

    /// One line, at once.
    pub(crate) fn saying(line: &[u8]) -> Self {
        Self::new([(Duration::ZERO, line)])
    }

    /// Half-closes after its last line.
    pub(crate) fn then_fin(mut self) -> Self {
        self.fin_after = true;
        self
    }

    pub(crate) fn said_all(&self) -> bool {
        self.lines.is_empty() && self.saying.is_empty()
    }

    fn next(&mut self, now: Instant) {
        if self.saying.is_empty() && !self.lines.is_empty() {
            let due = *self.due.get_or_insert(now + self.lines[0].0);
            if due <= now {
                self.saying = self.lines.remove(0).1;
                self.due = None;
            }
        }
    }
}

impl Endpoint for Talker {
    type End = ();

    fn to_send(&self) -> &[u8] {
        &self.saying
    }

    fn room(&self) -> usize {
        if self.deaf || self.eof.is_some() { 0 } else { self.appetite.unwrap_or(usize::MAX) }
    }

    fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn finished(&self) -> bool {
        self.eof.is_some() || self.fin_after && self.said_all()
    }

    fn end(&self) -> Option<()> {
        self.eof.map(|_| ())
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        self.saying.drain(..n);
        self.said = Some(now);
        self.next(now);
    }

    fn handle_delivered(&mut self, _at: Instant) {}

    fn handle_received(&mut self, _now: Instant, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        self.heard.extend_from_slice(&bytes[..n]);
        self.appetite = self.appetite.map(|appetite| appetite - n);
        n
    }

    fn handle_quiet(&mut self, now: Instant) {
        self.next(now);
    }

    fn handle_eof(&mut self, now: Instant) {
        self.eof = Some(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.next(now);
    }
}
