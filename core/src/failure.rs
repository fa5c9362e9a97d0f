//! Why a message was not echoed as it should be.

use core::fmt;
use core::time::Duration;

use crate::Origin;

/// Why a message was not echoed as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The limit was reached before the whole message was back.
    TimedOut {
        /// The number of bytes that were back by then.
        received: u64,
        /// Bytes of the whole message.
        length: u64,
        /// The time that the whole echo took, if it was seen to arrive after all.
        whole: Option<Duration>,
    },
    /// The peer ended its side before the whole message was back.
    ClosedEarly {
        /// The number of bytes that came back.
        received: u64,
        /// Bytes of the whole message.
        length: u64,
    },
    /// A byte came back that is not the one sent.
    Differs(Difference),
    /// More came back than was sent.
    Extra {
        /// The number of the message that this followed.
        message: u64,
        /// The number of bytes beyond the message that had arrived so far.
        bytes: u64,
    },
    /// A datagram came back shorter than it was sent.
    Cut {
        /// The number of the message.
        message: u64,
        /// The number of bytes that came back.
        received: u64,
        /// Bytes of the whole message.
        length: u64,
    },
    /// Bytes that were never sent came back before the echo. They follow whatever
    /// came earlier on the connection, and are counted as extra.
    Ahead {
        /// The number of those bytes.
        bytes: u64,
    },
    /// Nobody listens at the address.
    Refused,
    /// The connection was reset.
    Reset,
    /// No route to the address, or the connection broke for another reason of
    /// the network.
    Unreachable,
    /// This machine could not open a connection: it has no port or socket left.
    Local,
    /// This machine did not take a datagram for sending: its buffer is full.
    Full,
    /// A message is too long for a datagram here.
    TooLong,
}

/// The first byte of an echo that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The number of the message.
    pub message: u64,
    /// The offset of the byte in the message.
    pub offset: u64,
    /// The byte that was sent.
    pub expected: u8,
    /// The byte that came back.
    pub received: u8,
    /// What happened to it, as far as the bytes from there on show.
    pub fault: Fault,
}

/// What happened to bytes that came back wrong. Only those of [`Payload::Seq`](crate::Payload::Seq)
/// and [`Payload::Marks`](crate::Payload::Marks) say where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Bytes of an earlier message of this connection.
    Stale(Origin),
    /// Bytes of another connection.
    Crossed(Origin),
    /// Bytes of this message are missing: later ones follow at once.
    Skipped {
        /// The number of missing bytes.
        bytes: u64,
    },
    /// Bytes of this message came twice.
    Repeated {
        /// The number of repeated bytes.
        bytes: u64,
    },
    /// One bit of each wrong byte changed; the bytes after them are right.
    Flipped,
    /// All wrong bytes have the same value; the bytes after them are right.
    Overwritten {
        /// The value of the wrong bytes.
        by: u8,
    },
    /// Some bytes changed in another way; the bytes after them are right.
    Changed,
    /// Bytes that were never sent, or whose origin cannot be determined.
    Foreign,
}

impl Fault {
    /// Its name, as it follows a count: `2 stale`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Stale(_) => "stale",
            Self::Crossed(_) => "of another connection",
            Self::Skipped { .. } => "with bytes missing",
            Self::Repeated { .. } => "with bytes repeated",
            Self::Flipped => "with bits flipped",
            Self::Overwritten { .. } => "overwritten",
            Self::Changed => "with bytes changed",
            Self::Foreign => "with foreign bytes",
        }
    }
}

/// The kinds of [`Failure`]: the classes in which failures are counted.
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
    /// See [`Failure::Extra`] and [`Failure::Ahead`].
    Extra,
    /// See [`Failure::Unreachable`].
    Unreachable,
    /// See [`Failure::Local`].
    Local,
    /// See [`Failure::Cut`].
    Cut,
    /// See [`Failure::Full`].
    Full,
    /// See [`Failure::TooLong`].
    TooLong,
}

impl FailureKind {
    /// All kinds, in the order of their indices.
    pub const ALL: [Self; 11] = [
        Self::TimedOut,
        Self::Refused,
        Self::Reset,
        Self::ClosedEarly,
        Self::Differs,
        Self::Extra,
        Self::Unreachable,
        Self::Local,
        Self::Cut,
        Self::Full,
        Self::TooLong,
    ];

    /// Its name, as it follows a count, whatever the number: `2 timed out`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "timed out",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed early",
            Self::Differs => "differed",
            Self::Extra => "with extra bytes",
            Self::Unreachable => "unreachable",
            Self::Local => "without a local socket",
            Self::Cut => "cut",
            Self::Full => "not sent, the buffer being full",
            Self::TooLong => "too long",
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
            Self::Extra { .. } | Self::Ahead { .. } => FailureKind::Extra,
            Self::Refused => FailureKind::Refused,
            Self::Reset => FailureKind::Reset,
            Self::Unreachable => FailureKind::Unreachable,
            Self::Local => FailureKind::Local,
            Self::Cut { .. } => FailureKind::Cut,
            Self::Full => FailureKind::Full,
            Self::TooLong => FailureKind::TooLong,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { whole: Some(took), .. } => {
                let micros = took.as_micros() as u64;
                let (millis, rest) = (micros / 1000, micros % 1000);
                write!(f, "timed out: the whole echo took {millis}.{rest:03} ms")
            }
            Self::TimedOut { received, length, whole: None } => {
                write!(f, "timed out with {received} of {length} bytes echoed")
            }
            Self::ClosedEarly { received, length } => {
                write!(f, "closed by the peer with {received} of {length} bytes echoed")
            }
            Self::Differs(difference) => difference.fmt(f),
            Self::Extra { message, bytes } => {
                let extra = if *bytes == 1 { "extra byte" } else { "extra bytes" };
                write!(f, "message {message} came back with at least {bytes} {extra}")
            }
            Self::Cut { message, received, length } => {
                write!(f, "message {message} came back cut: {received} of {length} bytes")
            }
            Self::Ahead { bytes } => {
                let what = if *bytes == 1 { "byte" } else { "bytes" };
                write!(f, "{bytes} {what} that nobody sent came before the echo")
            }
            Self::Refused => f.write_str("connection refused"),
            Self::Reset => f.write_str("connection reset by the peer"),
            Self::Unreachable => f.write_str("connection lost or no route to the peer"),
            Self::Local => f.write_str("this machine has no free port or socket left"),
            Self::Full => f.write_str("the buffer of this machine for sending is full"),
            Self::TooLong => f.write_str("too long for one datagram"),
        }
    }
}

impl core::error::Error for Failure {}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, offset, expected, received, fault } = self;
        write!(
            f,
            "message {message} differs at byte {offset}: 0x{received:02x} instead of 0x{expected:02x}"
        )?;
        match fault {
            Fault::Foreign => Ok(()),
            Fault::Stale(_) | Fault::Crossed(_) => write!(f, ", {fault}"),
            _ => write!(f, "; {fault}"),
        }
    }
}

/// What happened to the bytes, as a part of a sentence.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(origin) => write!(f, "stale: {origin}"),
            Self::Crossed(origin) => write!(f, "of another connection: {origin}"),
            Self::Skipped { bytes: 1 } => f.write_str("1 byte is missing"),
            Self::Skipped { bytes } => write!(f, "{bytes} bytes are missing"),
            Self::Repeated { bytes: 1 } => f.write_str("the last byte is repeated"),
            Self::Repeated { bytes } => write!(f, "the last {bytes} bytes are repeated"),
            Self::Flipped | Self::Overwritten { .. } | Self::Changed => {
                f.write_str("the bytes after it are right")
            }
            Self::Foreign => f.write_str("these bytes were never sent"),
        }
    }
}
