//! What our own servers promise beyond RFC 862, some of it only with certain flags.

use core::time::Duration;

use echo_core::script::{Act, Body, Manner, Wish};

use crate::{Case, HELLO, LONG, Needs, SERVED, SOON};

const OWN: &str = "own rule";

/// A message, and another: the first is no part of the second.
macro_rules! apart {
    ($($message:literal)*) => {
        &[$(
            Act::Echo(Body::text($message), Manner::AtOnce),
            Act::Echo(Body::text(b"-"), Manner::AtOnce),
        )* Act::Fin, Act::End]
    };
}

/// However the segments happen to be cut.
const URGENT: [Act<'static>; 82] = {
    let mut acts = [Act::End; 82];
    let mut at = 0;
    while at < 80 {
        acts[at] = Act::Say(Body::text(b"before"));
        acts[at + 1] = Act::Ask(Wish::Urgent(b'!'));
        acts[at + 2] = Act::Say(Body::text(b"after"));
        acts[at + 3] = Act::Hear(Body::text(b"before!after"));
        at += 4;
    }
    acts[at] = Act::Fin;
    acts
};

pub(crate) const CASES: &[Case<'_>] = &[
    Case {
        name: "urgent-kept",
        meaning: "urgent bytes keep their places, 20 times",
        source: OWN,
        needs: Needs::Ours,
        rounds: &[&[&URGENT]],
        bound: SOON,
        usually: "SO_OOBINLINE is not set, or a read that ends at the mark is taken for the last",
    },
    Case {
        name: "exit",
        meaning: "the word alone ends the session",
        source: OWN,
        needs: Needs::Ours,
        rounds: &[
            &[&[Act::Echo(HELLO, Manner::AtOnce), Act::Say(Body::text(b"exit")), Act::End]],
            &[&[Act::Echo(HELLO, Manner::AtOnce), Act::Say(Body::text(b"exit\n")), Act::End]],
            &[&[Act::Say(Body::text(b"exit\r\n")), Act::End]],
        ],
        bound: SOON,
        usually: "the server was started with --rfc862, or is not one of ours",
    },
    Case {
        name: "exit-in-company",
        meaning: "the word among others is data",
        source: OWN,
        needs: Needs::Ours,
        rounds: &[&[apart!(b"exits" b" exit" b"a\nexit\nb" b"exit\n\n" b"EXIT" b"e" b"ex" b"exi")]],
        bound: SOON,
        usually: "the word is searched for inside messages",
    },
    Case {
        name: "exit-lines",
        meaning: "a file with the word 20 000 times",
        source: OWN,
        needs: Needs::Ours,
        rounds: &[&[&[Act::Last(Body::times(b"exit\n", 20_000), Manner::AtOnce), Act::End]]],
        bound: LONG,
        usually: "a read is taken for a message, and one happened to return the word alone",
    },
    Case {
        name: "exit-tail",
        meaning: "a file that ends with the word",
        source: OWN,
        needs: Needs::Ours,
        rounds: &[&[&[
            Act::Echo(Body::own(1024), Manner::AtOnce),
            Act::Ask(Wish::Together),
            Act::Say(Body::text(b"exit")),
            Act::Fin,
            Act::Hear(Body::text(b"exit")),
            Act::End,
        ]]],
        bound: SOON,
        usually: "the end of the stream is taken for the silence after the word",
    },
    Case {
        name: "exit-file",
        meaning: "a file that is the word",
        source: OWN,
        needs: Needs::Ours,
        rounds: &[&[&[
            Act::Ask(Wish::Together),
            Act::Say(Body::text(b"exit\n")),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the word is data because the stream ended",
    },
    Case {
        name: "exit-is-data",
        meaning: "with --rfc862 the word comes back",
        source: "RFC 862",
        needs: Needs::Rfc862,
        rounds: &[&[&[
            Act::Echo(Body::text(b"exit"), Manner::AtOnce),
            Act::Silence(Duration::from_millis(300)),
            Act::Echo(Body::text(b"exit\n"), Manner::AtOnce),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the word is recognised although the flag is set",
    },
    Case {
        name: "one-shot",
        meaning: "one message is answered, then it ends",
        source: OWN,
        needs: Needs::OneShot,
        rounds: &[
            &[&[Act::Echo(HELLO, Manner::AtOnce), Act::End]],
            &[&[Act::Echo(Body::own(20_000), Manner::AtOnce), Act::End]],
        ],
        bound: SOON,
        usually: "a part of a message is taken for all of it",
    },
    Case {
        name: "idle-limit",
        meaning: "an idle connection is ended in time",
        source: OWN,
        needs: Needs::Idle,
        rounds: &[&[
            &[Act::Silence(Duration::from_millis(200)), Act::End],
            &[Act::Echo(HELLO, Manner::AtOnce), Act::Silence(Duration::from_millis(200)), Act::End],
        ]],
        bound: SOON,
        usually: "the time-out counts from the accept, or not at all",
    },
    Case {
        name: "idle-progress",
        meaning: "a connection with traffic is not idle",
        source: OWN,
        needs: Needs::Idle,
        rounds: &[
            &[&[Act::Echo(Body::own(6), Manner::Steps(1, Duration::from_millis(100))), Act::End]],
            &[SERVED],
        ],
        bound: SOON,
        usually: "the time-out does not start again with each byte",
    },
];
