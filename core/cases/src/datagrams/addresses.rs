//! The echo comes from the address and the port that were asked, whichever of the server's they are.

use echo_core::script::Body;

use super::{Datagram, Place, SERVED, SOON, Step};
use crate::{Case, Needs};

const UNBOUND: &str = "it answers from a socket that is bound to all addresses, and the system \
                       chooses one of them (IP_PKTINFO tells which was asked)";

const FAMILY: &str = "the socket is of one family only, or bound to one address";

/// Asked once, and again for something longer.
macro_rules! at {
    ($place:expr) => {
        &[Step::At($place), SERVED, Step::Echo(&[Datagram::from(0, Body::own(1200))])]
    };
}

pub(super) const CASES: &[Case<'_, Step<'_>>] = &[
    Case {
        name: "ipv4",
        meaning: "asked over IPv4",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: at!(Place::V4),
        bound: SOON,
        usually: FAMILY,
    },
    Case {
        name: "ipv4-mapped",
        meaning: "asked over IPv4 from an IPv6 socket",
        source: "RFC 4291 2.5.5.2",
        needs: Needs::Echo,
        rounds: at!(Place::Mapped),
        bound: SOON,
        usually: FAMILY,
    },
    Case {
        name: "ipv6",
        meaning: "asked over IPv6",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: at!(Place::V6),
        bound: SOON,
        usually: FAMILY,
    },
    Case {
        name: "link-local",
        meaning: "asked at a link-local address",
        source: "RFC 4007 6",
        needs: Needs::Echo,
        rounds: at!(Place::LinkLocal),
        bound: SOON,
        usually: "the interface that it came from is not kept with the client's address",
    },
    Case {
        name: "other-address",
        meaning: "asked at another address of the server",
        source: "RFC 1122 4.1.3.5",
        needs: Needs::Echo,
        rounds: at!(Place::Other),
        bound: SOON,
        usually: UNBOUND,
    },
];
