//! The totals of a server.

use std::fmt;
use std::io;

use echo_core::{CloseReason, Planted};

use super::Datagrams;
use crate::quantity;
use crate::reason::reason;

/// How a connection ended.
#[derive(Debug)]
pub enum End {
    /// The session ended it.
    Closed(CloseReason),
    /// The network or the peer broke it.
    Broken(io::Error),
    /// The server stopped before the session was over.
    CutOff,
}

/// The number of [`CloseReason`]s, which are counted first.
const REASONS: usize = CloseReason::ALL.len();

impl End {
    /// The number of ways in which a session ends, as they are counted.
    pub const KINDS: usize = REASONS + 3;

    const BROKEN: usize = REASONS;
    const CUT_OFF: usize = REASONS + 1;
    const PROBE: usize = REASONS + 2;

    /// The index under which it is counted. Who leaves without having sent anything only looked whether
    /// somebody listens, as balancers do every few seconds: all that was sent is echoed if the peer
    /// could leave.
    pub(super) const fn kind(&self, echoed: u64) -> usize {
        match self {
            Self::Closed(CloseReason::Disconnected) if echoed == 0 => Self::PROBE,
            Self::Closed(reason) => *reason as usize,
            Self::Broken(_) => Self::BROKEN,
            Self::CutOff => Self::CUT_OFF,
        }
    }

    /// The word for what is counted under this index.
    fn word(kind: usize) -> String {
        match kind {
            Self::BROKEN => "broken".into(),
            Self::CUT_OFF => "cut off".into(),
            Self::PROBE => "probe".into(),
            reason => CloseReason::ALL[reason].to_string(),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(reason) => reason.fmt(f),
            Self::Broken(error) => write!(f, "disconnected ({})", reason(error)),
            Self::CutOff => f.write_str("cut off"),
        }
    }
}

/// Counts of a server, or of one of its workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of connections that began.
    pub opened: u64,
    /// The number of bytes that were echoed on them.
    pub bytes: u64,
    /// The numbers of those that ended, by [`End::kind`].
    pub(super) ended: [u64; End::KINDS],
    /// Faults that were planted in messages, if any were to be.
    pub planted: Option<Planted>,
    /// The datagrams, if any were to be echoed.
    pub datagrams: Option<Datagrams>,
}

impl Totals {
    /// The number of connections that ended.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.ended.iter().sum()
    }

    /// The number of connections that are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.connections())
    }

    /// The number of sessions that ended for this reason, without those that were
    /// [probes](Self::probes).
    #[must_use]
    pub const fn closed(&self, reason: CloseReason) -> u64 {
        self.ended[reason as usize]
    }

    /// The number of connections that broke.
    #[must_use]
    pub const fn broken(&self) -> u64 {
        self.ended[End::BROKEN]
    }

    /// The number of clients that left without having sent anything.
    #[must_use]
    pub const fn probes(&self) -> u64 {
        self.ended[End::PROBE]
    }

    /// The ways in which connections end, each with how many did.
    pub(super) fn ends(&self) -> impl Iterator<Item = (String, u64)> {
        self.ended.into_iter().enumerate().map(|(kind, n)| (End::word(kind), n))
    }

    /// Adds the totals of another worker.
    pub fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.bytes += other.bytes;
        for (mine, theirs) in self.ended.iter_mut().zip(other.ended) {
            *mine += theirs;
        }
        other.planted.iter().for_each(|planted| self.plant(planted));
        if let Some(datagrams) = &other.datagrams {
            self.datagrams.get_or_insert_default().add(datagrams);
        }
    }

    /// Counts faults that were planted.
    pub fn plant(&mut self, planted: &Planted) {
        self.planted.get_or_insert_default().add(planted);
    }
}

/// The sum of the totals of several workers.
impl FromIterator<Self> for Totals {
    fn from_iter<I: IntoIterator<Item = Self>>(totals: I) -> Self {
        let mut sum = Self::default();
        totals.into_iter().for_each(|totals| sum.add(&totals));
        sum
    }
}

/// The report at the end, on two lines; on one more for datagrams, and for faults that were to be planted.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- echo server statistics ---")?;
        let [connections, bytes] = [(self.connections(), "connection"), (self.bytes, "byte")]
            .map(|(n, thing)| quantity::counted(n, thing));
        write!(f, "{connections}, {bytes} echoed")?;
        for (index, (name, n)) in self.ends().filter(|(_, n)| *n > 0).enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{} {name}", quantity::count(n))?;
        }
        self.datagrams.map_or(Ok(()), |datagrams| write!(f, "\n{datagrams}"))?;
        self.planted.map_or(Ok(()), |planted| write!(f, "\nfaults planted: {planted}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Counters;
    use super::*;

    #[test]
    fn the_report_names_only_what_happened() {
        let counters = Counters::default();
        counters.echo(1024);
        counters.end(1000, &End::Closed(CloseReason::Exit));
        counters.end(24, &End::Broken(io::ErrorKind::ConnectionReset.into()));
        let mut all = counters.totals();
        all.add(&counters.totals());
        assert_eq!(
            all.to_string(),
            "--- echo server statistics ---\n\
             4 connections, 2048 bytes echoed: 2 exit, 2 broken"
        );
    }

    #[test]
    fn who_leaves_and_has_sent_nothing_was_a_probe() {
        let counters = Counters::default();
        let left = End::Closed(CloseReason::Disconnected);
        counters.end(0, &left);
        counters.end(0, &End::Closed(CloseReason::TimedOut));
        counters.end(1, &left);
        let totals = counters.totals();
        assert_eq!((totals.probes(), totals.closed(CloseReason::Disconnected)), (1, 1));
        assert!(totals.to_string().ends_with("1 disconnected, 1 timeout, 1 probe"), "{totals}");
    }

    #[test]
    fn datagrams_have_a_line_if_any_were_to_be_echoed() {
        let datagrams = Datagrams { echoed: 2, bytes: 3, ..Datagrams::default() };
        let some = Totals { datagrams: Some(datagrams), ..Totals::default() };
        let mut all = some;
        all.add(&Totals::default());
        all.add(&some);
        assert!(all.to_string().ends_with(" echoed\n4 datagrams, 6 bytes echoed"), "{all}");
    }

    #[test]
    fn faults_are_counted_if_any_were_to_be_planted() {
        let none = Totals { planted: Some(Planted::default()), ..Totals::default() };
        let mut all = Totals::default();
        all.add(&Totals::default());
        assert_eq!(all.planted, None);
        all.add(&none);
        assert!(all.to_string().ends_with(" echoed\nfaults planted: none"), "{all}");
    }

    #[test]
    fn every_reason_has_its_own_index() {
        for (index, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
