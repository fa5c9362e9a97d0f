//! What a message contains, and which message a received byte belongs to.
//!
//! The [`Probe`](crate::Probe) asks for both: it fills its sending window from
//! here and compares what comes back with the same function.

mod marks;
mod tag;
mod whose;

use core::fmt;

use self::tag::{CONNECTION, RUN, Tag, nearest};
pub(crate) use self::whose::Whose;
use crate::random::{GOLDEN, mix, unmix};
use crate::{Difference, Fault};

/// The content of messages: a function of the message's number and the offset,
/// so that no message has to be stored to compare its echo. `B` holds the bytes of a given
/// text: borrowed, or owned by the plan of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<B = &'static [u8]> {
    /// The digit `0` throughout. All messages are alike, so an echo that is
    /// late, repeated or shifted cannot be distinguished from a right one.
    Zero,
    /// Every eight bytes encode their place: run, connection, message and offset.
    /// A wrong byte can be traced to its [`Origin`].
    Seq {
        /// Distinguishes this run from earlier ones; the low 10 bits count.
        run: u16,
        /// Distinguishes this connection from the others; the low 14 bits count.
        connection: u16,
    },
    /// Pseudo-random bytes, different in each message, the same for the same seed.
    Random {
        /// Where the pseudo-random sequence starts.
        seed: u64,
    },
    /// Readable text in which every sixteen bytes state their connection and offset. All messages
    /// of a connection are alike.
    Marks {
        /// Distinguishes this connection from the others.
        connection: u16,
    },
    /// These bytes, repeated as often as the message is long.
    Bytes(B),
}

/// The number of bytes that are made at a time.
const WORD: usize = 8;

/// The largest distance between the numbers of a message and of one whose bytes it may contain.
const NEAR: u64 = 1023;

/// The number of bytes that are compared at a time, on the stack.
const BLOCK: usize = 256;

/// The default message has a thousand of them.
static ZEROS: [u8; 1024] = [b'0'; 1024];

impl<B> Payload<B> {
    /// Whether the bytes of a message of so many say which of its connection's messages they are. Where they do not,
    /// an echo is known only by what it came on.
    #[must_use]
    pub const fn tells(&self, length: u64) -> bool {
        self.varies() && length >= WORD as u64
    }

    /// Whether messages of one connection differ.
    pub(crate) const fn varies(&self) -> bool {
        matches!(self, Self::Seq { .. } | Self::Random { .. })
    }
}

impl<B: AsRef<[u8]>> Payload<B> {
    /// What one of several connections sends. [`Seq`](Self::Seq) and [`Marks`](Self::Marks) contain
    /// its number, [`Random`](Self::Random) has a seed of its own there; the others are the same on all.
    #[must_use]
    pub fn on(&self, connection: u16) -> Payload<&[u8]> {
        match self {
            Self::Zero => Payload::Zero,
            Self::Seq { run, .. } => Payload::Seq { run: *run, connection },
            Self::Random { seed } => Payload::Random { seed: seed ^ (u64::from(connection) << 48) },
            Self::Marks { .. } => Payload::Marks { connection },
            Self::Bytes(bytes) => Payload::Bytes(bytes.as_ref()),
        }
    }
}

impl Payload<&[u8]> {
    /// A message of `length` bytes, if it exists already and need not be made.
    pub(crate) fn ready(&self, length: u64) -> Option<&'static [u8]> {
        match self {
            Self::Zero => ZEROS.get(..usize::try_from(length).ok()?),
            _ => None,
        }
    }

    /// Writes the bytes of `message` from `offset` on into `out`.
    pub fn fill(&self, message: u64, offset: u64, out: &mut [u8]) {
        match *self {
            Self::Zero => out.fill(b'0'),
            Self::Bytes([]) => out.fill(0),
            Self::Bytes(bytes) => {
                // The remainder is smaller than a slice's length, so it fits.
                let mut from = (offset % bytes.len() as u64) as usize;
                let mut rest = out;
                while !rest.is_empty() {
                    let source = &bytes[from..];
                    let (filled, left) = rest.split_at_mut(source.len().min(rest.len()));
                    filled.copy_from_slice(&source[..filled.len()]);
                    (rest, from) = (left, 0);
                }
            }
            Self::Marks { connection } => marks::fill(connection, offset, out),
            Self::Seq { run, connection } => {
                let tag = |word| Tag { run, connection, message, word };
                fill_words(offset, out, |word| mix(tag(word).pack()));
            }
            Self::Random { seed } => {
                let start = mix(seed ^ mix(message));
                let step = |word: u64| start.wrapping_add(word.wrapping_mul(GOLDEN));
                fill_words(offset, out, |word| mix(step(word)));
            }
        }
    }

    /// The index of the first byte in `received` that differs from `message` at
    /// `offset` and after; `None` if all are right.
    #[must_use]
    pub fn mismatch(&self, message: u64, offset: u64, received: &[u8]) -> Option<usize> {
        let mut expected = [0; BLOCK];
        for (index, block) in received.chunks(BLOCK).enumerate() {
            let before = index * BLOCK;
            let expected = &mut expected[..block.len()];
            self.fill(message, offset + before as u64, expected);
            if expected != block {
                let within = expected.iter().zip(block).position(|(want, got)| want != got);
                return within.map(|within| before + within);
            }
        }
        None
    }

    /// The difference of bytes that came where `message` ought to go on from `offset`; the first of them is wrong.
    pub(crate) fn difference(&self, message: u64, offset: u64, wrong: &[u8]) -> Difference {
        let mut expected = [0];
        self.fill(message, offset, &mut expected);
        Difference {
            message,
            offset,
            expected: expected[0],
            received: wrong.first().copied().unwrap_or_default(),
            fault: self.fault(message, offset, wrong),
        }
    }

    /// What happened to bytes that ought to be those of `message` from `offset`
    /// on, the first of which is wrong.
    #[must_use]
    pub fn fault(&self, message: u64, offset: u64, wrong: &[u8]) -> Fault {
        if let Some(origin) = self.origin(message, offset, wrong) {
            return if !self.is_of(origin.connection) {
                Fault::Crossed(origin)
            } else if origin.message < message {
                Fault::Stale(origin)
            } else if origin.offset > offset {
                Fault::Skipped { bytes: origin.offset - offset }
            } else if origin.offset < offset {
                Fault::Repeated { bytes: offset - origin.offset }
            } else {
                self.change(message, offset, wrong)
            };
        }
        let followers = wrong.len().saturating_sub(WORD).max(1);
        let right_again = match wrong.get(followers..) {
            Some(last @ [_, ..]) => {
                self.mismatch(message, offset + followers as u64, last).is_none()
            }
            // Nothing has followed: a random byte differs in one bit in one of 32 cases.
            _ => self.change(message, offset, wrong) == Fault::Flipped,
        };
        if right_again { self.change(message, offset, wrong) } else { Fault::Foreign }
    }

    /// How bytes changed that ought to be those of `message` from `offset` on, the first of
    /// which is wrong and the last of which are right.
    fn change(&self, message: u64, offset: u64, wrong: &[u8]) -> Fault {
        let by = wrong.first().copied().unwrap_or_default();
        let (mut flipped, mut alike) = (true, true);
        let mut expected = [0; BLOCK];
        for (index, block) in wrong.chunks(BLOCK).enumerate() {
            let expected = &mut expected[..block.len()];
            self.fill(message, offset + (index * BLOCK) as u64, expected);
            for (want, got) in expected.iter().zip(block).filter(|(want, got)| want != got) {
                flipped &= (want ^ got).count_ones() == 1;
                alike &= *got == by;
            }
        }
        match (flipped, alike) {
            (true, _) => Fault::Flipped,
            (false, true) => Fault::Overwritten { by },
            (false, false) => Fault::Changed,
        }
    }

    /// Whether the bytes of this payload contain this number of a connection.
    const fn is_of(&self, number: u16) -> bool {
        match *self {
            Self::Seq { connection, .. } => connection & CONNECTION == number,
            Self::Marks { connection } => connection == number,
            _ => false,
        }
    }

    /// Where `received`, which ought to be `message` from `offset` on, really
    /// comes from. Only [`Seq`](Self::Seq) shows it, from 15 bytes or from 8
    /// that start at a multiple of 8, and [`Marks`](Self::Marks) from 31 or 16.
    fn origin(&self, message: u64, offset: u64, received: &[u8]) -> Option<Origin> {
        if let Self::Marks { .. } = self {
            let (connection, offset) = marks::origin(received)?;
            return Some(Origin { connection, message, offset });
        }
        let Self::Seq { run, .. } = *self else { return None };
        received.windows(WORD).take(WORD).enumerate().find_map(|(skipped, window)| {
            let tag = Tag::unpack(unmix(u64::from_le_bytes(window.try_into().ok()?)));
            // Foreign bytes pass both tests by chance once in 2^19 cases.
            let number = nearest(tag.message, message);
            // This connection has not sent a later message yet; another may be ahead.
            let ahead = if self.is_of(tag.connection) { 0 } else { NEAR };
            let near = message.saturating_sub(NEAR)..=message.saturating_add(ahead);
            let here = (offset + skipped as u64) / WORD as u64;
            let offset = (nearest(tag.word, here) * WORD as u64).checked_sub(skipped as u64)?;
            let origin = Origin { connection: tag.connection, message: number, offset };
            (tag.run == run & RUN && near.contains(&number)).then_some(origin)
        })
    }
}

/// Where a byte of [`Payload::Seq`] was first sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The number of the connection.
    pub connection: u16,
    /// The number of the message: at most 1023 before the one that was asked for,
    /// or, on another connection, after it.
    pub message: u64,
    /// The offset in that message. Offsets that are 8 MiB apart look the same: this
    /// is the one nearest to where the byte came.
    pub offset: u64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, message, offset } = self;
        write!(f, "byte {offset} of message {message} on connection {connection}")
    }
}

/// Writes the little-endian words from `offset` on, whatever its alignment.
fn fill_words(offset: u64, out: &mut [u8], word: impl Fn(u64) -> u64) {
    let size = WORD as u64;
    let skip = (offset % size) as usize;
    let (head, body) = out.split_at_mut(if skip == 0 { 0 } else { (WORD - skip).min(out.len()) });
    for (out, byte) in head.iter_mut().zip(&word(offset / size).to_le_bytes()[skip..]) {
        *out = *byte;
    }
    let mut index = offset.div_ceil(size);
    // Whole words apart from the last part: the compiler makes a tight loop of these.
    let (words, tail) = body.as_chunks_mut();
    for out in words {
        *out = word(index).to_le_bytes();
        index += 1;
    }
    for (out, byte) in tail.iter_mut().zip(word(index).to_le_bytes()) {
        *out = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::tag::LOW;
    use super::*;

    const SEQ: Payload = Payload::Seq { run: 1000, connection: 7 };
    const MARKS: Payload = Payload::Marks { connection: 7 };
    const ALL: [Payload; 5] =
        [Payload::Zero, SEQ, Payload::Random { seed: 1 }, MARKS, Payload::Bytes(b"abcdefghijk")];

    #[test]
    fn a_message_is_the_same_however_it_is_cut() {
        for payload in ALL {
            let mut whole = [0; 100];
            payload.fill(3, 1000, &mut whole);
            for start in 0..100 {
                for end in start..100 {
                    let mut part = [0; 100];
                    payload.fill(3, 1000 + start as u64, &mut part[start..end]);
                    assert_eq!(part[start..end], whole[start..end], "{payload:?} {start}..{end}");
                }
            }
        }
    }

    #[test]
    fn who_tells_its_message_has_other_bytes_in_each() {
        for payload in ALL {
            for length in [0, 1, 7, 8, 9, 64] {
                let content = |message| {
                    let mut bytes = [0; 64];
                    payload.fill(message, 0, &mut bytes[..length]);
                    bytes
                };
                // Seven bytes of `seq` differ, too, and do not say from what.
                let tells = length >= 8 && content(3) != content(4);
                assert_eq!(payload.tells(length as u64), tells, "{payload:?}, {length}");
            }
        }
    }

    #[test]
    fn what_can_be_told_apart_differs_on_each_connection() {
        let content = |payload: Payload<&[u8]>| {
            let mut message = [0; 64];
            payload.fill(3, 0, &mut message);
            message
        };
        for payload in ALL {
            let [zero, again, one, last] = [0, 0, 1, 9999].map(|n| content(payload.on(n)));
            assert_eq!(zero, again);
            let alike = matches!(payload, Payload::Zero | Payload::Bytes(_));
            assert_eq!([zero == one, zero == last, one == last], [alike; 3], "{payload:?}");
        }
        assert_eq!(content(SEQ.on(7)), content(SEQ));
        assert_eq!(content(ALL[2].on(0)), content(ALL[2]));
    }

    #[test]
    fn a_wrong_byte_is_found_where_it_is() {
        for payload in ALL {
            let mut message = [0; 1000];
            payload.fill(9, 0, &mut message);
            assert_eq!(payload.mismatch(9, 0, &message), None);
            for index in [0, 1, 255, 256, 257, 999] {
                message[index] ^= 0x40;
                assert_eq!(payload.mismatch(9, 0, &message), Some(index));
                message[index] ^= 0x40;
            }
        }
    }

    #[test]
    fn marks_tell_what_became_of_a_message() {
        let mut text = [0; 100];
        MARKS.fill(0, 0, &mut text);
        let at = |connection, offset| Origin { connection, message: 0, offset };
        assert_eq!(MARKS.fault(0, 10, &text[20..]), Fault::Skipped { bytes: 10 });
        assert_eq!(MARKS.fault(0, 30, &text[20..]), Fault::Repeated { bytes: 10 });
        assert_eq!(MARKS.on(8).fault(0, 20, &text[20..]), Fault::Crossed(at(7, 20)));
        text[50] ^= 1;
        assert_eq!(MARKS.fault(0, 50, &text[50..]), Fault::Flipped);
    }

    #[test]
    fn seq_tells_where_its_bytes_come_from_at_any_alignment() {
        let mut stale = [0; 64];
        SEQ.fill(41, 992, &mut stale);
        for skipped in 0..40 {
            let origin = Origin { connection: 7, message: 41, offset: 992 + skipped as u64 };
            assert_eq!(SEQ.origin(42, 0, &stale[skipped..]), Some(origin));
        }
    }

    #[test]
    fn the_origin_survives_the_wrap_of_the_message_number() {
        let mut stale = [0; 16];
        SEQ.fill(LOW, 0, &mut stale);
        let origin = SEQ.origin(LOW + 2, 0, &stale).expect("a recent message");
        assert_eq!(origin.message, LOW);
    }

    #[test]
    fn there_is_no_message_before_the_first() {
        let mut foreign = [0; 16];
        SEQ.fill(LOW, 0, &mut foreign);
        assert_eq!(SEQ.origin(1, 0, &foreign), None);
    }

    #[test]
    fn bytes_of_nobody_have_no_origin() {
        let mut noise = [0; 64];
        Payload::Random { seed: 4 }.fill(0, 0, &mut noise);
        assert_eq!(SEQ.origin(42, 0, &noise), None);
        assert_eq!(SEQ.origin(42, 0, &[0; 64]), None);
        assert_eq!(Payload::Zero.origin(42, 0, b"0000000000000000"), None);
    }
}
