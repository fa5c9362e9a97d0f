//! Many clients: at once, one after another, and each beside one that could block it.

use core::time::Duration;

use echo_core::script::{Act, Body, Manner, Wish};

use crate::{Case, KIB, LONG, MIB, Needs, Round, SERVED, SOON};

/// Three messages with pauses between them, so that all connections are busy at the same time.
const PAUSING: &[Act<'_>] =
    &[Act::Echo(Body::own(300), Manner::Steps(100, Duration::from_millis(50))), Act::Fin, Act::End];

/// Many small messages, each of which contains the number of its connection.
const CHATTING: &[Act<'_>] =
    &[Act::Echo(Body::own(4000), Manner::Steps(40, Duration::from_millis(1))), Act::Fin, Act::End];

const ONE_BY_ONE: [Round<'static>; 100] = [&[SERVED]; 100];

pub(crate) const CASES: &[Case<'_>] = &[
    Case {
        name: "two-at-once",
        meaning: "two connections side by side",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[PAUSING; 2]],
        bound: SOON,
        usually: "all clients share one socket, or one buffer",
    },
    Case {
        name: "eight-at-once",
        meaning: "eight connections side by side",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[PAUSING; 8]],
        bound: SOON,
        usually: "a pool of sockets or control blocks is smaller than that",
    },
    Case {
        name: "many-at-once",
        meaning: "24 connections side by side",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[PAUSING; 24]],
        bound: SOON,
        usually: "a pool of sockets or control blocks is smaller than that",
    },
    Case {
        name: "no-mixing",
        meaning: "each connection gets its own bytes",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[CHATTING; 6]],
        bound: SOON,
        usually: "connections share a buffer, or an answer goes to the one that came last",
    },
    Case {
        name: "hundred-in-turn",
        meaning: "100 connections one after another",
        source: "RFC 9293 3.6",
        needs: Needs::Echo,
        rounds: &ONE_BY_ONE,
        bound: LONG,
        usually: "sockets or control blocks are not released, or stay in TIME-WAIT",
    },
    Case {
        name: "idle-beside",
        meaning: "an idle client blocks no other",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Silence(Duration::from_millis(400)), Act::Fin, Act::End], PAUSING]],
        bound: SOON,
        usually: "the server waits in a read for one client at a time",
    },
    Case {
        name: "unread-beside",
        meaning: "one that does not read blocks no other",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[
            &[Act::Last(Body::own(8 * MIB), Manner::Deaf(Duration::from_millis(400))), Act::End],
            PAUSING,
        ]],
        bound: LONG,
        usually: "the server waits in a write for one client, and keeps all others waiting",
    },
    Case {
        name: "reset-beside",
        meaning: "one that resets blocks no other",
        source: "RFC 9293 3.10.7",
        needs: Needs::Echo,
        rounds: &[&[
            PAUSING,
            &[Act::Ask(Wish::Reset)],
            &[Act::Say(Body::own(4 * KIB)), Act::Ask(Wish::Reset)],
        ]],
        bound: SOON,
        usually: "an error of one connection ends the loop of all",
    },
];
