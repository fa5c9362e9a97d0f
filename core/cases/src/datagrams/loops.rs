//! Whom not to answer: two echo services that answer each other never stop. RFC 862 does not say
//! so; a forged source address is all that it takes.

use echo_core::script::Body;

use super::{Datagram, Port, SERVED, SOON, Step};
use crate::{Case, Needs};

const SOURCE: &str = "CERT CA-1996-01";

const NO_CHECK: &str = "whoever asks is answered: two such services can be made to answer each \
                        other for ever";

/// From ports with these numbers nothing comes back, to any other client it does.
macro_rules! unanswered {
    ($($port:expr)*) => {
        &[
            SERVED,
            $(Step::Unanswered(Datagram { from: $port, body: Body::own(100) }),)*
            SERVED,
            $(Step::Unanswered(Datagram { from: $port, body: Body::own(32) }),)*
            SERVED,
        ]
    };
}

pub(super) const CASES: &[Case<'_, Step<'_>>] = &[
    Case {
        name: "echo-port",
        meaning: "port 7, an echo service's, is not answered",
        source: SOURCE,
        needs: Needs::Ours,
        rounds: unanswered!(Port::Number(7)),
        bound: SOON,
        usually: NO_CHECK,
    },
    Case {
        name: "small-ports",
        meaning: "nor are other small services'",
        source: SOURCE,
        needs: Needs::Ours,
        rounds: unanswered!(
            Port::Number(9) Port::Number(13) Port::Number(17) Port::Number(19) Port::Number(37)
        ),
        bound: SOON,
        usually: NO_CHECK,
    },
    Case {
        name: "own-port",
        meaning: "nor is the port that it has itself",
        source: SOURCE,
        needs: Needs::Ours,
        rounds: unanswered!(Port::Servers),
        bound: SOON,
        usually: NO_CHECK,
    },
];
