//! Messages of every length, however they are cut.

use core::time::Duration;

use echo_core::script::{Act, Body, Manner};

use crate::{Case, HELLO, KIB, LONG, MIB, MOMENT, Needs, SOON};

/// Messages around this length and around its double.
const fn around(n: u64) -> [Act<'static>; 8] {
    [
        at_once(n - 1),
        at_once(n),
        at_once(n + 1),
        at_once(2 * n - 1),
        at_once(2 * n),
        at_once(2 * n + 1),
        Act::Fin,
        Act::End,
    ]
}

const fn at_once(length: u64) -> Act<'static> {
    Act::Echo(Body::own(length), Manner::AtOnce)
}

/// Messages of 1 byte, of 2, and so on.
const GROWING: [Act<'static>; 66] = {
    let mut acts = [Act::Fin; 66];
    let mut length = 0;
    while length < 64 {
        length += 1;
        acts[length - 1] = at_once(length as u64);
    }
    acts[65] = Act::End;
    acts
};

pub(crate) const CASES: &[Case<'_>] = &[
    Case {
        name: "size-1",
        meaning: "messages of 1, 2 and 3 bytes",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[at_once(1), at_once(2), at_once(3), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "short messages wait for more, or for a whole word",
    },
    Case {
        name: "size-536",
        meaning: "around 536 bytes, and twice that",
        source: "RFC 9293 3.7.1",
        needs: Needs::Echo,
        rounds: &[&[&around(536)]],
        bound: SOON,
        usually: "a message that is exactly a smallest segment is cut or waits for the next",
    },
    Case {
        name: "size-1460",
        meaning: "around 1460 bytes, and twice that",
        source: "RFC 9293 3.7.1",
        needs: Needs::Echo,
        rounds: &[&[&around(1460)]],
        bound: SOON,
        usually: "a message is taken for one segment: the second is lost or sent out of turn",
    },
    Case {
        name: "size-2048",
        meaning: "around 2048 bytes, and twice that",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&around(2048)]],
        bound: SOON,
        usually: "a message that fills the buffer exactly is taken for none, or for the end",
    },
    Case {
        name: "size-4096",
        meaning: "around 4096 bytes, and twice that",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&around(4096)]],
        bound: SOON,
        usually: "a message larger than the buffer is cut, or written past its end",
    },
    Case {
        name: "size-65536",
        meaning: "around 65536 bytes, and twice that",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&around(65536)]],
        bound: SOON,
        usually: "a length is kept in 16 bits, or the rest of a short write is dropped",
    },
    Case {
        name: "growing",
        meaning: "messages of 1 to 64 bytes in turn",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&GROWING]],
        bound: SOON,
        usually: "a buffer wraps, or is aligned, at a length that is not looked after",
    },
    Case {
        name: "long-short",
        meaning: "a short message right after a long one",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            at_once(4000),
            at_once(1),
            at_once(4000),
            Act::Echo(HELLO, Manner::AtOnce),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the length of the message before is used: the rest of the buffer is old",
    },
    Case {
        name: "one-by-one",
        meaning: "a byte, its echo, the next byte",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(300), Manner::Steps(1, Duration::ZERO)),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the echo of a byte waits until more is there to be sent",
    },
    Case {
        name: "tiny-segments",
        meaning: "500 bytes, one a segment, at once",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(Body::own(500), Manner::Pieces(1)), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "each segment takes a buffer of a small pool, and what finds none is dropped",
    },
    Case {
        name: "odd-pieces",
        meaning: "20 000 bytes, written 37 at a time",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(Body::own(20_000), Manner::Pieces(37)), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "a read is taken for a whole message, or a ring buffer is cut at its end",
    },
    Case {
        name: "pipelined",
        meaning: "three messages before the first echo",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Say(HELLO),
            Act::Say(Body::own(100)),
            Act::Say(Body::own(7)),
            Act::Hear(HELLO),
            Act::Hear(Body::own(107)),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "a message that comes while another is answered overwrites or replaces it",
    },
    Case {
        name: "one-mib",
        meaning: "1 MiB while its echo is read",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[at_once(MIB), Act::Fin, Act::End]]],
        bound: LONG,
        usually: "what cannot be sent at once is dropped: the result of send is not looked at",
    },
    Case {
        name: "64-kib-unread",
        meaning: "64 KiB before the first read",
        source: "RFC 9293 3.8.6",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(Body::own(64 * KIB), Manner::Deaf(MOMENT)), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "what cannot be sent at once is dropped: the result of send is not looked at",
    },
    Case {
        name: "one-mib-unread",
        meaning: "1 MiB before the first read",
        source: "RFC 9293 3.8.6",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(MIB), Manner::Deaf(Duration::from_millis(300))),
            Act::Fin,
            Act::End,
        ]]],
        bound: LONG,
        usually: "the server goes on reading while it cannot send, and drops what it cannot keep",
    },
    Case {
        name: "16-mib-unread",
        meaning: "16 MiB, or what fits, before a read",
        source: "RFC 9293 3.8.6",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::own(16 * MIB), Manner::Deaf(Duration::from_millis(300))),
            Act::Fin,
            Act::End,
        ]]],
        bound: LONG,
        usually: "the server reads without end while it cannot send, or waits for both for ever",
    },
];
