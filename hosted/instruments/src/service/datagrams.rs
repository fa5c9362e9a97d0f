//! The totals of a server's datagrams.

use std::fmt;

use echo_core::datagram::Unanswered;

use crate::quantity;

/// Why a datagram that should have been answered was not: UDP may lose datagrams, but not in part
/// and not in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// The receive buffer was full. That is found out now and then, and where the system tells.
    Unreceived,
    /// It was cut when it was received.
    Cut,
    /// Its answer is too long for the way back.
    TooLong,
    /// The send buffer was full.
    Full,
    /// This machine does not let it be sent.
    Forbidden,
    /// There is no way back: no route to the sender, or none from the address that was asked, which
    /// is a subnet's broadcast address, an anycast address, or gone.
    Unreachable,
}

impl Dropped {
    /// All reasons, in the order of their indices.
    pub const ALL: [Self; 6] = [
        Self::Unreceived,
        Self::Cut,
        Self::TooLong,
        Self::Full,
        Self::Forbidden,
        Self::Unreachable,
    ];

    /// The reason, as it follows a count: `2 too long to send`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreceived => "with the receive buffer full",
            Self::Cut => "cut on receipt",
            Self::TooLong => "too long to send",
            Self::Full => "with the send buffer full",
            Self::Forbidden => "not permitted",
            Self::Unreachable => "without a way back",
        }
    }
}

/// Counts of a server's datagrams: each that arrives makes one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Datagrams {
    /// The number of datagrams that were echoed.
    pub echoed: u64,
    /// The number of bytes in them.
    pub bytes: u64,
    /// The numbers of those that are never answered, in the order of [`Unanswered::ALL`].
    pub unanswered: [u64; Unanswered::ALL.len()],
    /// The numbers of those that were dropped, in the order of [`Dropped::ALL`].
    pub dropped: [u64; Dropped::ALL.len()],
}

impl Datagrams {
    /// How many counts there are.
    pub(super) const COUNTS: usize = 2 + Unanswered::ALL.len() + Dropped::ALL.len();

    /// All counts.
    pub(super) fn counts_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let Self { echoed, bytes, unanswered, dropped } = self;
        [echoed, bytes].into_iter().chain(unanswered).chain(dropped)
    }

    /// Counts some that were echoed.
    pub fn echo(&mut self, datagrams: u64, bytes: u64) {
        self.echoed += datagrams;
        self.bytes += bytes;
    }

    /// Counts one that is not answered.
    pub fn leave(&mut self, reason: Unanswered) {
        self.unanswered[reason as usize] += 1;
    }

    /// Counts some that were dropped.
    pub fn drop(&mut self, reason: Dropped, datagrams: u64) {
        self.dropped[reason as usize] += datagrams;
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        let mut other = *other;
        self.counts_mut().zip(other.counts_mut()).for_each(|(mine, theirs)| *mine += *theirs);
    }
}

/// One line of the report at the end.
impl fmt::Display for Datagrams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [datagrams, bytes] = [(self.echoed, "datagram"), (self.bytes, "byte")]
            .map(|(n, thing)| quantity::counted(n, thing));
        write!(f, "{datagrams}, {bytes} echoed")?;
        let unanswered = Unanswered::ALL.map(Unanswered::as_str).into_iter().zip(self.unanswered);
        list(f, "not answered", unanswered)?;
        list(f, "dropped", Dropped::ALL.map(Dropped::as_str).into_iter().zip(self.dropped))
    }
}

fn list<'a>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    counts: impl Iterator<Item = (&'a str, u64)>,
) -> fmt::Result {
    for (index, (reason, n)) in counts.filter(|(_, n)| *n > 0).enumerate() {
        match index {
            0 => write!(f, "; {what}: ")?,
            _ => f.write_str(", ")?,
        }
        write!(f, "{} {reason}", quantity::count(n))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_only_what_happened() {
        let mut datagrams = Datagrams::default();
        assert_eq!(datagrams.to_string(), "0 datagrams, 0 bytes echoed");
        datagrams.echo(1, 0);
        assert_eq!(datagrams.to_string(), "1 datagram, 0 bytes echoed");
        datagrams.echo(1, 1000);
        datagrams.leave(Unanswered::Own);
        datagrams.drop(Dropped::TooLong, 1);
        datagrams.drop(Dropped::Unreachable, 1);
        let mut all = datagrams;
        all.add(&datagrams);
        assert_eq!(
            all.to_string(),
            "4 datagrams, 2000 bytes echoed; not answered: 2 from its own port number; \
             dropped: 2 too long to send, 2 without a way back"
        );
    }

    #[test]
    fn every_reason_has_its_own_index() {
        for (index, reason) in Dropped::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
