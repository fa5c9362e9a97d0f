//! The client's end of a connection, as a machine without socket and clock.
//!
//! [`Probe`](echo_core::Probe) knows what it sends and compares; this one
//! sends what somebody typed and hands back what came, whatever it is. It
//! only counts: a message is answered when as many bytes came as were sent.

use std::mem;
use std::time::Duration;

use echo_core::{Endpoint, IdleTimer, Instant};

/// How long the server may take to close after us. Nothing is owed by then.
const FAREWELL: Duration = Duration::from_secs(2);

/// One message after another, each owed its echo, and then a goodbye.
///
/// *Questions*: [`answered`](Self::answered), [`missing`](Self::missing).
/// *Commands*, once it is answered: [`ask`](Self::ask) again, or one of
/// [`leave`](Self::leave) and [`exit`](Self::exit), which come last.
#[derive(Debug)]
pub(super) struct Exchange {
    message: Vec<u8>,
    sent: usize,
    /// Bytes of the echo of `message` that have come.
    back: usize,
    /// The part of them that nobody has taken.
    reply: Vec<u8>,
    phase: Phase,
    /// How long the exchange may rest, and then how long the goodbye may take.
    timer: IdleTimer,
    end: Option<End>,
}

/// What goes on, before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Talking,
    /// Our FIN is sent; the server's is to come.
    Leaving,
    /// The word `exit` is sent: the server closes, or echoes a word it does not
    /// know. A FIN right behind the word would make it data.
    Exiting,
}

/// Why it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// We left, with everything answered.
    Parted,
    /// The server closed first.
    Closed,
    /// Nothing moved for the limit.
    TimedOut,
    /// These came, and nothing was owed.
    Unasked(Vec<u8>),
}

impl Exchange {
    /// Nothing sent and nothing owed; a message that rests for `limit` times out.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            message: Vec::new(),
            sent: 0,
            back: 0,
            reply: Vec::new(),
            phase: Phase::Talking,
            timer: IdleTimer::new(limit),
            end: None,
        }
    }

    /// Whether the next command may come: every byte of the message came back.
    pub(super) fn answered(&self) -> bool {
        self.phase == Phase::Talking && self.missing() == 0
    }

    /// Whether the goodbye is under way.
    pub(super) fn parting(&self) -> bool {
        self.phase != Phase::Talking
    }

    /// How many bytes of the message have not come back.
    pub(super) fn missing(&self) -> usize {
        self.message.len() - self.back
    }

    /// How long the message is.
    pub(super) fn asked(&self) -> usize {
        self.message.len()
    }

    /// What came since this was last called.
    pub(super) fn take_reply(&mut self) -> Vec<u8> {
        mem::take(&mut self.reply)
    }

    /// Sends `message`, which is owed its echo.
    pub(super) fn ask(&mut self, now: Instant, message: Vec<u8>) {
        self.message = message;
        self.sent = 0;
        self.back = 0;
        self.progress(now);
    }

    /// Sends our FIN and waits for the server's.
    pub(super) fn leave(&mut self, now: Instant) {
        self.part(now, Phase::Leaving);
    }

    /// Sends the `word` that makes the server close.
    pub(super) fn exit(&mut self, now: Instant, word: Vec<u8>) {
        self.ask(now, word);
        self.part(now, Phase::Exiting);
    }

    fn part(&mut self, now: Instant, phase: Phase) {
        self.phase = phase;
        self.timer = IdleTimer::new(Some(FAREWELL));
        self.timer.restart(now);
    }

    /// Something moved: the limit counts anew while something is owed.
    fn progress(&mut self, now: Instant) {
        match self.phase {
            Phase::Talking if self.missing() == 0 => self.timer.stop(),
            Phase::Talking => self.timer.restart(now),
            Phase::Leaving | Phase::Exiting => {}
        }
    }

    fn end_with(&mut self, end: End) {
        self.timer.stop();
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
        self.timer.deadline()
    }

    fn finished(&self) -> bool {
        self.phase == Phase::Leaving || self.end.is_some()
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
        self.timer.extend(at);
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        if self.end.is_some() || bytes.is_empty() {
            return 0;
        }
        // What has not been sent cannot be its echo.
        let (echo, unasked) = bytes.split_at(bytes.len().min(self.sent - self.back));
        self.back += echo.len();
        self.progress(now);
        if self.phase == Phase::Exiting {
            if self.missing() == 0 {
                self.end_with(End::Parted);
            }
            return bytes.len();
        }
        self.reply.extend_from_slice(echo);
        if !unasked.is_empty() {
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
        if self.timer.expired(now) {
            self.end_with(if self.parting() { End::Parted } else { End::TimedOut });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::START;
    const LIMIT: Duration = Duration::from_secs(10);

    /// A machine that has sent all of `message`.
    fn asked(message: &[u8]) -> Exchange {
        let mut exchange = Exchange::new(Some(LIMIT));
        exchange.ask(START, message.to_vec());
        exchange.handle_sent(START, message.len());
        exchange
    }

    #[test]
    fn a_reply_in_pieces_is_gathered() {
        let mut exchange = asked(b"hello");
        for piece in [b"h".as_slice(), b"el", b"lo"] {
            assert!(!exchange.answered());
            assert_eq!(exchange.handle_received(START, piece), piece.len());
        }
        assert!(exchange.answered());
        assert_eq!(exchange.take_reply(), b"hello");
        assert_eq!((exchange.take_reply(), exchange.deadline()), (vec![], None));
    }

    #[test]
    fn a_message_is_sent_in_pieces_and_read_meanwhile() {
        let mut exchange = Exchange::new(None);
        exchange.ask(START, b"abcdef".to_vec());
        exchange.handle_sent(START, 4);
        assert_eq!(exchange.to_send(), b"ef");
        exchange.handle_received(START, b"abcd");
        assert_eq!((exchange.missing(), exchange.end()), (2, None));
        exchange.handle_sent(START, 2);
        exchange.handle_received(START, b"ef");
        assert!(exchange.answered());
    }

    #[test]
    fn an_empty_message_is_answered_at_once() {
        let exchange = asked(b"");
        assert!(exchange.answered());
        assert_eq!(exchange.deadline(), None);
    }

    #[test]
    fn bytes_beyond_what_was_sent_are_told_from_the_echo() {
        let mut exchange = asked(b"hi");
        exchange.handle_received(START, b"hi there");
        assert_eq!(exchange.take_reply(), b"hi");
        assert_eq!(exchange.end(), Some(End::Unasked(b" there".to_vec())));

        let mut early = Exchange::new(None);
        early.ask(START, b"hello".to_vec());
        early.handle_received(START, b"h");
        assert_eq!(early.end(), Some(End::Unasked(b"h".to_vec())), "nothing was sent yet");
    }

    #[test]
    fn only_an_exchange_that_rests_times_out() {
        let mut exchange = asked(b"hello");
        exchange.handle_received(START + LIMIT / 2, b"he");
        exchange.handle_timeout(START + LIMIT);
        assert_eq!(exchange.end(), None, "half of the limit ago something came");
        assert_eq!(exchange.deadline(), Some(START + LIMIT / 2 + LIMIT));
        exchange.handle_timeout(START + LIMIT / 2 + LIMIT);
        assert_eq!((exchange.end(), exchange.missing()), (Some(End::TimedOut), 3));
    }

    #[test]
    fn leaving_sends_a_fin_and_waits_for_the_servers() {
        let mut exchange = asked(b"");
        assert!(!exchange.finished());
        exchange.leave(START);
        assert!(exchange.finished() && !exchange.answered());
        assert_eq!(exchange.end(), None);
        exchange.handle_eof(START);
        assert_eq!(exchange.end(), Some(End::Parted));
    }

    #[test]
    fn a_server_that_does_not_close_is_left_after_a_while() {
        let mut exchange = asked(b"");
        exchange.leave(START);
        exchange.handle_timeout(START + FAREWELL);
        assert_eq!(exchange.end(), Some(End::Parted));
    }

    #[test]
    fn exit_waits_without_a_fin_for_the_servers_or_for_the_word() {
        for echoed in [false, true] {
            let mut exchange = asked(b"");
            exchange.exit(START, b"exit\n".to_vec());
            assert_eq!(exchange.to_send(), b"exit\n");
            exchange.handle_sent(START, 5);
            assert!(!exchange.finished());
            if echoed {
                exchange.handle_received(START, b"ex");
                assert_eq!(exchange.end(), None);
                exchange.handle_received(START, b"it\n");
            } else {
                exchange.handle_eof(START);
            }
            assert_eq!(exchange.end(), Some(End::Parted));
            assert_eq!(exchange.take_reply(), b"", "nothing of it is shown");
        }
    }

    #[test]
    fn after_the_end_it_is_inert() {
        let mut exchange = Exchange::new(Some(LIMIT));
        exchange.ask(START, b"hello".to_vec());
        exchange.handle_eof(START);
        exchange.handle_sent(START, 5);
        exchange.handle_timeout(START + LIMIT);
        assert_eq!(exchange.handle_received(START, b"hello"), 0);
        assert_eq!((exchange.to_send(), exchange.room()), (&b""[..], 0));
        assert_eq!((exchange.deadline(), exchange.end()), (None, Some(End::Closed)));
    }
}
