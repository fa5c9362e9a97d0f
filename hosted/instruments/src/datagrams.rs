//! What an instrument needs of a UDP/IP stack: the sibling of [`Stack`](crate::stack::Stack) for datagrams.
//!
//! The load loop decides what is sent when, and what an arrival is; [`Datagrams`] sends, receives and waits. The
//! operating system's sockets are one, smoltcp behind a TAP interface is another, and a simulated network that
//! loses, doubles and delays as planned is what the loop itself is tested on.

use std::io;
use std::time::Duration;

use anyhow::{Error, anyhow};
use echo_core::Failure;

use crate::icmp::Icmp;
use crate::stack::Driver;

/// Datagrams to one echo server from local ports, which are numbered from 0 and as many as
/// [the plan says](crate::plan::Plan::links).
///
/// [`wait`](Driver::wait) tells a port as long as something is there: one from which less was received
/// than has arrived is told by the next wait again. What it tells wrongly costs one call that receives nothing.
pub trait Datagrams: Driver {
    /// Sends one datagram, whole or not at all; opens the port if it is not open. It waits for room no longer than a
    /// moment: what is due meanwhile is late.
    ///
    /// # Errors
    ///
    /// The reason why it was not sent.
    fn send(&mut self, port: usize, datagram: &[u8]) -> Result<(), Failure>;

    /// Receives one datagram that has arrived at a port, if there is one and the port is open. What does not fit into
    /// the buffer is lost.
    ///
    /// # Errors
    ///
    /// What the network says of one datagram that was sent from the port, whose beginning is in the buffer.
    fn receive(&mut self, port: usize, buffer: &mut [u8]) -> Result<Option<Received>, Report>;

    /// Closes the port. It may be opened again, and is another one to the network then, as a rule.
    fn close(&mut self, port: usize);

    /// Finds out, for a bounded time, what a stack has to know before the first datagram can leave: called before
    /// each run, so that it is no part of a round trip.
    ///
    /// # Errors
    ///
    /// If the stack has no way to wait.
    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The most bytes of a datagram: an IPv4 packet of 65 535 bytes without its headers.
pub const LONGEST: usize = 65_507;

/// How long an echo may take where nothing else is asked for: later than most networks deliver anything.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// The error where nobody answers: `told` is who was asked, and what became of it.
pub(crate) fn nobody(told: &str) -> Error {
    anyhow!(
        "no echo over UDP from {told} (is an echo server listening there? some echo UDP only if told to: `hosted \
         server --udp`)"
    )
}

/// A datagram that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its whole length in bytes, even where the buffer was shorter.
    pub length: usize,
    /// Whether it came from the very address and port that were sent to.
    pub from_peer: bool,
}

/// What the network says of a datagram that did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// What it is for the message.
    pub failure: Failure,
    /// The ICMP message, if the stack tells it.
    pub icmp: Option<Icmp>,
    /// The number of the datagram's first bytes that are quoted: none if there is no more room, or no more is known.
    pub quoted: usize,
}
