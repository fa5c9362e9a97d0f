//! `echo-smoltcp` behind a Linux TAP interface, as an echo server or as the stack over
//! which the instruments of `echo-instruments` measure one: this crate opens the
//! interface, prepares the host's side of it, waits for frames and prints what happens. The binary
//! `tap-demo` is [`run`] and an exit code.

#![warn(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "they panic where nobody reads: `notes::note` tells, `writeln!` says what failed"
)]

mod addressing;
pub mod chance;
pub mod cli;
mod host_side;
pub mod link;
mod measure;
mod offload;
pub mod plan;
pub mod record;
mod rings;
mod run;
mod serve;
mod station;
pub mod tap;
pub mod wait;
pub mod wire;

pub use run::run;
