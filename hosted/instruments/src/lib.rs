//! Measures and verifies an RFC 862 echo over any TCP/IP stack.
//!
//! This crate decides what is measured, how it is judged, and what people and programs read of
//! it; the caller supplies the [`Stack`](stack::Stack) to measure over. Data flow one way:
//! flags ([`args`]), [`plan`], [`load`], [`measurement`], then [`report`] and [`figure`].
//! [`check`] goes its own: a list of cases, and a verdict on each.
//!
//! `hosted` measures over the operating system's sockets, `tap-demo` over smoltcp; what both
//! programs need beside that (quantities, the terminal, files, signals, the exit code) is
//! here once, too.

#![warn(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "they panic where nobody reads: `notes::note` tells, `writeln!` says what failed"
)]

pub mod args;
pub mod beside;
pub mod bound;
pub mod check;
pub mod clock;
pub mod command_line;
pub mod compare;
pub mod datagrams;
pub mod descriptors;
pub mod exports;
pub mod figure;
pub mod files;
pub mod icmp;
pub mod load;
#[cfg(test)]
mod made_up;
pub mod measurement;
pub mod merge;
pub mod plan;
pub mod ports;
pub mod quantity;
mod random;
pub mod reason;
pub mod report;
pub mod search;
pub mod seed;
pub mod service;
pub mod signals;
pub mod stack;
pub mod start;
pub mod stopwatch;
pub mod target;
pub mod terminal;
pub mod timer;
pub mod trial;
pub mod usage;
pub mod verdict;
