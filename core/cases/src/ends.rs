//! The client half-closes, and still gets the rest of its echo, and then the server's FIN.

use core::time::Duration;

use echo_core::script::{Act, Body, Manner, Wish};

use crate::{Case, HELLO, KIB, LONG, MIB, Needs, SERVED, SOON};

const SEGMENT: Body<'static> = Body::own(1460);

pub(crate) const CASES: &[Case<'_>] = &[
    Case {
        name: "fin-alone",
        meaning: "a FIN and no data",
        source: "RFC 9293 3.6",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Fin, Act::End]], &[SERVED]],
        bound: SOON,
        usually: "the server waits for data only, and never closes its side",
    },
    Case {
        name: "fin-with-data",
        meaning: "5 bytes and the FIN in one segment",
        source: "RFC 9293 3.10.7.4",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Ask(Wish::Together),
            Act::Say(HELLO),
            Act::Fin,
            Act::Hear(HELLO),
            Act::End,
        ]]],
        bound: SOON,
        usually: "the FIN is handled before the data that came with it",
    },
    Case {
        name: "fin-with-segment",
        meaning: "a full segment that carries the FIN",
        source: "RFC 9293 3.10.7.4",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Ask(Wish::Together),
            Act::Say(SEGMENT),
            Act::Fin,
            Act::Hear(SEGMENT),
            Act::End,
        ]]],
        bound: SOON,
        usually: "the FIN is handled before the data that came with it",
    },
    Case {
        name: "fin-behind-data",
        meaning: "1000 bytes, and the FIN right after",
        source: "RFC 1122 4.2.2.13",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Say(Body::own(1000)), Act::Fin, Act::Hear(Body::own(1000)), Act::End]]],
        bound: SOON,
        usually: "a FIN is answered by closing, although the echo is not sent yet",
    },
    Case {
        name: "fin-behind-64-kib",
        meaning: "64 KiB, and the FIN right after",
        source: "RFC 1122 4.2.2.13",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Last(Body::own(64 * KIB), Manner::AtOnce), Act::End]]],
        bound: SOON,
        usually: "the end of the echo is still in a buffer when the FIN comes, and is discarded",
    },
    Case {
        name: "fin-behind-mib",
        meaning: "1 MiB, and the FIN right after",
        source: "RFC 1122 4.2.2.13",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Last(Body::own(MIB), Manner::AtOnce), Act::End]]],
        bound: LONG,
        usually: "the end of the echo is still in a buffer when the FIN comes, and is discarded",
    },
    Case {
        name: "fin-late-read",
        meaning: "64 KiB and FIN; read half a second later",
        source: "RFC 1122 4.2.2.13",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Last(Body::own(64 * KIB), Manner::Deaf(Duration::from_millis(500))),
            Act::End,
        ]]],
        bound: SOON,
        usually: "a half-closed connection is given up after a short time",
    },
    Case {
        name: "fin-slow-read",
        meaning: "128 KiB and FIN; read a little at a time",
        source: "RFC 1122 4.2.2.13",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Last(Body::own(128 * KIB), Manner::Sips(4 * KIB, Duration::from_millis(10))),
            Act::End,
        ]]],
        bound: SOON,
        usually: "close is called with data unsent, and the stack resets or drops it",
    },
    Case {
        name: "fin-after-echo",
        meaning: "the FIN when the echo is back",
        source: "RFC 9293 3.6",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(HELLO, Manner::AtOnce), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "the server does not notice the end of the stream",
    },
    Case {
        name: "fin-after-pause",
        meaning: "the FIN some time after the echo",
        source: "RFC 9293 3.6",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(HELLO, Manner::AtOnce),
            Act::Silence(Duration::from_millis(300)),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the server checks for the end only when data comes",
    },
    Case {
        name: "at-once",
        meaning: "the echo comes before the FIN does",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(1), Manner::AtOnce),
            Act::Echo(Body::own(99), Manner::AtOnce),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the server collects all of its input before it answers",
    },
    Case {
        name: "nothing-first",
        meaning: "no byte before the first is sent",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Silence(Duration::from_millis(200)),
            Act::Echo(HELLO, Manner::AtOnce),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "a greeting, or the rest of a buffer, is sent after accept",
    },
    Case {
        name: "nothing-more",
        meaning: "no byte that was not sent",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(1000), Manner::AtOnce),
            Act::Silence(Duration::from_millis(300)),
            Act::Echo(HELLO, Manner::AtOnce),
            Act::Silence(Duration::from_millis(100)),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "a terminator, or a line end, is added to each message",
    },
];
