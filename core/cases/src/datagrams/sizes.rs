//! Datagrams of every length come back whole: around the MTU of Ethernet, the buffers of the
//! inetds, the most that IPv4 can carry, and none at all.

use echo_core::script::Body;

use super::{Datagram, LONGEST, SERVED, SOON, Step};
use crate::{Case, Needs};

const FRAGMENTS: &str = "RFC 791 3.2";

/// A datagram of this length.
macro_rules! size {
    ($name:literal, $length:expr, $meaning:literal, $source:expr, $usually:literal) => {
        Case {
            name: $name,
            meaning: $meaning,
            source: $source,
            needs: Needs::Echo,
            rounds: &[Step::Echo(&[Datagram::from(0, Body::own($length))])],
            bound: SOON,
            usually: $usually,
        }
    };
}

#[rustfmt::skip]
pub(super) const CASES: &[Case<'_, Step<'_>>] = &[
    size!("size-1", 1, "1 byte", "RFC 862",
          "a length is checked against a least one"),
    size!("size-1472", 1472, "1472 bytes: a full Ethernet frame", "RFC 862",
          "the buffer is smaller than a frame"),
    size!("size-1473", 1473, "1473 bytes: two fragments on Ethernet", FRAGMENTS,
          "the stack does not put fragments together, or cannot send any"),
    size!("size-2049", 2049, "2049 bytes", FRAGMENTS,
          "a buffer of 2048 bytes, as xinetd's: the rest is cut off"),
    size!("size-4097", 4097, "4097 bytes", FRAGMENTS,
          "a buffer of 4096 bytes: the rest is cut off"),
    size!("size-8193", 8193, "8193 bytes", FRAGMENTS,
          "a buffer of 8192 bytes: the rest is cut off"),
    size!("size-12289", 12_289, "12289 bytes", FRAGMENTS,
          "a buffer of 12 KiB, as BusyBox's: the rest is cut off"),
    size!("size-65507", LONGEST, "65507 bytes: the most of IPv4", FRAGMENTS,
          "a buffer that does not hold the longest datagram, or a limit of the stack"),
    Case {
        name: "long-short",
        meaning: "a short one after a long one",
        source: "RFC 862",
        needs: Needs::Echo,
        rounds: &[
            Step::Echo(&[Datagram::from(0, Body::own(1400))]),
            Step::Echo(&[Datagram::from(0, Body::own(10))]),
            Step::Echo(&[Datagram::from(0, Body::own(1000))]),
            Step::Echo(&[Datagram::from(1, Body::own(20))]),
        ],
        bound: SOON,
        usually: "what is left of the one before in the buffer is sent with it",
    },
    size!("size-0", 0, "no byte at all", "RFC 768",
          "a length of 0 is taken for the end or for an error"),
    Case {
        name: "empty-then-full",
        meaning: "after an empty one the next is served",
        source: "RFC 768",
        needs: Needs::Echo,
        rounds: &[
            SERVED,
            // Its echo is another matter: size-0.
            Step::Flood(Datagram::from(1, Body::own(0)), 4),
            SERVED,
            Step::Echo(&[Datagram::from(1, Body::own(100))]),
        ],
        bound: SOON,
        usually: "a length of 0 is taken for the end of the service",
    },
];
