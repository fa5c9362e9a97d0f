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
    /// The number of connections that ended.
    pub connections: u64,
    /// The number of bytes that were echoed on them.
    pub bytes: u64,
    /// The numbers of sessions that ended by themselves, in the order of [`CloseReason::ALL`].
    pub closed: [u64; CloseReason::ALL.len()],
    /// The number of connections that broke.
    pub broken: u64,
    /// The number of sessions that were not over when the server stopped.
    pub cut_off: u64,
    /// Faults that were planted in messages, if any were to be.
    pub planted: Option<Planted>,
    /// The datagrams, if any were to be echoed.
    pub datagrams: Option<Datagrams>,
}

impl Totals {
    /// Counts one connection.
    pub fn record(&mut self, bytes: u64, end: &End) {
        self.connections += 1;
        self.bytes += bytes;
        match end {
            End::Closed(reason) => self.closed[*reason as usize] += 1,
            End::Broken(_) => self.broken += 1,
            End::CutOff => self.cut_off += 1,
        }
    }

    /// Adds the totals of another worker.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.bytes += other.bytes;
        self.broken += other.broken;
        self.cut_off += other.cut_off;
        for (mine, theirs) in self.closed.iter_mut().zip(other.closed) {
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

/// The report at the end, on two lines; on one more for datagrams, and for faults that were to be planted.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- echo server statistics ---")?;
        let [connections, bytes] = [(self.connections, "connection"), (self.bytes, "byte")]
            .map(|(n, thing)| quantity::counted(n, thing));
        write!(f, "{connections}, {bytes} echoed")?;
        let closed = CloseReason::ALL.map(|reason| reason.to_string()).into_iter().zip(self.closed);
        let others = [("broken".to_owned(), self.broken), ("cut off".to_owned(), self.cut_off)];
        for (index, (name, n)) in closed.chain(others).filter(|(_, n)| *n > 0).enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{} {name}", quantity::count(n))?;
        }
        self.datagrams.map_or(Ok(()), |datagrams| write!(f, "\n{datagrams}"))?;
        self.planted.map_or(Ok(()), |planted| write!(f, "\nfaults planted: {planted}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_only_what_happened() {
        let mut totals = Totals::default();
        totals.record(1000, &End::Closed(CloseReason::Exit));
        totals.record(24, &End::Broken(io::ErrorKind::ConnectionReset.into()));
        let mut all = totals;
        all.add(&totals);
        assert_eq!(
            all.to_string(),
            "--- echo server statistics ---\n\
             4 connections, 2048 bytes echoed: 2 exit, 2 broken"
        );
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
