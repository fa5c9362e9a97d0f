//! A client that sends message after message, each as soon as the one before is back.

use echo_core::{Endpoint, Failure, Instant, Payload, Probe, Tally};

/// The window of the probes.
type Window = [u8; 512];

/// This many messages, one after another.
pub(crate) struct Series {
    probe: Probe<'static, Window>,
    next: u64,
    /// Behind the last.
    end: u64,
    pub(crate) tally: Tally,
    pub(crate) failure: Option<Failure>,
}

impl Series {
    /// Messages of this length with these numbers, without a limit.
    pub(crate) fn new(payload: Payload, length: u64, numbers: core::ops::Range<u64>) -> Self {
        let mut probe = Probe::new(payload, length, None, [0; 512]);
        probe.begin(Instant::START, numbers.start);
        let (next, end) = (numbers.start + 1, numbers.end);
        Self { probe, next, end, tally: Tally::default(), failure: None }
    }

    fn go_on(&mut self, now: Instant) {
        let Some(end) = self.probe.end() else { return };
        if self.next > self.end {
            return;
        }
        self.tally.record(&end);
        self.failure = end.err();
        self.next += 1;
        if self.failure.is_none() && self.next <= self.end {
            self.probe.begin(now, self.next - 1);
        }
    }
}

impl Endpoint for Series {
    type End = ();

    fn to_send(&self) -> &[u8] {
        self.probe.to_send()
    }

    fn room(&self) -> usize {
        self.probe.room()
    }

    fn deadline(&self) -> Option<Instant> {
        self.probe.deadline()
    }

    fn finished(&self) -> bool {
        false
    }

    /// All are back, or one is wrong.
    fn end(&self) -> Option<()> {
        (self.failure.is_some() || self.next > self.end).then_some(())
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        self.probe.handle_sent(now, n);
    }

    fn handle_delivered(&mut self, at: Instant) {
        self.probe.handle_delivered(at);
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let taken = self.probe.handle_received(now, bytes);
        self.go_on(now);
        taken
    }

    fn handle_quiet(&mut self, now: Instant) {
        self.probe.handle_quiet(now);
    }

    fn handle_eof(&mut self, now: Instant) {
        self.probe.handle_eof(now);
        self.go_on(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.probe.handle_timeout(now);
        self.go_on(now);
    }
}
