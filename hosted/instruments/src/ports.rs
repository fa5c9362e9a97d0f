//! The local ports of this machine. Each connection that it opens takes one, and the side that
//! closes first keeps it for another minute (TIME-WAIT): a connection per message soon needs more
//! than there are, and each connect searches longer for a free one.

use std::fmt;
use std::fs;

use crate::quantity;

/// The number of local ports, and of connections in TIME-WAIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The number of ports that the system hands out, for each of its addresses and each peer.
    pub all: u64,
    /// The number of connections in TIME-WAIT, to any peer.
    pub resting: u64,
}

impl Ports {
    /// The numbers as the system reports them: Linux does.
    #[must_use]
    pub fn read() -> Option<Self> {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
        let sockets = fs::read_to_string("/proc/net/sockstat").ok()?;
        Self::parse(&range, &sockets)
    }

    fn parse(range: &str, sockets: &str) -> Option<Self> {
        let mut ends = range.split_whitespace().map(str::parse::<u64>);
        let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
        let tcp = sockets.lines().find_map(|line| line.strip_prefix("TCP:"))?;
        let resting = tcp.split_whitespace().skip_while(|word| *word != "tw").nth(1)?;
        Some(Self { all: (last + 1).checked_sub(first)?, resting: resting.parse().ok()? })
    }

    /// Whether so many are taken that the search for a free one becomes slow, for a run that
    /// has this many local `addresses` and `opened` this many connections.
    #[must_use]
    pub const fn are_scarce(&self, addresses: u64, opened: u64) -> bool {
        let half = self.all * addresses / 2;
        self.resting >= half && opened >= half
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, resting } = self;
        let (all, resting) =
            (quantity::counted(*all, "local port"), quantity::counted(*resting, "connection"));
        write!(f, "{all}, {resting} in TIME-WAIT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKETS: &str =
        "sockets: used 71\nTCP: inuse 5 orphan 0 tw 15 alloc 6 mem 1\nUDP: inuse 0\n";

    #[test]
    fn the_words_of_linux_are_understood() {
        let ports = Ports::parse("40000\t40099\n", SOCKETS).expect("both numbers");
        assert_eq!(ports, Ports { all: 100, resting: 15 });
        assert_eq!(ports.to_string(), "100 local ports, 15 connections in TIME-WAIT");
        for (range, sockets) in [("", SOCKETS), ("9 1", SOCKETS), ("1 9", "TCP: inuse 5")] {
            assert_eq!(Ports::parse(range, sockets), None);
        }
    }

    #[test]
    fn ports_are_scarce_for_an_address_each() {
        let ports = Ports { all: 100, resting: 60 };
        assert!(ports.are_scarce(1, 50) && !ports.are_scarce(2, 100));
        assert!(!ports.are_scarce(1, 49), "they are somebody else's");
    }
}
