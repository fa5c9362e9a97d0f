//! Every byte comes back, whatever its value, and no message is a command.

use echo_core::script::Body;

use super::{Datagram, SOON, Step};
use crate::content::{ALL, BROKEN, CONTROLS};
use crate::{Case, Needs};

/// Each byte value as a datagram by itself.
static EACH: [[Datagram<'static>; 1]; 256] = {
    let mut each = [[Datagram::from(0, Body::text(&[]))]; 256];
    let mut byte = 0;
    while byte < each.len() {
        let (_, rest) = ALL.split_at(byte);
        each[byte] = [Datagram::from(0, Body::text(rest.split_at(1).0))];
        byte += 1;
    }
    each
};

static ONE_BY_ONE: [Step<'static>; 256] = {
    let mut steps = [Step::Echo(&[]); 256];
    let mut byte = 0;
    while byte < steps.len() {
        steps[byte] = Step::Echo(&EACH[byte]);
        byte += 1;
    }
    steps
};

/// These bytes as one datagram.
macro_rules! whole {
    ($body:expr) => {
        &[Step::Echo(&[Datagram::from(0, $body)])]
    };
}

pub(super) const CASES: &[Case<'_, Step<'_>>] = &[
    Case {
        name: "all-bytes",
        meaning: "all 256 values in one datagram",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: whole!(Body::text(ALL)),
        bound: SOON,
        usually: "bytes pass through a text or string type",
    },
    Case {
        name: "each-byte",
        meaning: "each value as a datagram by itself",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &ONE_BY_ONE,
        bound: SOON,
        usually: "a byte is taken for a command, a terminator or an error code",
    },
    Case {
        name: "zeros",
        meaning: "1000 bytes of value 0",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: whole!(Body::times(b"\0", 1000)),
        bound: SOON,
        usually: "a C string function (strlen, printf) measures the data",
    },
    Case {
        name: "broken-utf8",
        meaning: "bytes that are not UTF-8",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: whole!(Body::text(BROKEN)),
        bound: SOON,
        usually: "received bytes are decoded as text before they are sent",
    },
    Case {
        name: "controls",
        meaning: "line ends and control characters",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: whole!(Body::text(CONTROLS)),
        bound: SOON,
        usually: "a text mode or a terminal between the socket and the echo translates them",
    },
    Case {
        name: "no-command",
        meaning: "words that could be commands",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[
            Step::Echo(&[Datagram::from(0, Body::text(b"exit"))]),
            Step::Echo(&[Datagram::from(0, Body::text(b"exit\n"))]),
            Step::Echo(&[Datagram::from(0, Body::text(b"quit\r\n"))]),
            Step::Echo(&[Datagram::from(0, Body::text(b"after"))]),
        ],
        bound: SOON,
        usually: "a word that ends a session over TCP ends something over UDP, too",
    },
];
