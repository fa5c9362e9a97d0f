//! `hosted client` as its users run it, against small servers of our own.
//!
//! Every wait is bounded: the servers, and the client's input and output, by the
//! time-out of their sockets, the client itself by [`support::PATIENCE`].

mod datagrams;
mod editing;
mod message;
mod parting;
mod pipe;
#[path = "../commands/pty.rs"]
mod pty;
mod stream;
mod support;
mod terminal;
mod trouble;
