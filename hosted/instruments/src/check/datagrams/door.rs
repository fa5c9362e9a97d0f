//! What the cases of UDP need of a stack.

use std::io;
use std::net::SocketAddr;

use echo_core::{Failure, Instant};

/// UDP sockets that are bound and not connected, and the clock: each can send to any address, and
/// hears whoever sends to it. Whoever uses them numbers them, from 0.
pub trait Unconnected {
    /// The time, on the clock of all deadlines.
    fn now(&self) -> Instant;

    /// Opens a socket that can send to `peer`: at this local port, or at any that is free.
    ///
    /// # Errors
    ///
    /// Why it cannot: `permission denied`.
    fn open(&mut self, socket: usize, peer: SocketAddr, port: Option<u16>) -> Result<(), String>;

    /// Sends a datagram, whole or not at all, and does not wait.
    ///
    /// # Errors
    ///
    /// Why it was not sent.
    fn send(&mut self, socket: usize, to: SocketAddr, datagram: &[u8]) -> Result<(), Unsent>;

    /// The length of what has arrived next, if anything has, and who sent it; the buffer is long enough for
    /// every datagram.
    ///
    /// # Errors
    ///
    /// If the network reports that nobody listens there, or that there is no way; once for each report.
    fn receive(
        &mut self,
        socket: usize,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, SocketAddr)>, Failure>;

    /// Closes a socket. What was sent is on its way; what comes for it finds nobody.
    fn close(&mut self, socket: usize);

    /// Waits until something has arrived at an open socket, until this instant at the latest.
    ///
    /// # Errors
    ///
    /// If there is no way to wait.
    fn wait(&mut self, until: Instant) -> io::Result<()>;
}

/// Why a datagram was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsent {
    /// No such datagram can be sent, now or later: it is too long for this stack, say. The reason.
    Never(String),
    /// There is no room for it at the moment.
    Full,
    /// There is no way for it.
    Failed(Failure),
}
