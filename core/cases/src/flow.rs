//! Senders and readers at their own pace, pauses, and urgent data.

use core::time::Duration;

use echo_core::script::{Act, Body, Manner, Wish};

use crate::{Case, HELLO, KIB, LONG, MIB, Needs, SOON};

pub(crate) const CASES: &[Case<'_>] = &[
    Case {
        name: "both-ways",
        meaning: "both directions at once for 2 seconds",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Last(Body::own(u64::MAX), Manner::For(Duration::from_secs(2))),
            Act::End,
        ]]],
        bound: LONG,
        usually: "a full buffer is not handled: bytes are lost when two counters meet",
    },
    Case {
        name: "slow-reader",
        meaning: "256 KiB, read 8 KiB every 10 ms",
        source: "RFC 9293 3.8.6",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(256 * KIB), Manner::Sips(8 * KIB, Duration::from_millis(10))),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the server does not go on when the peer's window opens again",
    },
    Case {
        name: "zero-window",
        meaning: "4 MiB; nothing is read for a second",
        source: "RFC 9293 3.8.6.1",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(4 * MIB), Manner::Deaf(Duration::from_millis(1000))),
            Act::Fin,
            Act::End,
        ]]],
        bound: LONG,
        usually: "a closed window is not probed, or is taken for a broken connection",
    },
    Case {
        name: "slow-writer",
        meaning: "10 bytes every 40 ms",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(150), Manner::Steps(10, Duration::from_millis(40))),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "a message is given up, or taken for whole, after a short pause",
    },
    Case {
        name: "bursts",
        meaning: "10 000 bytes every 30 ms",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(100_000), Manner::Steps(10_000, Duration::from_millis(30))),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the end of a burst stays in a buffer until the next one comes",
    },
    Case {
        name: "late-start",
        meaning: "the first byte after 500 ms",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Silence(Duration::from_millis(500)),
            Act::Echo(HELLO, Manner::AtOnce),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the server expects data at once after accept, or gives up",
    },
    Case {
        name: "idle-kept",
        meaning: "an idle connection serves after 2 s",
        source: "RFC 1122 4.2.3.6",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(100), Manner::AtOnce),
            Act::Silence(Duration::from_secs(2)),
            Act::Echo(Body::own(100), Manner::AtOnce),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "a receive time-out of the server ends connections that are merely quiet",
    },
    Case {
        name: "urgent",
        meaning: "an urgent byte among others",
        source: "RFC 9293 3.8.5",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Say(Body::text(b"before")),
            Act::Ask(Wish::Urgent(b'!')),
            Act::Say(Body::text(b"after")),
            Act::Hear(Body::text(b"before")),
            Act::Maybe(b'!'),
            Act::Hear(Body::text(b"after")),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the urgent pointer ends a read that the server takes for the end",
    },
    Case {
        name: "urgent-last",
        meaning: "an urgent byte before the FIN",
        source: "RFC 9293 3.8.5",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Say(Body::text(b"before")),
            Act::Ask(Wish::Urgent(b'!')),
            Act::Fin,
            Act::Hear(Body::text(b"before")),
            Act::Maybe(b'!'),
            Act::End,
        ]]],
        bound: SOON,
        usually: "the urgent pointer ends a read that the server takes for the end",
    },
];
