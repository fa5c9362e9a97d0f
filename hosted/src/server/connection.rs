//! One client: its stream, its session, and what is known about both.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use echo_core::{
    CloseReason, Endpoint, Faulty, Haste, Instant, Intercepted, Rules, Session, Spoiler,
};
use echo_instruments::service::{End, Log};
use mio::event::Event;
use mio::net::TcpStream;

use crate::pump::{Pump, Pumped};

pub(super) struct Connection<const N: usize> {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    session: Session<N>,
    /// The spoiler of the session, if faults are planted.
    pub(super) spoiler: Option<Box<Spoiler<N>>>,
    pump: Pump,
    /// The instant at which the worker looks at it again; not later than it is due.
    pub(super) alarm: Option<Instant>,
    /// Whether it waits for another turn.
    pub(super) queued: bool,
}

impl<const N: usize> Connection<N> {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, now: Instant, rules: Rules) -> Self {
        Self {
            stream,
            peer,
            session: Session::new(now, rules),
            spoiler: None,
            pump: Pump::unread(),
            alarm: None,
            queued: false,
        }
    }

    pub(super) fn echoed(&self) -> u64 {
        self.session.echoed()
    }

    /// Asks it to leave, because the server stops.
    pub(super) fn leave(&mut self, now: Instant, haste: Haste) {
        match &mut self.spoiler {
            None => self.session.leave(now, haste),
            Some(spoiler) => Faulty::new(&mut self.session, spoiler).leave(now, haste),
        }
    }

    /// When the worker has to look at it again, if the system reports nothing before.
    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        let deadline = match &mut self.spoiler {
            None => self.session.deadline(),
            Some(spoiler) => Faulty::new(&mut self.session, spoiler).deadline(),
        };
        deadline.map(|deadline| self.pump.delivery.due(deadline, now))
    }

    /// Notes what the system reports about the stream.
    pub(super) fn note(&mut self, event: &Event) {
        self.pump.note(event);
    }

    /// Bytes beat the clock: before a time-out is decided, the stream is checked for
    /// bytes that arrived or were taken unnoticed.
    pub(super) fn look_again(&mut self, now: Instant) {
        self.pump.readable = true;
        self.pump.delivery.look(&self.stream, &mut self.session, now);
    }

    /// Moves what can be moved and lets the session decide.
    pub(super) fn drive(
        &mut self,
        scratch: &mut [u8],
        now: Instant,
        log: &Log,
    ) -> Result<Pumped, End> {
        let Self { stream, peer, session, spoiler, pump, .. } = self;
        let shown = log.shows_messages().then_some((log, *peer));
        match spoiler {
            None => run(pump, stream, session, scratch, now, shown),
            Some(spoiler) => {
                run(pump, stream, &mut Faulty::new(session, spoiler), scratch, now, shown)
            }
        }
    }

    /// Closes it, with a reset if that is how it ended.
    pub(super) fn close(self, end: &End) {
        if matches!(end, End::Closed(CloseReason::Reset)) {
            // A connection that cannot be reset is gone.
            let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Moves what can be moved, and passes what is taken to the log.
fn run<E: Endpoint<End = CloseReason>>(
    pump: &mut Pump,
    stream: &mut TcpStream,
    endpoint: &mut E,
    scratch: &mut [u8],
    now: Instant,
    shown: Option<(&Log, SocketAddr)>,
) -> Result<Pumped, End> {
    let pumped = if let Some((log, peer)) = shown {
        let mut shown = Intercepted::new(endpoint, |endpoint, now, bytes| {
            let taken = endpoint.handle_received(now, bytes);
            log.message(peer, &bytes[..taken]);
            taken
        });
        pump.run(stream, &mut shown, scratch, now, || now)
    } else {
        pump.run(stream, endpoint, scratch, now, || now)
    };
    let pumped = pumped.map_err(End::Broken)?;
    endpoint.end().map_or(Ok(pumped), |reason| Err(End::Closed(reason)))
}

/// Lets a peer that vanished silently be noticed eventually, even without a time-out. What every
/// stream needs is inherited from its listener.
pub(super) fn watch(stream: &TcpStream, rules: Rules) -> io::Result<()> {
    if rules.idle.is_none() {
        socket2::SockRef::from(stream).set_keepalive(true)?;
    }
    Ok(())
}

/// Real sockets in virtual time, in which no machine is slow: the limit is so long
/// that nothing the test waits for counts.
#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream as Peer;

    use echo_core::{Defect, LINGER, Odds, Planted, SILENCE};
    use echo_instruments::clock::Clock;
    use socket2::{Domain, SockRef, Socket, Type};

    use super::*;
    use crate::tcp_info;

    const LIMIT: Duration = Duration::from_secs(1_000_000);
    const PATIENCE: Duration = Duration::from_secs(60);
    const MESSAGE: usize = 200_000;

    /// A worker that serves one connection, and its clock.
    struct Desk {
        connection: Connection<1024>,
        now: Instant,
    }

    impl Desk {
        /// A peer that has sent nothing yet.
        fn new(rules: Rules) -> (Self, Peer) {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            let peer = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            peer.set_recv_buffer_size(4096).expect("an option");
            peer.connect(&listener.local_addr().expect("bound").into()).expect("connected");
            let (stream, address) = listener.accept().expect("accepted");
            SockRef::from(&stream).set_send_buffer_size(4 * MESSAGE).expect("an option");
            stream.set_nonblocking(true).expect("an option");
            let now = Instant::START + LIMIT;
            let stream = TcpStream::from_std(stream);
            let peer = Peer::from(peer);
            peer.set_read_timeout(Some(PATIENCE)).expect("an option");
            (Self { connection: Connection::new(stream, address, now, rules), now }, peer)
        }

        /// The echo of a long message lies in the system's send buffer, and little of
        /// it in the receive buffer of the peer, who has not read yet.
        fn with_all_sent(rules: Rules) -> (Self, Peer) {
            let (mut desk, mut peer) = Self::new(rules);
            for piece in [7; MESSAGE].chunks(1000) {
                peer.write_all(piece).expect("sent");
                desk.serve().expect("it goes on");
            }
            while desk.connection.echoed() < MESSAGE as u64 {
                desk.serve().expect("it goes on");
            }
            (desk, peer)
        }

        fn serve(&mut self) -> Result<(), End> {
            self.connection.look_again(self.now);
            let log = Log::silent();
            while self.connection.drive(&mut [0; 1024], self.now, &log)? == Pumped::More {}
            Ok(())
        }

        /// Lets this time pass, and does what a worker does meanwhile.
        fn wait(&mut self, duration: Duration) -> Result<(), End> {
            let end = self.now + duration;
            while let Some(due) = self.connection.due(self.now)
                && due <= end
            {
                assert!(due > self.now, "it would spin");
                self.now = due;
                self.serve()?;
            }
            self.now = end;
            Ok(())
        }

        fn acknowledged(&self) -> u64 {
            tcp_info::read(&self.connection.stream).expect("Linux says").acknowledged
        }

        /// Lets the peer read until its system has asked for more. Returns how much it read.
        fn bite(&mut self, peer: &mut Peer) -> usize {
            let (before, mut read) = (self.acknowledged(), 0);
            while self.acknowledged() == before {
                read += peer.read(&mut [0; 512]).expect("more of the echo");
            }
            read
        }
    }

    fn idle() -> Rules {
        Rules { idle: Some(LIMIT), ..Rules::default() }
    }

    #[test]
    fn a_slow_reader_is_not_idle_and_a_dead_one_is() {
        let (mut desk, mut peer) = Desk::with_all_sent(idle());
        for _ in 0..10 {
            desk.bite(&mut peer);
            desk.wait(LIMIT * 9 / 10).expect("it makes progress");
        }
        desk.bite(&mut peer);
        let last = desk.now;
        desk.wait(LIMIT * 99 / 100).expect("it made progress");
        let end = desk.wait(LIMIT).expect_err("nothing moves");
        assert!(matches!(end, End::Closed(CloseReason::TimedOut)), "{end}");
        let after = desk.now.saturating_duration_since(last);
        assert!(after >= LIMIT * 99 / 100 && after <= LIMIT * 9 / 8, "{after:?}");
    }

    #[test]
    fn a_reader_that_takes_nothing_is_cut_off_at_the_limit() {
        let (mut desk, _peer) = Desk::with_all_sent(idle());
        // What its system has taken by itself is taken; that may have been just now.
        desk.serve().expect("it is early");
        let last = desk.now;
        let end = desk.wait(LIMIT * 2).expect_err("nothing moves");
        assert!(matches!(end, End::Closed(CloseReason::TimedOut)), "{end}");
        assert!(desk.now.saturating_duration_since(last) <= LIMIT * 9 / 8, "{:?}", desk.now);
    }

    #[test]
    fn a_limit_shorter_than_the_steps_of_a_reader_is_stretched_to_them() {
        let limit = Duration::from_secs(1);
        let (mut desk, mut peer) =
            Desk::with_all_sent(Rules { idle: Some(limit), ..Rules::default() });
        for _ in 0..5 {
            desk.bite(&mut peer);
            desk.serve().expect("it makes progress");
            desk.wait(limit * 3 / 2).expect("it may be about to make progress");
        }
        let end = desk.wait(limit).expect_err("nothing moves");
        assert!(matches!(end, End::Closed(CloseReason::TimedOut)), "{end}");
    }

    #[test]
    fn who_has_taken_all_is_not_asked_for() {
        let (mut desk, mut peer) = Desk::with_all_sent(idle());
        peer.read_exact(&mut [0; MESSAGE]).expect("the echo");
        let start = Clock::start();
        while desk.connection.due(desk.now) != desk.connection.session.deadline() {
            assert!(start.now() < Instant::START + PATIENCE, "it is asked for all the time");
            desk.serve().expect("it is early");
        }
    }

    #[test]
    fn a_fault_that_is_planted_survives_a_stop() {
        let (mut desk, mut peer) = Desk::new(Rules::default());
        let odds = Odds::default().with(Defect::Hold, 1.0).holding(LIMIT);
        desk.connection.spoiler = Some(Box::new(Spoiler::new(odds, 1, 0)));
        peer.write_all(b"held").expect("somebody is there");
        let start = Clock::start();
        while desk.connection.spoiler.as_ref().is_some_and(|it| it.planted() == Planted::default())
        {
            assert!(start.now() < Instant::START + PATIENCE, "it does not arrive");
            desk.serve().expect("it is held");
        }
        desk.connection.leave(desk.now, Haste::Now);
        desk.serve().expect("the peer is still there");
        let mut echo = String::new();
        peer.read_to_string(&mut echo).expect("the echo, and the end");
        assert_eq!(echo, "held");
    }

    /// The peer goes on sending, so that a close would be a reset.
    #[test]
    fn the_tail_arrives_as_long_as_it_is_taken() {
        let (mut desk, mut peer) =
            Desk::with_all_sent(Rules { one_shot: true, ..Rules::default() });
        desk.wait(SILENCE).expect("the peer is still there");
        assert!(desk.connection.session.finished());
        let mut read = 0;
        for _ in 0..10 {
            read += desk.bite(&mut peer);
            peer.write_all(b"more").expect("somebody is there");
            // Real time counts against this one: it is short.
            desk.serve().expect("it is early");
            desk.wait(LINGER * 3 / 4).expect("it makes progress");
        }
        let rest = MESSAGE - read;
        peer.read_exact(&mut vec![0; rest]).expect("the whole echo");
    }
}
