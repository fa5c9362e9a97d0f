//! Whom not to answer: one forged source address is enough to set two services on each other.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// The hop limit with which an answer leaves, and by which it is known as one.
///
/// Hosts send with 64 at least, and hardly any are more than thirty hops apart: a question
/// arrives with more than this, and an answer with no more. A host that sends with 32 itself, as
/// some old and some very small stacks do, is not answered: the count of
/// [`Unanswered::Answer`] shows it.
pub const HOPS: u8 = 32;

/// The ports of services that answer whatever arrives: none (0), echo, discard, daytime, quote of
/// the day, character generator, time. Discard does not, but no client has its port either.
const SERVICES: [u16; 7] = [0, 7, 9, 13, 17, 19, 37];

/// A datagram that has arrived, as far as it matters to whether it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Who sent it.
    pub from: SocketAddr,
    /// The address that it was sent to, if the stack tells.
    pub to: Option<IpAddr>,
    /// The hop limit (of IPv4: the TTL) with which it arrived, if the stack tells.
    pub hops: Option<u8>,
}

/// Why a datagram is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unanswered {
    /// It comes from the port of another service that answers what it gets.
    Service,
    /// It comes from the port that the service itself has: from another of its kind.
    Own,
    /// It comes from an address that is not that of one host: a group, all, or none.
    Source,
    /// It was sent to a group or to all: one forged source would get the answers of many.
    Group,
    /// It has so few hops left that it must be an answer itself: see [`HOPS`].
    Answer,
}

impl Unanswered {
    /// All reasons, in the order of their indices.
    pub const ALL: [Self; 5] = [Self::Service, Self::Own, Self::Source, Self::Group, Self::Answer];

    /// The reason, as it follows a count: `2 from its own port number`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "from the port of a small service",
            Self::Own => "from its own port number",
            Self::Source => "from the address of no single host",
            Self::Group => "to a multicast or broadcast address",
            Self::Answer => "with few hops left, as answers have",
        }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Question {
    /// Why a service on the port `own` does not answer it; `None` if it does. Without `own` it
    /// answers others on its own port, too: on an unusual port those are likely to be services
    /// like itself.
    ///
    /// No two services that obey this answer each other, whoever forged the first datagram:
    /// [`Unanswered::Answer`] stops them wherever the stack tells the hop limit, and
    /// [`Unanswered::Own`] on one port wherever it does not. A service of another kind on another
    /// port can still be set on this one.
    #[must_use]
    pub fn unanswered(&self, own: Option<u16>) -> Option<Unanswered> {
        let (from, port) = (self.from.ip().to_canonical(), self.from.port());
        if SERVICES.contains(&port) {
            Some(Unanswered::Service)
        } else if own == Some(port) {
            Some(Unanswered::Own)
        } else if from.is_unspecified() || is_group(from) {
            Some(Unanswered::Source)
        } else if self.to.is_some_and(|to| is_group(to.to_canonical())) {
            Some(Unanswered::Group)
        } else if self.hops.is_some_and(|hops| hops <= HOPS) {
            Some(Unanswered::Answer)
        } else {
            None
        }
    }
}

fn is_group(address: IpAddr) -> bool {
    address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}
