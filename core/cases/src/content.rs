//! Every byte comes back, whatever its value.

use core::time::Duration;

use echo_core::script::{Act, Body, Manner};

use crate::{Case, Needs, SOON};

/// Each byte value once.
pub(crate) const ALL: &[u8; 256] = &{
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = byte as u8;
        byte += 1;
    }
    all
};

const BYTES: Body<'static> = Body::text(ALL);

/// Sequences that are not UTF-8: truncated, overlong, half a surrogate pair, stray bytes.
pub(crate) const BROKEN: &[u8] =
    b"\xc3(\xa0\xa1\xe2(\xa1\xf0(\x8c\xbc\xed\xa0\x80\xc0\x80\xff\xfe\x80";

/// Characters of two, three and four bytes.
const WIDE: &[u8] = "Grüße ☕ 你好 🙂".as_bytes();

/// Bytes that a terminal, a text mode or a shell would interpret.
pub(crate) const CONTROLS: &[u8] = b"a\nb\r\nc\rd\n\re\x03\x04\x08\x11\x13\x1a\x1b[A\x7f\x00";

pub(crate) const CASES: &[Case<'_>] = &[
    Case {
        name: "all-bytes",
        meaning: "all 256 values in one message, 3 times",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(BYTES, Manner::AtOnce),
            Act::Echo(BYTES, Manner::AtOnce),
            Act::Echo(BYTES, Manner::AtOnce),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "bytes pass through a text or string type",
    },
    Case {
        name: "each-byte",
        meaning: "each value as a message by itself",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(BYTES, Manner::Steps(1, Duration::ZERO)), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "a byte is taken for a command, a terminator or an error code",
    },
    Case {
        name: "zeros",
        meaning: "4096 bytes of value 0",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(Body::times(b"\0", 4096), Manner::AtOnce), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "a C string function (strlen, printf) measures the data",
    },
    Case {
        name: "ones",
        meaning: "4096 bytes of value 255",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(Body::times(b"\xff", 4096), Manner::AtOnce), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "255 is taken for EOF (a signed char) or for the IAC of telnet",
    },
    Case {
        name: "broken-utf8",
        meaning: "bytes that are not UTF-8",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(Body::text(BROKEN), Manner::AtOnce), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "received bytes are decoded as text before they are sent",
    },
    Case {
        name: "cut-utf8",
        meaning: "wide characters, a byte at a time",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::text(WIDE), Manner::Steps(1, Duration::ZERO)),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "a decoder keeps half a character until the rest comes",
    },
    Case {
        name: "controls",
        meaning: "line ends and control characters",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[Act::Echo(Body::text(CONTROLS), Manner::AtOnce), Act::Fin, Act::End]]],
        bound: SOON,
        usually: "a text mode or a terminal between the socket and the echo translates them",
    },
    Case {
        name: "no-line-end",
        meaning: "a message without a line end",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[&[&[
            Act::Echo(Body::text(b"no line ends here"), Manner::AtOnce),
            Act::Fin,
            Act::End,
        ]]],
        bound: SOON,
        usually: "the server reads lines, or its output waits for a line end",
    },
];
