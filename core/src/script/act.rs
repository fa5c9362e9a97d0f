//! What a scripted peer can do, as data.

use core::time::Duration;

/// What a [`Script`](crate::Script) does next. It reads only in acts that hear: in all
/// others what comes stays with the stack, so that the peer feels the back-pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act<'a> {
    /// Says this, and hears nothing meanwhile.
    Say(Body<'a>),
    /// Hears exactly this next.
    Hear(Body<'a>),
    /// Says this and hears its echo, at the same time.
    Echo(Body<'a>, Manner),
    /// As [`Echo`](Self::Echo), with a FIN right behind the last byte said.
    Last(Body<'a>, Manner),
    /// Hears this byte if it comes next; whatever else comes is for the next act to hear.
    Maybe(u8),
    /// Hears the peer's FIN, and nothing before.
    End,
    /// Hears nothing for this long: neither a byte nor the peer's FIN.
    Silence(Duration),
    /// Lets this time pass, and reads nothing.
    Wait(Duration),
    /// Sends its FIN.
    Fin,
    /// Lets its driver do what no stream of bytes has a word for.
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

/// Bytes that are said or heard: so many, made in passing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// How many.
    pub length: u64,
    /// Which; repeated if it is shorter. None are the next ones of the script's own payload:
    /// all of these are parts of one message, which is counted for each direction.
    pub text: Option<&'a [u8]>,
}

impl<'a> Body<'a> {
    /// The next so many bytes of the script's own payload.
    #[must_use]
    pub const fn own(length: u64) -> Self {
        Self { length, text: None }
    }

    /// These bytes.
    #[must_use]
    pub const fn text(text: &'a [u8]) -> Self {
        Self { length: text.len() as u64, text: Some(text) }
    }

    /// These bytes, so many times.
    #[must_use]
    pub const fn times(text: &'a [u8], times: u64) -> Self {
        Self { length: text.len() as u64 * times, text: Some(text) }
    }
}

/// How a body is said while its echo is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As fast as it goes, both ways.
    AtOnce,
    /// At most so many bytes in one write: on most stacks a segment each.
    Pieces(u64),
    /// So many bytes, and the next ones when these are back and the time has passed since.
    Steps(u64, Duration),
    /// Nothing is read for this long at first.
    Deaf(Duration),
    /// So many bytes are read at once, and nothing for the time after them.
    Sips(u64, Duration),
    /// After this time no more is said, and the rest of the echo is heard: the length of the
    /// body only bounds it.
    For(Duration),
}

/// What no stream of bytes has a word for. The driver does it, or says that it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// What is said next, and a FIN right behind it, leave in one segment.
    Together,
    /// This byte is sent as urgent data.
    Urgent(u8),
    /// The connection ends by a reset.
    Reset,
}
