//! The echo service and its instruments on the operating system's TCP and UDP.
//!
//! `echo-core` decides; this crate moves bytes, reads the clock, waits, and
//! reports results. The instruments are those of `echo-instruments`.
//! The binary `hosted` is [`run`] and an exit code.

#![warn(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "they panic where nobody reads: `notes::note` tells, `writeln!` says what failed"
)]

mod activation;
pub mod address;
pub mod cli;
mod client;
mod commands;
pub mod datagrams;
mod delivery;
mod drops;
mod patience;
pub mod pump;
pub mod server;
pub mod sockets;
mod tcp_info;

pub use crate::commands::run;
