//! What a scripted peer can do, as data.

use core::time::Duration;

/// What a [`Script`](crate::Script) does next. It reads only in acts that hear: in all
/// others what arrives stays in the stack, so that the peer meets back-pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act<'a> {
    /// Says this, and reads nothing meanwhile.
    Say(Body<'a>),
    /// Hears exactly this next.
    Hear(Body<'a>),
    /// Says this and hears its echo, at the same time.
    Echo(Body<'a>, Manner),
    /// As [`Echo`](Self::Echo), with a FIN directly after the last byte said.
    Last(Body<'a>, Manner),
    /// Hears this byte if it comes next; anything else is left for the next act.
    Maybe(u8),
    /// Hears the peer's FIN, and nothing before.
    End,
    /// Hears nothing for this long: neither a byte nor the peer's FIN.
    Silence(Duration),
    /// Lets this time pass, and reads nothing.
    Wait(Duration),
    /// Sends its FIN.
    Fin,
    /// Lets the driver do what a stream of bytes cannot express.
    Ask(Wish),
}

impl<'a> Act<'a> {
    /// What is said, and how.
    #[must_use]
    pub const fn says(&self) -> Option<(Body<'a>, Manner)> {
        match *self {
            Self::Say(body) => Some((body, Manner::AtOnce)),
            Self::Echo(body, manner) | Self::Last(body, manner) => Some((body, manner)),
            _ => None,
        }
    }

    /// What is to be heard.
    #[must_use]
    pub const fn hears(&self) -> Option<Body<'a>> {
        match *self {
            Self::Hear(body) | Self::Echo(body, _) | Self::Last(body, _) => Some(body),
            _ => None,
        }
    }
}

/// Bytes that are said or heard; they are made as they are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// The number of bytes.
    pub length: u64,
    /// The bytes, repeated if they are fewer. `None` means the next bytes of the script's own payload:
    /// they are all parts of one message, and are counted for each direction.
    pub text: Option<&'a [u8]>,
}

impl<'a> Body<'a> {
    /// The next `length` bytes of the script's own payload.
    #[must_use]
    pub const fn own(length: u64) -> Self {
        Self { length, text: None }
    }

    /// These bytes.
    #[must_use]
    pub const fn text(text: &'a [u8]) -> Self {
        Self { length: text.len() as u64, text: Some(text) }
    }

    /// These bytes, repeated `times` times.
    #[must_use]
    pub const fn times(text: &'a [u8], times: u64) -> Self {
        Self { length: text.len() as u64 * times, text: Some(text) }
    }
}

/// How a body is said while its echo is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As fast as possible, both ways.
    AtOnce,
    /// At most this many bytes in one write: on most stacks a segment each.
    Pieces(u64),
    /// This many bytes at a time; the next ones when these are back and this time has passed.
    Steps(u64, Duration),
    /// Nothing is read for this long at first.
    Deaf(Duration),
    /// This many bytes are read at once, and then nothing for this time.
    Sips(u64, Duration),
    /// After this time nothing more is said, and the rest of the echo is heard: the length of
    /// the body is only an upper bound.
    For(Duration),
}

/// What a stream of bytes cannot express. The driver does it, or reports that it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// What is said next leaves in one segment with a FIN.
    Together,
    /// This byte is sent as urgent data.
    Urgent(u8),
    /// The connection ends by a reset.
    Reset,
}
