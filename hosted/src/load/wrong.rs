//! What was wrong with bytes that came back, and where.

use echo_core::{Difference, Failure};

/// What happened to a message whose echo differs, as far as its first wrong
/// bytes tell: only bytes of [`Payload::Seq`](echo_core::Payload::Seq) say
/// where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Bytes of an earlier message of this connection.
    Stale,
    /// Bytes of another connection.
    Crossed,
    /// Bytes of this message are missing: later ones follow at once.
    Skipped,
    /// Bytes of this message came twice.
    Repeated,
    /// Some bits changed; what follows is right again.
    Flipped,
    /// Bytes that nobody sent, or that do not tell.
    Foreign,
}

impl Class {
    /// All, in the order of their indices.
    pub const ALL: [Self; 6] =
        [Self::Stale, Self::Crossed, Self::Skipped, Self::Repeated, Self::Flipped, Self::Foreign];

    /// What happened to this message of the connection with this number.
    #[must_use]
    pub fn of(difference: &Difference, connection: usize) -> Self {
        let Difference { message, offset, expected, received, origin } = *difference;
        let Some(origin) = origin else {
            // The bytes after a flip are too few, or the wrong ones, to tell.
            let few = (expected ^ received).count_ones() <= FEW_BITS;
            return if few { Self::Flipped } else { Self::Foreign };
        };
        // The payload knows 14 bits of the connection's number.
        if usize::from(origin.connection) != connection & 0x3fff {
            Self::Crossed
        } else if origin.message < message {
            Self::Stale
        } else if origin.offset > offset {
            Self::Skipped
        } else if origin.offset < offset {
            Self::Repeated
        } else {
            Self::Flipped
        }
    }

    /// Its name, as it follows a count.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Crossed => "of another connection",
            Self::Skipped => "with bytes missing",
            Self::Repeated => "with bytes repeated",
            Self::Flipped => "with bits flipped",
            Self::Foreign => "with foreign bytes",
        }
    }
}

/// A byte of pure chance passes in one of seven cases.
const FEW_BITS: u32 = 2;

/// Messages with wrong bytes, by what happened to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wrong {
    counts: [u64; Class::ALL.len()],
    first: [Option<Difference>; Class::ALL.len()],
}

impl Wrong {
    /// Looks at a message that failed.
    pub(super) fn record(&mut self, failure: &Failure, connection: usize) {
        if let Failure::Differs(difference) = failure {
            let class = Class::of(difference, connection) as usize;
            self.counts[class] += 1;
            self.first[class].get_or_insert(*difference);
        }
    }

    /// How many there were of each class that occurred, and the first of them.
    pub fn classes(&self) -> impl Iterator<Item = (Class, u64, Difference)> {
        let all = Class::ALL.into_iter().zip(self.counts).zip(self.first);
        all.filter_map(|((class, count), first)| Some((class, count, first?)))
    }
}

#[cfg(test)]
mod tests {
    use echo_core::{Endpoint, Instant, Payload, Probe};

    use super::*;

    const LENGTH: usize = 1000;
    const MESSAGE: u64 = 57;

    fn bytes(connection: u16, message: u64) -> Vec<u8> {
        let mut bytes = vec![0; LENGTH];
        Payload::Seq { run: 3, connection }.fill(message, 0, &mut bytes);
        bytes
    }

    /// What a probe on connection 7 says of an echo that `spoil` has spoilt.
    fn class(spoil: impl FnOnce(&mut Vec<u8>)) -> Class {
        let mut echo = bytes(7, MESSAGE);
        spoil(&mut echo);
        let payload = Payload::Seq { run: 3, connection: 7 };
        let mut probe = Probe::new(payload, LENGTH as u64, None, [0; LENGTH]);
        probe.begin(Instant::START, MESSAGE);
        probe.handle_sent(Instant::START, LENGTH);
        probe.handle_received(Instant::START, &echo);
        let mut wrong = Wrong::default();
        let end = probe.end().and_then(Result::err).expect("it failed");
        wrong.record(&end, 7);
        let (class, count, _) = wrong.classes().next().expect("it differs");
        assert_eq!(count, 1);
        class
    }

    #[test]
    fn each_fault_has_its_class_wherever_it_is() {
        for at in [0, 1, 7, 8, 500, 960] {
            assert_eq!(class(|echo| echo[at..].copy_from_slice(&bytes(7, 56)[at..])), Class::Stale);
            assert_eq!(
                class(|echo| echo[at..].copy_from_slice(&bytes(8, 57)[at..])),
                Class::Crossed
            );
            assert_eq!(class(|echo| echo[at] ^= 1 << (at % 8)), Class::Flipped, "{at}");
            for n in [1, 8, 13] {
                let skip = |echo: &mut Vec<u8>| drop(echo.drain(at..at + n));
                assert_eq!(class(skip), Class::Skipped, "{at} {n}");
            }
            let foreign = class(|echo| echo[at..].iter_mut().for_each(|byte| *byte = !*byte));
            assert_eq!(foreign, Class::Foreign);
        }
        for (at, n) in [(20, 20), (500, 1), (960, 13)] {
            let repeat = |echo: &mut Vec<u8>| {
                let again = echo[at - n..at].to_vec();
                drop(echo.splice(at..at, again));
            };
            assert_eq!(class(repeat), Class::Repeated, "{at} {n}");
        }
    }
}
