//! Bytes between a smoltcp TCP socket and any endpoint, and nothing else.
//!
//! The socket lends its ring buffers: the endpoint reads from the receive ring
//! and what it sends is written into the send ring, without a copy in between.

use core::fmt;

use echo_core::{Endpoint, Instant, Intercepted};
use smoltcp::socket::tcp::{RecvError, Socket, State};

/// The connection is gone before the endpoint was finished with it: the peer
/// reset it, or has been silent for longer than the stack allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset, or the peer stopped answering")
    }
}

impl core::error::Error for Broken {}

/// The pump of one connection, from its first byte on.
#[derive(Debug)]
pub struct Pump {
    /// The number of bytes that the socket still had to deliver at the last look.
    undelivered: usize,
    /// The last window that the peer has offered, in bytes, where that is known.
    pub(crate) offered: usize,
}

impl Default for Pump {
    fn default() -> Self {
        Self { undelivered: 0, offered: usize::MAX }
    }
}

impl Pump {
    /// Moves what can be moved now, lets `endpoint` look at the clock, and shuts
    /// the sending side once it has [finished](Endpoint::finished).
    ///
    /// Nothing moves before the handshake is over. A call moves no more than the socket's
    /// buffers hold. What was written leaves with the next egress of the interface.
    ///
    /// # Errors
    ///
    /// [`Broken`] if the connection is gone before the endpoint's end is known.
    pub fn run<E: Endpoint>(
        &mut self,
        socket: &mut Socket<'_>,
        endpoint: &mut E,
        now: Instant,
    ) -> Result<(), Broken> {
        if self.delivered(socket) {
            endpoint.handle_delivered(now);
        }
        move_bytes(socket, endpoint, now);
        let due = endpoint.deadline().is_some_and(|deadline| deadline <= now);
        endpoint.handle_timeout(now);
        write(socket, endpoint, now);
        if due {
            // What was kept back until now has made room.
            move_bytes(socket, endpoint, now);
        }
        if endpoint.finished() {
            self.shut(socket);
        }
        self.undelivered = socket.send_queue();
        if socket.state() == State::Closed && endpoint.end().is_none() {
            return Err(Broken);
        }
        Ok(())
    }

    /// Shuts the sending side. Where the peer has shut its own, the last segments wait for room at the
    /// peer first: in LAST-ACK smoltcp takes no window update, and would have to probe for it.
    pub(crate) fn shut(&self, socket: &mut Socket<'_>) {
        if socket.state() != State::CloseWait || socket.send_queue() <= self.offered {
            socket.close();
        }
    }

    /// Whether the peer has acknowledged bytes since the last look.
    pub(crate) fn delivered(&mut self, socket: &Socket<'_>) -> bool {
        let before = core::mem::replace(&mut self.undelivered, socket.send_queue());
        self.undelivered < before
    }
}

/// Pumps, and reports what was taken. Returns how the session ended, once it has.
pub(crate) fn pump_told<E: Endpoint>(
    pump: &mut Pump,
    socket: &mut Socket<'_>,
    endpoint: &mut E,
    now: Instant,
    take: &mut impl FnMut(&[u8]),
) -> Option<Result<E::End, Broken>> {
    let mut told = Intercepted::new(endpoint, |endpoint, now, bytes| {
        let taken = endpoint.handle_received(now, bytes);
        if let bytes @ [_, ..] = &bytes[..taken] {
            take(bytes);
        }
        taken
    });
    match pump.run(socket, &mut told, now) {
        Ok(()) => told.end().map(Ok),
        Err(Broken) => Some(Err(Broken)),
    }
}

fn move_bytes<E: Endpoint>(socket: &mut Socket<'_>, endpoint: &mut E, now: Instant) {
    loop {
        write(socket, endpoint, now);
        if endpoint.room() == 0 {
            break;
        }
        // The closure sees the contiguous part of the ring, which is empty only if all is read.
        let read = socket.recv(|bytes| {
            let taken = endpoint.handle_received(now, bytes);
            (taken, taken)
        });
        match read {
            Ok(0) => endpoint.handle_quiet(now),
            // That was all, and no FIN is behind it: to look again would cost more than to ask.
            Ok(_) if socket.recv_queue() == 0 && socket.may_recv() => endpoint.handle_quiet(now),
            Ok(_) => continue,
            Err(RecvError::Finished) => endpoint.handle_eof(now),
            Err(RecvError::InvalidState) if socket.state() == State::Closed => {
                endpoint.handle_reset(now);
            }
            Err(RecvError::InvalidState) => {}
        }
        // Silence or the end may have released what was held back.
        write(socket, endpoint, now);
        break;
    }
}

fn write<E: Endpoint>(socket: &mut Socket<'_>, endpoint: &mut E, now: Instant) {
    while !endpoint.to_send().is_empty() {
        match socket.send_slice(endpoint.to_send()) {
            Ok(0) | Err(_) => break,
            Ok(n) => endpoint.handle_sent(now, n),
        }
    }
}
