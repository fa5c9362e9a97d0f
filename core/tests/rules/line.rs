//! A session on the desk: each test says what the peer does, and looks at what
//! comes back. Whatever the session wants to send is accepted at once.

use core::time::Duration;

use echo_core::{CloseReason, Endpoint, Instant, Rules, Session};

/// A session whose output is accepted at once, and its clock.
pub(crate) struct Line<const N: usize> {
    pub(crate) session: Session<N>,
    pub(crate) now: Instant,
    /// Everything that was echoed.
    pub(crate) echo: Vec<u8>,
}

impl<const N: usize> Line<N> {
    pub(crate) fn new(rules: Rules) -> Self {
        let now = Instant::new(Duration::from_secs(1_000));
        Self { session: Session::new(now, rules), now, echo: Vec::new() }
    }

    /// The peer's bytes arrive in pieces of `chunk`, without a pause between.
    pub(crate) fn burst(&mut self, bytes: &[u8], chunk: usize) -> &mut Self {
        for piece in bytes.chunks(chunk) {
            let mut rest = piece;
            while !rest.is_empty() {
                let room = self.session.room();
                assert_ne!(room, 0, "everything was sent, and yet there is no room");
                let n = self.session.handle_received(self.now, rest);
                assert_eq!(n, rest.len().min(room), "room() is what is taken");
                rest = &rest[n..];
                self.accept();
            }
        }
        self
    }

    /// The peer's bytes arrive at once, and then nothing for now.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> &mut Self {
        self.burst(bytes, usize::MAX).quiet()
    }

    pub(crate) fn quiet(&mut self) -> &mut Self {
        self.session.handle_quiet(self.now);
        self.accept()
    }

    pub(crate) fn eof(&mut self) -> &mut Self {
        self.session.handle_eof(self.now);
        self.accept()
    }

    /// Time passes, and the driver notices.
    pub(crate) fn wait(&mut self, duration: Duration) -> &mut Self {
        self.now = self.now + duration;
        self.session.handle_timeout(self.now);
        self.accept()
    }

    pub(crate) fn end(&self) -> Option<CloseReason> {
        self.session.end()
    }

    fn accept(&mut self) -> &mut Self {
        self.echo.extend(self.session.to_send());
        self.session.handle_sent(self.now, self.session.to_send().len());
        self
    }
}
