//! What every echo service over UDP must do: [`Case`]s whose rounds are [`Step`]s.
//!
//! A network may lose datagrams, double them and change their order. So whoever carries out a
//! case sends what was not answered again, a few times, and does not hold a lost or a doubled
//! datagram against the service unless that is the rule; what comes back cut, changed, to another
//! client or from another address is the service's own doing at once.

mod addresses;
mod company;
mod content;
mod loops;
mod sizes;

use core::time::Duration;

use echo_core::script::Body;

use crate::Case;

/// One step of a case. The next one begins when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// From now on the server is asked at this address of it.
    At(Place),
    /// These are sent right after one another. Each comes back whole and unchanged, once, to the port
    /// that it came from, from the address that it was sent to.
    Echo(&'a [Datagram<'a>]),
    /// This is sent so many times, right after one another; what becomes of it does not matter.
    Flood(Datagram<'a>, u32),
    /// So many clients send this, each from a port of its own, and close it at once: the echo finds
    /// nobody there.
    Vanish(Body<'a>, u32),
    /// This is sent, and never comes back.
    Unanswered(Datagram<'a>),
}

/// A datagram of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The local port that it is sent from.
    pub from: Port,
    /// What it contains; each that has a payload of its own is different.
    pub body: Body<'a>,
}

/// A local port of a case; it stays open until the case is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Any that is free: that of the client with this number.
    Free(u8),
    /// The one with this number.
    Number(u16),
    /// The one that has the number of the server's.
    Servers,
}

/// An address of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Another one of the same family as the one that is checked.
    Other,
    /// One of IPv4.
    V4,
    /// One of IPv6 that is not link-local.
    V6,
    /// One of IPv4, asked from a socket of IPv6.
    Mapped,
    /// A link-local one of IPv6.
    LinkLocal,
}

impl<'a> Datagram<'a> {
    const fn from(client: u8, body: Body<'a>) -> Self {
        Self { from: Port::Free(client), body }
    }
}

/// All cases, in the order in which they are best run: what may end a bad service comes late.
pub fn cases() -> impl Iterator<Item = &'static Case<'static, Step<'static>>> {
    let files = [content::CASES, sizes::CASES, addresses::CASES, company::CASES, loops::CASES];
    files.into_iter().flatten()
}

/// The largest datagram that IPv4 can carry.
pub const LONGEST: u64 = 65_507;

/// The time limit of a case that takes no time by itself.
const SOON: Duration = Duration::from_secs(30);

/// A client that gets its echo, whatever happened to another before.
const SERVED: Step<'static> = Step::Echo(&[Datagram::from(0, Body::own(100))]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_a_line_and_says_what_to_look_for() {
        crate::tests::is_told(cases());
    }

    /// A server that answers nothing must not pass.
    #[test]
    fn every_case_waits_for_an_echo() {
        for case in cases() {
            assert!(
                case.rounds.iter().any(|step| matches!(step, Step::Echo([_, ..]))),
                "{}",
                case.name
            );
        }
    }

    #[test]
    fn no_datagram_is_longer_than_ipv4_allows() {
        for step in cases().flat_map(|case| case.rounds) {
            let lengths = match step {
                Step::Echo(datagrams) => *datagrams,
                Step::Flood(datagram, _) | Step::Unanswered(datagram) => {
                    core::slice::from_ref(datagram)
                }
                Step::At(_) | Step::Vanish(..) => &[],
            };
            assert!(lengths.iter().all(|it| it.body.length <= LONGEST), "{step:?}");
        }
    }
}
