//! One client: its stream, its session, and what is known of both.

use std::io;
use std::net::{Shutdown, SocketAddr};

use echo_core::{CloseReason, Endpoint, Instant, Rules, Session};
use mio::event::Event;
use mio::net::TcpStream;

use super::{End, Log};
use crate::pump::{Pump, Pumped};

pub(super) struct Connection<const N: usize> {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    session: Session<N>,
    pump: Pump,
    fin_sent: bool,
    /// When the worker looks at it again; not later than the session's deadline.
    pub(super) alarm: Option<Instant>,
    /// It waits for another turn.
    pub(super) queued: bool,
}

impl<const N: usize> Connection<N> {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, now: Instant, rules: Rules) -> Self {
        Self {
            stream,
            peer,
            session: Session::new(now, rules),
            // The system's first event tells whether something has arrived.
            pump: Pump { readable: false, ..Pump::new() },
            fin_sent: false,
            alarm: None,
            queued: false,
        }
    }

    pub(super) fn echoed(&self) -> u64 {
        self.session.echoed()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    /// Remembers what the system says of the stream.
    pub(super) fn note(&mut self, event: &Event) {
        self.pump.note(event);
    }

    /// Bytes beat the clock: what came unnoticed is read before a time-out is decided.
    pub(super) fn look_again(&mut self) {
        self.pump.readable = true;
    }

    /// Moves what can be moved and lets the session decide.
    pub(super) fn drive(
        &mut self,
        scratch: &mut [u8],
        now: Instant,
        log: &Log,
    ) -> Result<Pumped, End> {
        let pumped = if log.shows_messages() {
            let mut shown = Shown { session: &mut self.session, peer: self.peer, log };
            self.pump.run(&mut self.stream, &mut shown, scratch, now, || now)
        } else {
            self.pump.run(&mut self.stream, &mut self.session, scratch, now, || now)
        };
        let pumped = pumped.map_err(End::Broken)?;
        self.session.handle_timeout(now);
        if self.session.finished() && !self.fin_sent {
            self.fin_sent = true;
            // A peer that is gone already is found out by the next read.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        self.session.end().map_or(Ok(pumped), |reason| Err(End::Closed(reason)))
    }
}

/// A session that shows what it receives.
struct Shown<'a, const N: usize> {
    session: &'a mut Session<N>,
    peer: SocketAddr,
    log: &'a Log,
}

impl<const N: usize> Endpoint for Shown<'_, N> {
    type End = CloseReason;

    fn to_send(&self) -> &[u8] {
        self.session.to_send()
    }

    fn room(&self) -> usize {
        self.session.room()
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    fn finished(&self) -> bool {
        self.session.finished()
    }

    fn end(&self) -> Option<CloseReason> {
        self.session.end()
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        self.session.handle_sent(now, n);
    }

    fn handle_delivered(&mut self, at: Instant) {
        self.session.handle_delivered(at);
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.log.message(self.peer, bytes);
        self.session.handle_received(now, bytes)
    }

    fn handle_quiet(&mut self, now: Instant) {
        self.session.handle_quiet(now);
    }

    fn handle_eof(&mut self, now: Instant) {
        self.session.handle_eof(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
    }
}

/// Prepares an accepted stream: a peer that is gone without a word is noticed some day even
/// without a time-out. What every stream needs it has from its listener.
pub(super) fn prepare(stream: &TcpStream, rules: Rules) -> io::Result<()> {
    if rules.idle.is_none() {
        socket2::SockRef::from(stream).set_keepalive(true)?;
    }
    Ok(())
}
