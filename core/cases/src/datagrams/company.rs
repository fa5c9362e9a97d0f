//! Many datagrams and many clients, some of which are gone before their echo comes.

use core::time::Duration;

use echo_core::script::Body;

use super::{Datagram, SERVED, SOON, Step};
use crate::{Case, Needs};

/// The same from each of these clients.
macro_rules! from {
    ($length:literal: $($client:literal)*) => {
        Step::Echo(&[$(Datagram::from($client, Body::own($length))),*])
    };
}

/// Small ones of the first client, which does not wait.
const FLOOD: Step<'static> = Step::Flood(Datagram::from(1, Body::own(16)), 250);

pub(super) const CASES: &[Case<'_, Step<'_>>] = &[
    Case {
        name: "once",
        meaning: "each comes back once, not twice",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[SERVED; 8],
        bound: SOON,
        usually: "it is sent again after an error that it did not cause, or by two threads",
    },
    Case {
        name: "in-a-row",
        meaning: "four right after one another",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[from!(100: 0 0 0 0), from!(300: 0 0 0 0)],
        bound: SOON,
        usually: "one datagram is read for each time the socket is reported readable",
    },
    Case {
        name: "two-at-once",
        meaning: "each of two clients gets its own",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[from!(100: 0 1), from!(300: 1 0), from!(100: 0 1 0 1)],
        bound: SOON,
        usually: "the answer goes to the client that came first, or last",
    },
    Case {
        name: "clients-in-turn",
        meaning: "twenty clients, one after another",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[
            from!(100: 0),
            from!(100: 1),
            from!(100: 2),
            from!(100: 3),
            from!(100: 4),
            from!(100: 5),
            from!(100: 6),
            from!(100: 7),
            from!(100: 8),
            from!(100: 9),
            from!(100: 10),
            from!(100: 11),
            from!(100: 12),
            from!(100: 13),
            from!(100: 14),
            from!(100: 15),
            from!(100: 16),
            from!(100: 17),
            from!(100: 18),
            from!(100: 19),
        ],
        bound: SOON,
        usually: "the socket is connected to the first client, or each one costs something for ever",
    },
    Case {
        name: "many-at-once",
        meaning: "twelve clients side by side",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[from!(200: 0 1 2 3 4 5 6 7 8 9 10 11), from!(200: 11 10 9 8 7 6 5 4 3 2 1 0)],
        bound: SOON,
        usually: "all datagrams share one buffer, and a later one overwrites an earlier",
    },
    Case {
        name: "flood-beside",
        meaning: "a flood of small ones, one client beside",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[FLOOD, SERVED, FLOOD, SERVED, FLOOD, SERVED, FLOOD, SERVED],
        bound: SOON,
        usually: "the server waits for room to send, or ends at an error of one client",
    },
    Case {
        name: "thousand-vanish",
        meaning: "1000 clients that are gone, then one",
        source: "RFC 1122 4.1.3.3",
        needs: Needs::Echo,
        rounds: &[SERVED, Step::Vanish(Body::own(100), 1000), SERVED, SERVED],
        bound: Duration::from_secs(60),
        usually: "an ICMP error that a client left behind (ECONNREFUSED) ends the loop of all",
    },
];
