//! Bytes between a stream of the operating system and any [`Endpoint`].
//!
//! The server, the client and the measuring loop all move their bytes here.
//! The pump decides nothing: it writes, reads, and informs the endpoint.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use echo_core::{Endpoint, Instant};
use mio::Interest;
use mio::event::Event;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use socket2::SockRef;

use crate::delivery::Delivery;

/// The number of rounds of write and read before others get their turn.
const ROUNDS: usize = 16;

/// Whether the system announces urgent data. Where it does not, any read may have ended
/// in front of some.
const ANNOUNCES_URGENT: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What is known about a stream that reports only changes (edge-triggered): a
/// system call that could only return "not now" is never made.
///
/// It also serves a blocking stream with a time-out: a caller that waits in the
/// read sets `readable` before each round.
#[derive(Debug, Clone, Copy)]
pub struct Pump {
    /// Whether there may be something to read.
    pub(crate) readable: bool,
    /// Whether there may be space to write.
    pub(crate) writable: bool,
    /// Whether the peer's FIN, or urgent data, has been announced. A read ends before either,
    /// however much is left: only the FIN itself, or "not now", shows that this was all.
    pub(crate) announced: bool,
    /// How much of what was written the peer has taken.
    pub(crate) delivery: Delivery,
    /// Whether our FIN is sent.
    shut: bool,
}

/// A stream of bytes, whose sending side can be shut.
pub trait Stream {
    /// Receives what is there. Nothing more comes after no byte.
    ///
    /// # Errors
    ///
    /// If nothing is there yet, or the connection is broken.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Sends as many of these bytes as there is room for.
    ///
    /// # Errors
    ///
    /// If there is no room yet, or the connection is broken.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Sends a FIN after what was written.
    ///
    /// # Errors
    ///
    /// If the connection is gone.
    fn shut(&self) -> io::Result<()>;
}

/// A stream of the operating system, called past the C library: that makes each call a point at which its thread can be
/// cancelled, if there are several threads. Nobody cancels one here, and it costs at every call.
impl<S: AsFd> Stream for S {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (_, n) = recv(&*self, buffer, RecvFlags::empty())?;
        Ok(n)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Programs in Rust ignore SIGPIPE, the signal that nobody is left to read it.
        Ok(send(&*self, bytes, SendFlags::empty())?)
    }

    fn shut(&self) -> io::Result<()> {
        Ok(shutdown(self, Shutdown::Write)?)
    }
}

/// The result of a pump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pumped {
    /// Nothing moves until the stream reports a change.
    Blocked,
    /// There may be more to move; others should have their turn first.
    More,
}

impl Pump {
    /// A pump for a stream about which nothing is known yet: it has to be tried.
    #[must_use]
    pub const fn new() -> Self {
        let announced = !ANNOUNCES_URGENT;
        let delivery = Delivery::new();
        Self { readable: true, writable: true, announced, delivery, shut: false }
    }

    /// A pump for a stream whose first event will show whether something has arrived.
    #[must_use]
    pub(crate) const fn unread() -> Self {
        let mut pump = Self::new();
        pump.readable = false;
        pump
    }

    /// Prepares a stream, or one that is to listen, for those that it will accept: an echo does
    /// not wait for more to send, and an urgent byte stays in its place among the others.
    ///
    /// # Errors
    ///
    /// If the system does not know the socket any more.
    pub(crate) fn prepare<'s>(socket: impl Into<SockRef<'s>>) -> io::Result<()> {
        let socket = socket.into();
        socket.set_tcp_nodelay(true)?;
        socket.set_out_of_band_inline(true)
    }

    /// The events that a stream has to report to [`note`](Self::note).
    #[must_use]
    pub(crate) const fn interest() -> Interest {
        let both = Interest::READABLE.add(Interest::WRITABLE);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let both = both.add(Interest::PRIORITY);
        both
    }

    /// Notes what the system reports about the stream. An error makes it both readable
    /// and writable: the next attempt will meet it.
    pub(crate) fn note(&mut self, event: &Event) {
        let broken = event.is_error() || event.is_write_closed();
        self.readable |= event.is_readable() || event.is_read_closed() || broken;
        self.writable |= event.is_writable() || broken;
        self.announced |= event.is_read_closed() || event.is_priority();
    }

    /// Moves what can be moved now, both ways, lets the endpoint look at the clock, and
    /// shuts the sending side once it has finished. `clock` is asked after each read that
    /// brought something or the FIN, so that an arrival is not dated before its wait.
    ///
    /// # Errors
    ///
    /// The stream's error, if the connection is broken.
    pub fn run<S: Stream, E: Endpoint>(
        &mut self,
        stream: &mut S,
        endpoint: &mut E,
        scratch: &mut [u8],
        mut now: Instant,
        clock: impl Fn() -> Instant,
    ) -> io::Result<Pumped> {
        let mut pumped = self.move_bytes(stream, endpoint, scratch, &mut now, &clock)?;
        if endpoint.deadline().is_some_and(|deadline| deadline <= now) {
            endpoint.handle_timeout(now);
            // What was kept back until now is sent, and makes room.
            pumped = self.move_bytes(stream, endpoint, scratch, &mut now, &clock)?;
        }
        if endpoint.finished() && !self.shut {
            self.shut = true;
            // The next read shows that a peer is gone already.
            let _ = stream.shut();
        }
        Ok(pumped)
    }

    fn move_bytes<S: Stream, E: Endpoint>(
        &mut self,
        stream: &mut S,
        endpoint: &mut E,
        scratch: &mut [u8],
        now: &mut Instant,
        clock: &impl Fn() -> Instant,
    ) -> io::Result<Pumped> {
        for _ in 0..ROUNDS {
            let wrote = self.write(stream, endpoint, *now)?;
            let room = endpoint.room().min(scratch.len());
            if !self.readable || room == 0 {
                if wrote {
                    continue;
                }
                return Ok(Pumped::Blocked);
            }
            match stream.receive(&mut scratch[..room]) {
                Ok(0) => {
                    self.readable = false;
                    *now = clock();
                    endpoint.handle_eof(*now);
                }
                Ok(n) => {
                    *now = clock();
                    endpoint.handle_received(*now, &scratch[..n]);
                    if n < room && !self.announced {
                        self.quiet(endpoint, *now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.quiet(endpoint, *now),
                Err(error) if error.kind() == ErrorKind::Interrupted => break,
                Err(error) => {
                    if error.kind() == ErrorKind::ConnectionReset {
                        endpoint.handle_reset(*now);
                    }
                    return endpoint.end().map_or(Err(error), |_| Ok(Pumped::Blocked));
                }
            }
        }
        Ok(Pumped::More)
    }

    /// Writes once, because an endpoint may have endlessly more to send. Returns whether there is
    /// more, and it may go on.
    fn write<S: Stream, E: Endpoint>(
        &mut self,
        stream: &mut S,
        endpoint: &mut E,
        now: Instant,
    ) -> io::Result<bool> {
        let bytes = endpoint.to_send();
        if bytes.is_empty() || !self.writable {
            return Ok(false);
        }
        match stream.send(bytes) {
            Ok(n) => {
                // A part means that the buffer is full now.
                self.writable = n == bytes.len();
                self.delivery.note();
                endpoint.handle_sent(now, n);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(self.writable && !endpoint.to_send().is_empty())
    }

    fn quiet<E: Endpoint>(&mut self, endpoint: &mut E, now: Instant) {
        self.readable = false;
        self.announced = !ANNOUNCES_URGENT;
        endpoint.handle_quiet(now);
    }
}

impl Default for Pump {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use std::time::Duration;

    use echo_core::{Defect, Faulty, Odds, Payload, Probe, Rules, Session, Spoiler};

    use super::*;

    const NOW: Instant = Instant::START;

    /// Gives one piece to each read and then has no more, and keeps what is written.
    struct Scripted {
        pieces: VecDeque<&'static [u8]>,
        reads: usize,
        written: Vec<u8>,
    }

    impl Stream for Scripted {
        fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            let piece = self.pieces.pop_front().ok_or(ErrorKind::WouldBlock)?;
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }

        fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.written.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn shut(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn session() -> Session<64> {
        Session::new(NOW, Rules { exit: false, ..Rules::default() })
    }

    /// What comes back of `pieces`, and how many reads that took.
    fn echo(pump: &mut Pump, pieces: &[&'static [u8]]) -> (String, usize) {
        let pieces = pieces.iter().copied().collect();
        let mut stream = Scripted { pieces, reads: 0, written: Vec::new() };
        let mut session = session();
        pump.readable = true;
        let pumped = pump.run(&mut stream, &mut session, &mut [0; 64], NOW, || NOW);
        assert_eq!(pumped.expect("nothing breaks"), Pumped::Blocked);
        (String::from_utf8(stream.written).expect("text"), stream.reads)
    }

    /// All is there at once, as an edge-triggered stream says it: nothing comes later that would
    /// be a reason to look again.
    #[test]
    fn what_is_kept_back_until_a_deadline_goes_out_and_makes_room() {
        let hold = Duration::from_secs(1);
        let odds = Odds::default().with(Defect::Hold, 1.0).holding(hold);
        let (mut session, mut spoiler) = (session(), Spoiler::new(odds, 1, 0));
        let pieces = [[b'a'; 64].as_slice(), &[b'b'; 64]].into_iter().collect();
        let mut stream = Scripted { pieces, reads: 0, written: Vec::new() };
        let mut pump = Pump::new();
        for (now, written) in [(NOW, 0), (NOW + hold, 128)] {
            let mut faulty = Faulty::new(&mut session, &mut spoiler);
            pump.run(&mut stream, &mut faulty, &mut [0; 64], now, || now).expect("it goes on");
            assert_eq!(stream.written.len(), written);
        }
    }

    /// What takes all that it is given, and has nothing to read.
    struct Drain(usize);

    impl Stream for Drain {
        fn receive(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::WouldBlock.into())
        }

        fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            assert!(self.0 < 1_000, "nobody else has a turn");
            Ok(bytes.len())
        }

        fn shut(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_sends_without_end_keeps_nobody_from_the_clock() {
        let mut probe = Probe::new(Payload::Zero, u64::MAX, None, [0; 64]);
        probe.begin(NOW, 0);
        let pumped = Pump::new().run(&mut Drain(0), &mut probe, &mut [0; 64], NOW, || NOW);
        assert_eq!(pumped.expect("nothing breaks"), Pumped::More);
    }

    #[test]
    fn a_read_that_ends_at_an_announced_mark_is_not_the_last() {
        let mut pump = Pump { announced: true, ..Pump::new() };
        assert_eq!(echo(&mut pump, &[b"before", b"!after"]), ("before!after".into(), 3));
    }

    #[test]
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn a_short_read_is_the_last_where_nothing_is_announced_or_all_of_it_was_read() {
        let mut pump = Pump::new();
        assert_eq!(echo(&mut pump, &[b"a", b"unread"]), ("a".into(), 1));
        pump.announced = true;
        assert_eq!(echo(&mut pump, &[b"b", b"!"]), ("b!".into(), 3));
        assert_eq!(echo(&mut pump, &[b"c", b"unread"]), ("c".into(), 1));
    }
}
