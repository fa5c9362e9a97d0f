//! The firmware, on boards that QEMU emulates: over its user networking, which needs no rights,
//! and over a TAP in a namespace of the tests' own.
//!
//! Where QEMU, or the compiler for a board, is missing, a test prints one line and passes; with
//! `CI=true` it fails.

#![cfg(target_os = "linux")]

mod image;
#[expect(dead_code, reason = "where a stack cannot carry out some cases")]
#[path = "../check/list.rs"]
mod list;
mod machine;
#[path = "../namespace.rs"]
mod namespace;
#[expect(dead_code, reason = "packets that no honest stack sends")]
#[path = "../../tap-demo/tests/real_tap/raw.rs"]
mod raw;
#[expect(dead_code, reason = "servers of ours")]
#[path = "../check/sockets.rs"]
mod sockets;
mod tap;
mod tests;
