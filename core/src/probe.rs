//! The client's end: one message out, its echo compared in passing.
//!
//! The measuring loops of the drivers own one probe per connection and call
//! [`Probe::begin`] for each message.

use core::fmt;
use core::time::Duration;

use heapless::Vec;

use crate::{Endpoint, IdleTimer, Instant, Origin, Payload};

/// Sends a message and checks that exactly it comes back, before a limit: an
/// [`Endpoint`] that is used again for the next message.
///
/// It stores no message, neither the sent nor the received one: `N` bytes are
/// the window from which the message is written, and each piece of the echo is
/// compared as it arrives. So a message may be larger than any memory.
///
/// After an `Ok` the connection may serve the next [`begin`](Self::begin);
/// after a [`Failure`] it is out of step and must be opened anew.
#[derive(Debug)]
pub struct Probe<'a, const N: usize> {
    payload: Payload<'a>,
    length: u64,
    limit: IdleTimer,
    message: u64,
    begun: Instant,
    /// The bytes of the message that are written next: `window[head..]`.
    window: Vec<u8, N>,
    head: usize,
    /// How much of the message has been in the window so far.
    filled: u64,
    received: u64,
    end: Option<Result<Duration, Failure>>,
}

impl<'a, const N: usize> Probe<'a, N> {
    /// A probe for messages of `length` bytes, at least 1, that must be echoed
    /// whole within `limit`. It is at its end, of a message that took no time,
    /// until it [begins](Self::begin).
    #[must_use]
    pub fn new(payload: Payload<'a>, length: u64, limit: Option<Duration>) -> Self {
        const { assert!(N > 0, "a window of no bytes sends nothing") };
        Self {
            payload,
            length: length.max(1),
            limit: IdleTimer::new(limit),
            message: 0,
            begun: Instant::START,
            window: Vec::new(),
            head: 0,
            filled: 0,
            received: 0,
            end: Some(Ok(Duration::ZERO)),
        }
    }

    /// Starts the message with this number, and with it the clock.
    pub fn begin(&mut self, start: Instant, message: u64) {
        self.message = message;
        self.begun = start;
        self.limit.restart(start);
        self.filled = 0;
        self.received = 0;
        self.end = None;
        self.refill();
    }

    /// Ends the message for a reason that only the driver can see.
    pub fn fail(&mut self, failure: Failure) {
        self.end_with(Err(failure));
    }

    /// How much of the message has come back.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    fn refill(&mut self) {
        let left = self.length - self.filled;
        let size = usize::try_from(left).map_or(N, |left| left.min(N));
        self.head = 0;
        self.window.clear();
        let fits = self.window.resize(size, 0).is_ok();
        debug_assert!(fits, "the size is at most N");
        self.payload.fill(self.message, self.filled, &mut self.window);
        self.filled += size as u64;
    }

    fn end_with(&mut self, end: Result<Duration, Failure>) {
        if self.end.is_none() {
            self.limit.stop();
            self.window.clear();
            self.head = 0;
            self.end = Some(end);
        }
    }

    fn differs(&self, bytes: &[u8], index: usize) -> Failure {
        let offset = self.received + index as u64;
        let mut expected = [0];
        self.payload.fill(self.message, offset, &mut expected);
        let wrong = bytes.get(index..).unwrap_or_default();
        Failure::Differs(Difference {
            message: self.message,
            offset,
            expected: expected[0],
            received: wrong.first().copied().unwrap_or_default(),
            origin: self.payload.origin(self.message, wrong),
        })
    }
}

impl<const N: usize> Endpoint for Probe<'_, N> {
    /// The round trip, from [`begin`](Probe::begin) to the last byte of the echo.
    type End = Result<Duration, Failure>;

    fn to_send(&self) -> &[u8] {
        self.window.get(self.head..).unwrap_or_default()
    }

    /// No limit while a message is under way: nothing is stored, and only a
    /// read larger than the message shows that too much came back.
    fn room(&self) -> usize {
        if self.end.is_none() { usize::MAX } else { 0 }
    }

    fn deadline(&self) -> Option<Instant> {
        self.limit.deadline()
    }

    /// Never: another message may follow.
    fn finished(&self) -> bool {
        false
    }

    fn end(&self) -> Option<Self::End> {
        self.end
    }

    fn handle_sent(&mut self, _now: Instant, n: usize) {
        self.head += n.min(self.to_send().len());
        if self.head == self.window.len() && self.end.is_none() {
            self.refill();
        }
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        if self.end.is_some() {
            return 0;
        }
        let left = usize::try_from(self.length - self.received).unwrap_or(usize::MAX);
        let (echo, extra) = bytes.split_at(left.min(bytes.len()));
        if let Some(index) = self.payload.mismatch(self.message, self.received, echo) {
            self.end_with(Err(self.differs(echo, index)));
            return bytes.len();
        }
        self.received += echo.len() as u64;
        // Nothing can come back before it was sent, even if it looks right.
        let sent = self.filled - self.to_send().len() as u64;
        let ahead = extra.len() as u64 + self.received.saturating_sub(sent);
        if ahead > 0 {
            self.end_with(Err(Failure::Extra { bytes: ahead }));
        } else if self.received == self.length {
            self.end_with(Ok(now.saturating_duration_since(self.begun)));
        }
        bytes.len()
    }

    fn handle_quiet(&mut self, _now: Instant) {}

    fn handle_eof(&mut self, _now: Instant) {
        let (received, length) = (self.received, self.length);
        self.end_with(Err(Failure::ClosedEarly { received, length }));
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.limit.expired(now) {
            let (received, length) = (self.received, self.length);
            self.end_with(Err(Failure::TimedOut { received, length }));
        }
    }
}

/// Why a message was not echoed as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The limit was reached before the whole message was back.
    TimedOut {
        /// Bytes that were back by then.
        received: u64,
        /// Bytes of the whole message.
        length: u64,
    },
    /// The peer ended its side before the whole message was back.
    ClosedEarly {
        /// Bytes that came back.
        received: u64,
        /// Bytes of the whole message.
        length: u64,
    },
    /// A byte came back that is not the one sent.
    Differs(Difference),
    /// More came back than was sent.
    Extra {
        /// Bytes beyond the message, as far as they had arrived.
        bytes: u64,
    },
    /// Nobody listens at the address.
    Refused,
    /// The connection was reset.
    Reset,
    /// No way to the address, or the connection broke for another reason of
    /// the network.
    Unreachable,
    /// The own machine could not open a connection: out of ports or sockets.
    Local,
}

/// The first byte of an echo that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The number of the message.
    pub message: u64,
    /// Where in the message the byte is.
    pub offset: u64,
    /// What was sent.
    pub expected: u8,
    /// What came back.
    pub received: u8,
    /// Where the bytes from there on come from, if the payload can tell.
    pub origin: Option<Origin>,
}

/// What sort of [`Failure`]: the classes in which failures are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// See [`Failure::TimedOut`].
    TimedOut,
    /// See [`Failure::Refused`].
    Refused,
    /// See [`Failure::Reset`].
    Reset,
    /// See [`Failure::ClosedEarly`].
    ClosedEarly,
    /// See [`Failure::Differs`].
    Differs,
    /// See [`Failure::Extra`].
    Extra,
    /// See [`Failure::Unreachable`].
    Unreachable,
    /// See [`Failure::Local`].
    Local,
}

impl FailureKind {
    /// All kinds, in the order of their indices.
    pub const ALL: [Self; 8] = [
        Self::TimedOut,
        Self::Refused,
        Self::Reset,
        Self::ClosedEarly,
        Self::Differs,
        Self::Extra,
        Self::Unreachable,
        Self::Local,
    ];

    /// Its name, as it follows a count: `2 timed out`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "timed out",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed early",
            Self::Differs => "differs",
            Self::Extra => "extra bytes",
            Self::Unreachable => "unreachable",
            Self::Local => "no local socket",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Failure {
    /// The class in which it is counted.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::TimedOut { .. } => FailureKind::TimedOut,
            Self::ClosedEarly { .. } => FailureKind::ClosedEarly,
            Self::Differs(_) => FailureKind::Differs,
            Self::Extra { .. } => FailureKind::Extra,
            Self::Refused => FailureKind::Refused,
            Self::Reset => FailureKind::Reset,
            Self::Unreachable => FailureKind::Unreachable,
            Self::Local => FailureKind::Local,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { received, length } => {
                write!(f, "timed out with {received} of {length} bytes echoed")
            }
            Self::ClosedEarly { received, length } => {
                write!(f, "closed by the peer with {received} of {length} bytes echoed")
            }
            Self::Differs(difference) => difference.fmt(f),
            Self::Extra { bytes } => write!(f, "at least {bytes} bytes more than were sent"),
            Self::Refused => f.write_str("connection refused"),
            Self::Reset => f.write_str("connection reset by the peer"),
            Self::Unreachable => f.write_str("connection lost or no way to the peer"),
            Self::Local => f.write_str("this machine has no free port or socket left"),
        }
    }
}

impl core::error::Error for Failure {}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, offset, expected, received, origin } = self;
        write!(
            f,
            "message {message} differs at byte {offset}: 0x{received:02x} instead of 0x{expected:02x}"
        )?;
        match origin {
            None => Ok(()),
            Some(origin) if origin.message == *message && origin.offset == *offset => {
                f.write_str("; what follows is right again")
            }
            Some(origin) if origin.message == *message => write!(f, ", shifted: {origin}"),
            Some(origin) => write!(f, ", stale: {origin}"),
        }
    }
}
