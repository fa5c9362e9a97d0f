//! Clients that leave abruptly. Their own fate is not visible; the next client must be served.

use core::time::Duration;

use echo_core::script::{Act, Body, Manner, Wish};

use crate::{Case, HELLO, KIB, MOMENT, Needs, SERVED, SOON};

const RESET: Act<'_> = Act::Ask(Wish::Reset);

const LOOK: &[Act<'_>] = &[RESET];

pub(crate) const CASES: &[Case<'_>] = &[
    Case {
        name: "reset-at-once",
        meaning: "a reset right after the handshake",
        source: "RFC 9293 3.10.7",
        needs: Needs::Echo,
        rounds: &[&[LOOK], &[SERVED]],
        bound: SOON,
        usually: "accept fails for a connection that is gone, and the server ends",
    },
    Case {
        name: "load-balancer",
        meaning: "probes of a load balancer, three at once",
        source: "RFC 9293 3.10.7",
        needs: Needs::Echo,
        rounds: &[&[LOOK; 3], &[LOOK], &[LOOK], &[SERVED; 2]],
        bound: SOON,
        usually: "a connection that is reset before it is accepted keeps its place for ever",
    },
    Case {
        name: "close-at-once",
        meaning: "a client that leaves at once",
        source: "RFC 9293 3.6",
        needs: Needs::Echo,
        rounds: &[&[&[]], &[&[]], &[SERVED]],
        bound: SOON,
        usually: "the end of a connection without data is not noticed, and keeps its place",
    },
    Case {
        name: "reset-idle",
        meaning: "a reset of an idle connection",
        source: "RFC 9293 3.10.7",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(HELLO, Manner::AtOnce), Act::Silence(MOMENT), RESET]], &[SERVED]],
        bound: SOON,
        usually: "an error of read is taken for an end, or ends the server",
    },
    Case {
        name: "reset-midway",
        meaning: "a reset right after data",
        source: "RFC 9293 3.10.7",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Say(Body::own(8 * KIB)), RESET]], &[SERVED]],
        bound: SOON,
        usually: "a write to a connection that is gone ends the server (SIGPIPE)",
    },
    Case {
        name: "reset-unread",
        meaning: "a reset with the echo unread",
        source: "RFC 1122 4.2.2.13",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Say(Body::own(8 * KIB)), Act::Wait(MOMENT), RESET]], &[SERVED]],
        bound: SOON,
        usually: "what was to be sent stays in a buffer, and the next client gets it",
    },
    Case {
        name: "close-unread",
        meaning: "a client that leaves its echo unread",
        source: "RFC 1122 4.2.2.13",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Say(Body::own(8 * KIB)), Act::Wait(MOMENT)]], &[SERVED]],
        bound: SOON,
        usually: "what was to be sent stays in a buffer, and the next client gets it",
    },
    Case {
        name: "reset-half-closed",
        meaning: "a reset after the FIN",
        source: "RFC 9293 3.10.7",
        needs: Needs::Echo,
        rounds: &[
            &[&[Act::Say(Body::own(KIB)), Act::Fin, RESET]],
            &[&[
                Act::Echo(Body::own(KIB), Manner::Steps(KIB / 2, Duration::ZERO)),
                Act::Fin,
                Act::End,
            ]],
        ],
        bound: SOON,
        usually: "a half-closed connection that is reset keeps its place for ever",
    },
];
