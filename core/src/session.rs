//! The server's end of one connection.
//!
//! All that a server promises is decided here and in the two modules that it uses,
//! [`exit`](crate::exit) and [`idle`](crate::idle); a driver moves bytes.

use core::fmt;
use core::time::Duration;

use heapless::Vec;

use crate::{Endpoint, ExitScanner, IdleTimer, Instant};

/// How long input must stay silent for a message to count as complete, where
/// that ends the session (`exit`, one-shot): 200 ms.
///
/// Long enough for the FIN of a file, or the next piece of a message, to follow
/// on a busy machine; short enough for somebody who typed `exit`.
pub const SILENCE: Duration = Duration::from_millis(200);

/// How long a session that has sent its last byte waits for the peer's FIN,
/// counted again from each time that the peer takes some of what was sent: 2 s.
///
/// A connection closed with unread input is reset, and a reset destroys what
/// the peer has not read yet; so the rest of the input is taken first.
pub const LINGER: Duration = Duration::from_secs(2);

/// What a server lets its sessions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The session ends when no byte was received, none was accepted for sending
    /// and none was [delivered](Endpoint::handle_delivered) for this long; `None`
    /// for never.
    pub idle: Option<Duration>,
    /// The most bytes taken in one call, at least 1. It never limits a message.
    pub chunk: usize,
    /// Echo the first message, then close.
    pub one_shot: bool,
    /// A message that is exactly `exit`, `exit\n` or `exit\r\n` ends the
    /// session; without this the echo is pure RFC 862.
    pub exit: bool,
}

/// Echo until the peer leaves: no time-out, `exit` recognised.
impl Default for Rules {
    fn default() -> Self {
        Self { idle: None, chunk: usize::MAX, one_shot: false, exit: true }
    }
}

/// The server's end of one connection: an [`Endpoint`] that sends back what it
/// receives, with a buffer of `N` bytes, at least 8.
///
/// - Every byte received before the end is echoed once, in order, unchanged.
/// - A full buffer leaves no [`room`](Endpoint::room); nothing is ever dropped.
/// - After the peer's FIN the pending echo is still delivered, then ours follows.
/// - The end of an echo that was accepted is delivered even to a peer that goes
///   on sending: its input is discarded until its FIN, for at most [`LINGER`].
///   Only an idle time-out ends at once.
#[derive(Debug)]
pub struct Session<const N: usize> {
    /// The bytes that were accepted and not yet sent are `buffer[head..]`.
    buffer: Vec<u8, N>,
    head: usize,
    chunk: usize,
    scanner: Option<ExitScanner>,
    /// Why it ends in the first pause behind input, if it does,
    ends: Option<CloseReason>,
    /// and whether any has come since that was decided.
    heard: bool,
    idle: IdleTimer,
    silence: IdleTimer,
    linger: IdleTimer,
    phase: Phase,
    /// Whether the peer has sent its FIN.
    eof: bool,
    echoed: u64,
}

/// The life of a session. No phase is ever left for an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// What is received is sent back.
    Echoing,
    /// The pending echo goes out; input is discarded.
    Draining(CloseReason),
    /// All is sent, and our FIN too; input is discarded.
    Lingering(CloseReason),
    Over(CloseReason),
}

/// How soon a session ends that is [asked to leave](Session::leave).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Haste {
    /// When the peer next pauses, for [`SILENCE`] behind something that it sends: what it has begun is
    /// finished, and what it does next begins later than our FIN reaches it.
    AtPause,
    /// Now, for a peer that never pauses, or sends nothing.
    Now,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The peer left, with a FIN or a reset, and its whole echo was sent.
    Disconnected,
    /// The peer sent `exit`.
    Exit,
    /// Nothing moved for the idle limit.
    TimedOut,
    /// The one message of a one-shot session was answered.
    Answered,
    /// A fault that was [planted](crate::Faulty) ended it with a FIN.
    Cut,
    /// A fault that was [planted](crate::Faulty) ended it: the driver resets the connection.
    Reset,
    /// It was asked to [leave](Session::leave), and all that it had accepted was sent.
    Drained,
}

impl CloseReason {
    /// All reasons, in the order of their indices.
    pub const ALL: [Self; 7] = [
        Self::Disconnected,
        Self::Exit,
        Self::TimedOut,
        Self::Answered,
        Self::Cut,
        Self::Reset,
        Self::Drained,
    ];
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "disconnected",
            Self::Exit => "exit",
            Self::TimedOut => "timeout",
            Self::Answered => "answered",
            Self::Cut => "cut on purpose",
            Self::Reset => "reset on purpose",
            Self::Drained => "drained",
        })
    }
}

impl core::error::Error for CloseReason {}

impl<const N: usize> Session<N> {
    const LARGE_ENOUGH: () = assert!(N >= 8, "the word `exit` and one more byte must fit");

    /// A session that starts `now`.
    #[must_use]
    pub fn new(now: Instant, rules: Rules) -> Self {
        let () = Self::LARGE_ENOUGH;
        let mut idle = IdleTimer::new(rules.idle);
        idle.restart(now);
        Self {
            buffer: Vec::new(),
            head: 0,
            chunk: rules.chunk.max(1),
            scanner: rules.exit.then(ExitScanner::new),
            ends: rules.one_shot.then_some(CloseReason::Answered),
            heard: false,
            idle,
            silence: IdleTimer::new(Some(SILENCE)),
            linger: IdleTimer::new(Some(LINGER)),
            phase: Phase::Echoing,
            eof: false,
            echoed: 0,
        }
    }

    /// The number of bytes that have been echoed: accepted by the stream for sending.
    #[must_use]
    pub const fn echoed(&self) -> u64 {
        self.echoed
    }

    /// Asks it to end, because the server is about to: the peer gets the echo of all that was received until
    /// then, and then our FIN. Asked again, it may be in more haste.
    pub fn leave(&mut self, now: Instant, haste: Haste) {
        if !self.is_echoing() {
            return;
        }
        match haste {
            Haste::AtPause if self.ends.is_none() => {
                (self.ends, self.heard) = (Some(CloseReason::Drained), false);
            }
            Haste::AtPause => {}
            Haste::Now => self.finish(now, CloseReason::Drained),
        }
    }

    /// The peer goes on, with something that the session gets later, or never: no pause ends it before.
    pub(crate) fn go_on(&mut self) {
        self.silence.stop();
        self.heard = false;
    }

    /// The number of bytes that the buffer can take. What has been sent is
    /// reclaimed once it is half of the buffer: then each byte is moved at most once.
    fn free(&self) -> usize {
        let sent = if self.head >= N.div_ceil(2) { self.head } else { 0 };
        N - self.buffer.len() + sent
    }

    /// Appends bytes that `free()` has room for.
    fn append(&mut self, bytes: &[u8]) {
        if bytes.len() > N - self.buffer.len() {
            // The minimum shows the compiler that this cannot panic.
            let sent = self.head.min(self.buffer.len());
            self.buffer.copy_within(sent.., 0);
            self.buffer.truncate(self.buffer.len() - sent);
            self.head = 0;
        }
        let fits = self.buffer.extend_from_slice(bytes).is_ok();
        debug_assert!(fits, "room() promised this");
    }

    /// Whether what is received is sent back.
    pub(crate) fn is_echoing(&self) -> bool {
        self.phase == Phase::Echoing
    }

    /// Ends it behind the last input: what the scanner holds is data, or the command.
    fn finish(&mut self, now: Instant, reason: CloseReason) {
        match self.scanner.as_mut().map_or(Some(&b""[..]), ExitScanner::end) {
            None => self.close(now, CloseReason::Exit),
            Some(tail) => {
                self.append(tail);
                self.close(now, reason);
            }
        }
    }

    /// Accepts no more; what was accepted is still delivered.
    pub(crate) fn close(&mut self, now: Instant, reason: CloseReason) {
        self.silence.stop();
        self.phase = Phase::Draining(reason);
        self.advance(now);
    }

    /// Goes from draining to lingering to the end, as far as possible now.
    fn advance(&mut self, now: Instant) {
        if let Phase::Draining(reason) = self.phase
            && self.to_send().is_empty()
        {
            self.idle.stop();
            self.linger.restart(now);
            self.phase = Phase::Lingering(reason);
        }
        if let Phase::Lingering(reason) = self.phase
            && (self.eof || self.linger.expired(now))
        {
            self.end_with(reason);
        }
    }

    /// Ends the session at once.
    pub(crate) fn end_with(&mut self, reason: CloseReason) {
        self.phase = Phase::Over(reason);
        self.buffer.clear();
        self.head = 0;
        self.idle.stop();
        self.silence.stop();
        self.linger.stop();
    }
}

impl<const N: usize> Endpoint for Session<N> {
    type End = CloseReason;

    fn to_send(&self) -> &[u8] {
        self.buffer.get(self.head..).unwrap_or_default()
    }

    fn room(&self) -> usize {
        match self.phase {
            Phase::Echoing => {
                let reserved = self.scanner.as_ref().map_or(0, ExitScanner::held);
                self.free().saturating_sub(reserved).min(self.chunk)
            }
            // After the FIN nothing can come: a driver that asked would spin.
            Phase::Draining(_) | Phase::Lingering(_) if !self.eof => self.chunk,
            _ => 0,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [&self.idle, &self.silence, &self.linger].into_iter().filter_map(IdleTimer::deadline).min()
    }

    /// A reset takes the place of our FIN.
    fn finished(&self) -> bool {
        match self.phase {
            Phase::Echoing | Phase::Draining(_) | Phase::Over(CloseReason::Reset) => false,
            Phase::Lingering(_) | Phase::Over(_) => true,
        }
    }

    fn end(&self) -> Option<CloseReason> {
        if let Phase::Over(reason) = self.phase { Some(reason) } else { None }
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        let n = n.min(self.to_send().len());
        if n == 0 {
            return;
        }
        self.echoed += n as u64;
        self.head += n;
        if self.head == self.buffer.len() {
            self.buffer.clear();
            self.head = 0;
        }
        self.idle.restart(now);
        self.advance(now);
    }

    /// Extends one of two limits: until all is sent the idle limit, then the linger.
    fn handle_delivered(&mut self, at: Instant) {
        self.idle.extend(at);
        self.linger.extend(at);
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        if n == 0 || self.phase != Phase::Echoing {
            return n;
        }
        let bytes = &bytes[..n];
        self.idle.restart(now);
        self.silence.stop();
        self.heard = true;
        match &mut self.scanner {
            None => self.append(bytes),
            Some(scanner) => {
                let scan = scanner.receive(bytes);
                self.append(scan.released);
                if scan.is_data {
                    self.append(bytes);
                }
            }
        }
        n
    }

    fn handle_quiet(&mut self, now: Instant) {
        if self.phase != Phase::Echoing {
            return;
        }
        let mut holds_word = false;
        if let Some(scanner) = &mut self.scanner {
            let released = scanner.quiet();
            holds_word = scanner.holds_word();
            self.append(released);
        }
        let ends = self.ends.is_some() && self.heard;
        if (holds_word || ends) && self.silence.deadline().is_none() {
            self.silence.restart(now);
        }
    }

    fn handle_eof(&mut self, now: Instant) {
        self.eof = true;
        if self.is_echoing() {
            self.finish(now, CloseReason::Disconnected);
        } else {
            self.advance(now);
        }
    }

    /// Some clients leave with a reset, which spares them TIME-WAIT. It breaks off no echo of which
    /// nothing is pending.
    fn handle_reset(&mut self, _now: Instant) {
        let holds = self.scanner.as_ref().is_some_and(|scanner| scanner.held() > 0);
        match self.phase {
            Phase::Echoing if self.to_send().is_empty() && !holds => {
                self.end_with(CloseReason::Disconnected);
            }
            Phase::Lingering(reason) => self.end_with(reason),
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.silence.expired(now) {
            let word = self.scanner.as_ref().is_some_and(ExitScanner::holds_word);
            self.close(now, self.ends.filter(|_| !word).unwrap_or(CloseReason::Exit));
        }
        if self.idle.expired(now) {
            self.end_with(CloseReason::TimedOut);
        }
        self.advance(now);
    }
}
