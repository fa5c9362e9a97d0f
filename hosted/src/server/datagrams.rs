//! Echo over datagrams: sockets in the event loop of the first worker, and what is done when
//! something has arrived at one of them.
//!
//! A turn is one batch: however fast datagrams come, streams have their turns between, and the
//! other way round. What arrives alone costs two system calls, as in the simplest of loops.

mod batch;
mod socket;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use echo_core::datagram::{Fate, Question, Spoiler};
use echo_core::{Instant, Planted};
use echo_instruments::service::{Counters, Datagrams, Dropped, Log, Planting};
use echo_instruments::target::canonical;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;

use self::batch::{Arrived, Batch, Sent};
use self::socket::Socket;

/// The most datagrams that are answered in one turn.
const TURN: usize = 32;

/// The most turns of each socket before it is closed: more than a receive buffer holds as a rule.
const LAST_TURNS: usize = 1024;

/// As long as UDP over IPv6 can be; over IPv4 it is 20 bytes less.
const LONGEST: usize = 65_527;

/// How often to ask what found no room in those buffers.
const LOOK: Duration = Duration::from_secs(1);

/// The sockets of a server at which datagrams arrive.
pub(super) struct Answerer {
    sockets: Vec<Socket>,
    /// Whether somebody else keeps them open, so that what comes at the end is for the next server.
    kept: bool,
    batch: Batch,
    counts: Datagrams,
    /// The spoiler of the answers, if faults are planted.
    spoiler: Option<Spoiler<(usize, SocketAddr)>>,
    /// The socket from which the answer goes that is kept.
    kept_at: usize,
    /// When to ask again what found no room.
    look: Instant,
}

impl Answerer {
    /// Prepares and registers the sockets, with one token after another from the `first` on.
    pub(super) fn new(
        sockets: Vec<UdpSocket>,
        kept: bool,
        registry: &Registry,
        first: Token,
        planting: Option<&Planting>,
    ) -> io::Result<Self> {
        let sockets = sockets.into_iter().zip(first.0..).map(|(socket, token)| {
            let mut source = SourceFd(&socket.as_raw_fd());
            registry.register(&mut source, Token(token), Interest::READABLE)?;
            Socket::new(socket)
        });
        let sockets: Vec<_> = sockets.collect::<io::Result<_>>()?;
        let together = sockets.iter().all(Socket::sends_together);
        Ok(Self {
            sockets,
            kept,
            batch: Batch::new(TURN, LONGEST, together),
            counts: Datagrams::default(),
            spoiler: planting.map(Planting::spoiler_of_datagrams),
            kept_at: 0,
            look: Instant::START,
        })
    }

    /// Notes that something has arrived at the socket with this number.
    pub(super) fn note(&mut self, number: usize) {
        if let Some(socket) = self.sockets.get_mut(number) {
            socket.readable = true;
        }
    }

    /// When it is to be given a turn, if nothing arrives before.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let ready = self.sockets.iter().any(|socket| socket.readable);
        if ready { Some(now) } else { self.spoiler.as_ref().and_then(Spoiler::deadline) }
    }

    /// Gives each socket a turn, and tells how many datagrams there were so far.
    pub(super) fn answer(&mut self, now: Instant, counters: &Counters, log: &Log) {
        if self.due(now).is_none_or(|due| due > now) {
            return;
        }
        for number in 0..self.sockets.len() {
            if self.sockets[number].readable {
                self.turn(number, now, log);
            }
        }
        if self.spoiler.as_mut().is_some_and(|spoiler| spoiler.handle_timeout(now)) {
            self.release();
        }
        if now >= self.look {
            self.look = now + LOOK;
            self.count_unreceived();
        }
        counters.tell(self.counts);
    }

    /// Answers what has arrived, though not for ever if more and more comes, sends what is kept, and
    /// tells which faults were planted, if any were to be.
    pub(super) fn finish(
        mut self,
        now: Instant,
        counters: &Counters,
        log: &Log,
    ) -> Option<Planted> {
        for socket in &mut self.sockets {
            if !self.kept {
                socket.retire();
            }
            // The system may not have told of it yet.
            socket.readable = true;
        }
        for _ in 0..LAST_TURNS {
            self.answer(now, counters, log);
        }
        if self.spoiler.as_ref().and_then(Spoiler::deadline).is_some() {
            self.release();
        }
        self.count_unreceived();
        counters.tell(self.counts);
        self.spoiler.as_ref().map(Spoiler::planted)
    }

    fn count_unreceived(&mut self) {
        for socket in &mut self.sockets {
            self.counts.drop(Dropped::Unreceived, socket.dropped_since());
        }
    }

    fn release(&mut self) {
        self.batch.answer_kept();
        send(&mut self.batch, &self.sockets[self.kept_at].socket, &mut self.counts);
    }

    fn turn(&mut self, at: usize, now: Instant, log: &Log) {
        let Self { sockets, batch, counts, spoiler, kept_at, .. } = self;
        let Socket { socket, address, readable, .. } = &mut sockets[at];
        let received = match batch.receive(socket) {
            Ok(received) => received,
            Err(error) => {
                // Any other error is that of some client, who may have vanished: it is told once.
                *readable = error.kind() != io::ErrorKind::WouldBlock;
                return;
            }
        };
        *readable = received == TURN;
        for number in 0..received {
            let Some((peer, length)) = judge(batch, number, *address, counts, log) else {
                continue;
            };
            let Some(spoiler) = spoiler else {
                batch.answer(number, length);
                continue;
            };
            let (fate, release) = spoiler.spoil(now, (at, peer), batch.bytes(number, length));
            match fate {
                Fate::Sent(length) => batch.answer(number, length),
                Fate::Twice => (0..2).for_each(|_| batch.answer(number, length)),
                Fate::Lost => {}
                Fate::Kept => {
                    batch.keep(number, length);
                    *kept_at = at;
                }
            }
            if release {
                batch.answer_kept();
            }
            // Otherwise what is kept next would take the place of what is released.
            send(batch, socket, counts);
        }
        send(batch, socket, counts);
    }
}

/// Decides on what has arrived at one place: to whom it goes back, and how long it is.
fn judge(
    batch: &mut Batch,
    number: usize,
    own: SocketAddr,
    counts: &mut Datagrams,
    log: &Log,
) -> Option<(SocketAddr, usize)> {
    let Arrived { question, length } = batch.arrived(number)?;
    let peer = question.from;
    // A socket that hears one address only is not told which one it was.
    let question = Question { to: question.to.or(Some(own.ip())), ..question };
    if log.shows_messages() {
        let length = length.unwrap_or(LONGEST);
        log.message(canonical(peer), batch.bytes(number, length));
    }
    if let Some(reason) = question.unanswered(Some(own.port())) {
        if log.shows_messages() {
            log.client(canonical(peer), format_args!("not answered ({reason})"));
        }
        counts.leave(reason);
        return None;
    }
    if length.is_none() {
        counts.drop(Dropped::Cut, 1);
    }
    Some((peer, length?))
}

/// Sends the answers. What cannot be sent now is dropped, and holds up none of the others.
fn send(batch: &mut Batch, socket: &UdpSocket, counts: &mut Datagrams) {
    let mut done = 0;
    loop {
        match batch.send(socket, done) {
            Ok(Sent { datagrams: 0, .. }) => break,
            Ok(Sent { datagrams, bytes }) => {
                counts.echo(datagrams as u64, bytes);
                done += datagrams;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if batch.part(done, &error) => {}
            Err(error) => {
                counts.drop(reason(&error), 1);
                done += 1;
            }
        }
    }
    batch.clear();
}

fn reason(error: &io::Error) -> Dropped {
    match Errno::from_io_error(error) {
        Some(Errno::MSGSIZE) => Dropped::TooLong,
        Some(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => Dropped::Full,
        Some(Errno::PERM | Errno::ACCESS) => Dropped::Forbidden,
        _ => Dropped::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use mio::Poll;
    use socket2::SockRef;

    use super::*;
    use crate::address::listen_to_both;
    use crate::drops;

    const NOW: Instant = Instant::START;

    /// A broadcast address, here that of the loopback, cannot be a source.
    #[test]
    fn what_cannot_be_sent_holds_up_none_of_the_others() {
        // At all addresses of both families, and of IPv4.
        [None, Some("0.0.0.0")].into_iter().for_each(some_cannot_be_sent);
    }

    fn some_cannot_be_sent(at: Option<&str>) {
        let at = at.map(|at| at.parse().expect("an address"));
        let (_listeners, sockets) = listen_to_both(at.as_ref(), 0, 1).expect("a free port");
        let port = sockets[0].local_addr().expect("bound").port();
        let (poll, counters) = (Poll::new().expect("a descriptor"), Counters::default());
        let mut answerer =
            Answerer::new(sockets, false, poll.registry(), Token(0), None).expect("sockets");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        client.set_broadcast(true).expect("an option");
        client.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let asked = [[127, 0, 0, 1], [127, 255, 255, 255], [127, 255, 255, 255], [127, 0, 0, 2]];
        for (number, address) in (0..).zip(asked) {
            client.send_to(&[number; 5], (Ipv4Addr::from(address), port)).expect("sent");
        }
        answerer.note(0);
        answerer.answer(NOW, &counters, &Log::silent());
        assert_eq!(answerer.due(NOW), None, "there is nothing more");
        for number in [0, 3] {
            let mut buffer = [9; 9];
            assert_eq!(client.recv(&mut buffer).expect("an answer"), 5);
            assert_eq!(buffer[..5], [number; 5]);
        }
        let mut counts = Datagrams { echoed: 2, bytes: 10, ..Datagrams::default() };
        counts.drop(Dropped::Unreachable, 2);
        assert_eq!(counters.totals().datagrams, Some(counts));
    }

    #[test]
    fn a_turn_has_an_end() {
        let (_listeners, sockets) = listen_to_both(None, 0, 1).expect("a free port");
        let port = sockets[0].local_addr().expect("bound").port();
        let (poll, counters) = (Poll::new().expect("a descriptor"), Counters::default());
        let mut answerer =
            Answerer::new(sockets, false, poll.registry(), Token(0), None).expect("sockets");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        for _ in 0..TURN + 1 {
            client.send_to(b"flood", (Ipv4Addr::LOCALHOST, port)).expect("sent");
        }
        answerer.note(0);
        for (echoed, due) in [(TURN, Some(NOW)), (TURN + 1, None)] {
            answerer.answer(NOW, &counters, &Log::silent());
            let told = counters.totals().datagrams.expect("told");
            assert_eq!((told.echoed, answerer.due(NOW)), (echoed as u64, due));
        }
    }

    #[test]
    fn what_finds_no_room_is_counted_now_and_then_and_at_the_end() {
        let (_listeners, sockets) = listen_to_both(None, 0, 1).expect("a free port");
        let port = sockets[0].local_addr().expect("bound").port();
        let (poll, counters) = (Poll::new().expect("a descriptor"), Counters::default());
        let small = |socket: &UdpSocket| {
            SockRef::from(socket).set_recv_buffer_size(4096).expect("an option");
        };
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let flood = || {
            let send = |_| client.send_to(&[0; 100], (Ipv4Addr::LOCALHOST, port));
            assert!((0..100).map(send).all(|sent| sent.is_ok()));
        };
        small(&sockets[0]);
        flood();
        // That was before the socket was passed on.
        let before = drops::read(&sockets[0]).expect("Linux tells");
        let mut answerer =
            Answerer::new(sockets, false, poll.registry(), Token(0), None).expect("sockets");
        small(&answerer.sockets[0].socket);
        let told = || {
            let told = counters.totals().datagrams.expect("told");
            told.echoed + told.dropped[Dropped::Unreceived as usize]
        };
        let mut sent = 100 - before;
        for (now, asked) in [
            (NOW, true),
            (NOW + LOOK / 2, false),
            (NOW + LOOK, true),
            (NOW + LOOK + LOOK / 2, false),
        ] {
            flood();
            sent += 100;
            answerer.note(0);
            while answerer.due(now).is_some() {
                answerer.answer(now, &counters, &Log::silent());
            }
            assert_eq!(told() == sent, asked, "{} of {sent}", told());
        }
        answerer.finish(NOW + LOOK + LOOK / 2, &counters, &Log::silent());
        assert_eq!(told(), sent);
    }

    #[test]
    fn each_error_of_sending_has_its_reason() {
        for (errno, reason) in [
            (Errno::MSGSIZE, Dropped::TooLong),
            (Errno::AGAIN, Dropped::Full),
            (Errno::NOBUFS, Dropped::Full),
            (Errno::PERM, Dropped::Forbidden),
            (Errno::ACCESS, Dropped::Forbidden),
            (Errno::INVAL, Dropped::Unreachable),
            (Errno::NETUNREACH, Dropped::Unreachable),
            (Errno::HOSTUNREACH, Dropped::Unreachable),
        ] {
            assert_eq!(super::reason(&errno.into()), reason, "{errno:?}");
        }
    }
}
