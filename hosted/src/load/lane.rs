//! One connection of a load, with the message that is under way on it.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use echo_core::{Endpoint, Failure, Instant, Probe};
use mio::event::Event;
use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::SockRef;

use super::Plan;
use super::between::Unasked;
use super::failure::failure;
use super::measurement::Kernel;
use super::pace::Schedule;
use super::stopwatch::Stopwatch;
use super::wait::Wait;
use crate::address::{self, Opened, refuse_itself};
use crate::pump::{Pump, Pumped};
use crate::tcp_info::{self, TcpInfo};

/// The most bytes of a message that are made at once.
pub(super) const WINDOW: usize = 64 << 10;

pub(super) type LoadProbe<'a> = Probe<'a, Box<[u8]>>;

/// What tries the messages of the connection with this number.
pub(super) fn probe(plan: &Plan, connection: u16) -> LoadProbe<'_> {
    let window = usize::try_from(plan.length).map_or(WINDOW, |length| length.min(WINDOW));
    let window = vec![0; window].into_boxed_slice();
    Probe::new(plan.content.payload(connection), plan.length, plan.limit, window)
}

pub(super) struct Lane<'a> {
    number: u16,
    address: SocketAddr,
    sources: &'a [IpAddr],
    /// How many connections it has begun.
    opened: usize,
    probe: LoadProbe<'a>,
    pump: Pump,
    link: Link,
    /// Started on this lane so far: the number of the next message.
    messages: u64,
    /// The first slot of the schedule that this lane has not used.
    turn: u64,
    planned: Instant,
    begun: Instant,
    /// How often the load had been stopped by then.
    stops: u64,
    /// How long opening the connection took, if that is part of the message.
    connecting: Option<Duration>,
    per_message: bool,
    reset: bool,
    /// How long the connection took that the next message is to have.
    adopted: Option<Duration>,
    /// What the system said when the message failed.
    errno: Option<Errno>,
    busy: bool,
    /// Whether a message has come back on this connection,
    used: bool,
    /// and when the last one did,
    ended: Instant,
    /// and whether that one is measured.
    counts: bool,
}

enum Link {
    /// No connection; none is opened before that instant.
    Down(Option<Instant>),
    Connecting(TcpStream),
    Open(TcpStream),
}

impl<'a> Lane<'a> {
    pub(super) fn new(plan: &'a Plan, number: u16) -> Self {
        Self {
            number,
            address: plan.address,
            sources: &plan.sources,
            opened: 0,
            probe: probe(plan, number),
            pump: Pump::new(),
            link: Link::Down(None),
            messages: 0,
            turn: number.into(),
            planned: Instant::START,
            begun: Instant::START,
            stops: 0,
            connecting: None,
            per_message: plan.per_message,
            reset: plan.reset,
            adopted: None,
            errno: None,
            busy: false,
            used: false,
            ended: Instant::START,
            counts: false,
        }
    }

    /// Takes a connection that is open. If each message has its own, this is the next one's.
    pub(super) fn adopt(&mut self, opened: Opened, wait: &mut Wait) -> io::Result<()> {
        let Opened { stream, took } = opened;
        self.adopted = Some(took).filter(|_| self.per_message);
        self.opened += 1;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        Pump::prepare(&stream)?;
        self.pump = Pump::new();
        wait.watch(&mut stream, self.number)?;
        self.open(stream, wait)
    }

    fn open(&mut self, mut stream: TcpStream, wait: &mut Wait) -> io::Result<()> {
        wait.opened(&mut stream)?;
        if self.reset {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        }
        self.link = Link::Open(stream);
        Ok(())
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.link, Link::Open(_))
    }

    pub(super) fn stream(&self) -> Option<&TcpStream> {
        if let Link::Open(stream) = &self.link { Some(stream) } else { None }
    }

    /// When the message under way began; not before its connection was open,
    /// unless it has one of its own.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// When the message under way was due.
    pub(super) fn planned(&self) -> Instant {
        self.planned
    }

    /// The number of the message under way, and how long opening a connection
    /// of its own took.
    pub(super) fn message(&self) -> (u64, Option<Duration>) {
        (self.messages.saturating_sub(1), self.connecting)
    }

    /// What the system said, if that was why the message failed.
    pub(super) fn errno(&self) -> Option<Errno> {
        self.errno
    }

    /// When the next message is due: `now` unless a schedule says otherwise.
    pub(super) fn take_turn(
        &mut self,
        schedule: Option<&Schedule>,
        now: Instant,
    ) -> Option<Instant> {
        schedule.map_or(Some(now), |schedule| schedule.take(&mut self.turn, now))
    }

    /// What the kernel knows of the connection.
    pub(super) fn kernel(&self) -> Option<Kernel> {
        let TcpInfo { retransmits, srtt, .. } = tcp_info::read(self.stream()?)?;
        Some(Kernel { retransmits, srtt })
    }

    pub(super) fn rests(&self, now: Instant) -> bool {
        matches!(self.link, Link::Down(Some(until)) if until > now)
    }

    /// When something is due: the limit of the message, or the end of a rest.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.link {
            Link::Down(rest) if !self.busy => rest,
            _ => self.probe.deadline(),
        }
    }

    /// Remembers what the system says of the stream.
    pub(super) fn note(&mut self, event: &Event) {
        self.pump.note(event);
    }

    /// Lets the next read and write wait in the system call.
    pub(super) fn wait_inside(&mut self) {
        self.pump.readable = true;
        self.pump.writable = true;
    }

    /// Whether a message has come back on this connection.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Whether the message before, on the same connection, is measured.
    pub(super) fn counts(&self) -> bool {
        self.counts
    }

    /// Says whether the message that has ended is measured.
    pub(super) fn count(&mut self, counts: bool) {
        self.counts = counts;
    }

    /// Whether nothing was due on the open connection before the message that was
    /// `planned`, and there may be something to see.
    pub(super) fn was_idle(&self, planned: Instant, scheduled: bool, wait: &Wait) -> bool {
        let idle = !self.used || (scheduled && planned > self.ended);
        self.is_open() && idle && (self.pump.readable || wait.is_inside())
    }

    /// What the server has done unasked. Bytes ahead of the first message are left
    /// to it: no other can be blamed.
    pub(super) fn unasked(&mut self, scratch: &mut [u8]) -> Option<Unasked> {
        let unasked = Unasked::on(self.stream()?, scratch);
        match unasked {
            Some(Unasked::Bytes(_)) if !self.used => None,
            _ => unasked,
        }
    }

    /// Starts the next message, on a new connection if there is none.
    pub(super) fn begin(
        &mut self,
        planned: Instant,
        now: Instant,
        clock: &Stopwatch,
        wait: &mut Wait,
    ) {
        self.busy = true;
        self.planned = planned;
        self.stops = clock.stops().times;
        self.errno = None;
        self.connecting = self.adopted.take();
        self.begun = before(now, self.connecting.unwrap_or_default());
        self.probe.begin(self.begun, self.messages);
        self.messages += 1;
        if let Link::Down(_) = self.link
            && let Err(error) = self.connect(wait)
        {
            self.fail(now, &error);
        }
    }

    fn fail(&mut self, now: Instant, error: &io::Error) {
        self.errno = Errno::from_io_error(error);
        self.probe.fail(now, failure(error));
    }

    /// Forgets that the message under way was started.
    pub(super) fn take_back(&mut self) {
        self.messages -= 1;
    }

    /// Starts opening a connection.
    pub(super) fn connect(&mut self, wait: &mut Wait) -> io::Result<()> {
        let mut stream = match self.source() {
            None => TcpStream::connect(self.address)?,
            source => TcpStream::from_std(address::begin(self.address, source)?.into()),
        };
        Pump::prepare(&stream)?;
        self.pump = Pump::new();
        wait.watch(&mut stream, self.number)?;
        self.link = Link::Connecting(stream);
        Ok(())
    }

    /// Where the next connection is to come from: the sources take turns.
    fn source(&mut self) -> Option<IpAddr> {
        let turn = (usize::from(self.number) + self.opened).checked_rem(self.sources.len())?;
        self.opened += 1;
        self.sources.get(turn).copied()
    }

    /// Whether the connection that was being opened has become open just now.
    pub(super) fn opened(&mut self, wait: &mut Wait) -> io::Result<bool> {
        match &self.link {
            Link::Connecting(stream) if is_connected(stream)? => {}
            _ => return Ok(false),
        }
        if let Link::Connecting(stream) = mem::replace(&mut self.link, Link::Down(None)) {
            self.open(stream, wait)?;
        }
        Ok(true)
    }

    /// Moves what can be moved; `Some` when the message has ended.
    pub(super) fn drive(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        clock: &Stopwatch,
        wait: &mut Wait,
    ) -> Option<Result<Duration, Failure>> {
        if let Err(error) = self.move_bytes(now, scratch, clock, wait) {
            self.fail(clock.now(), &error);
        }
        self.probe.handle_timeout(now);
        let end = self.probe.end()?;
        self.busy = false;
        if let Ok(took) = end {
            (self.used, self.ended, self.counts) = (true, self.begun + took, false);
        }
        Some(end)
    }

    fn move_bytes(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        clock: &Stopwatch,
        wait: &mut Wait,
    ) -> io::Result<()> {
        if self.opened(wait)? {
            let opened = clock.now();
            if self.per_message {
                self.connecting = Some(opened.saturating_duration_since(self.begun));
            } else {
                // It has its own limit, and is not part of the round trip.
                self.probe.handle_timeout(opened);
                if self.probe.end().is_some() {
                    return Ok(());
                }
                self.begun = opened;
                self.stops = clock.stops().times;
                self.probe.begin(opened, self.messages - 1);
            }
        }
        if let Link::Open(stream) = &mut self.link
            && self.pump.run(stream, &mut self.probe, scratch, now, || clock.now())? == Pumped::More
        {
            wait.again(self.number.into());
        }
        Ok(())
    }

    /// Whether a message that has ended so says nothing of the peer, because the
    /// load was stopped meanwhile. Wrong bytes are wrong whenever they come.
    pub(super) fn was_interrupted(
        &self,
        end: &Result<Duration, Failure>,
        clock: &Stopwatch,
    ) -> bool {
        let wrong =
            matches!(end, Err(Failure::Differs(_) | Failure::Extra { .. } | Failure::Ahead { .. }));
        self.stops != clock.stops().times && !wrong
    }

    /// Gives the connection up, and opens no other before the `rest` is over.
    pub(super) fn disconnect(&mut self, rest: Option<Instant>) {
        self.link = Link::Down(rest);
        self.adopted = None;
    }
}

fn before(now: Instant, time: Duration) -> Instant {
    Instant::new(now.since_start().saturating_sub(time))
}

fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    let error = match stream.peer_addr() {
        Ok(peer) => return refuse_itself(stream.local_addr()?, peer).map(|()| true),
        Err(error) => stream.take_error()?.unwrap_or(error),
    };
    if error.kind() == ErrorKind::NotConnected { Ok(false) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn a_connection_to_itself_is_no_connection() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let itself = socket.local_addr().expect("bound");
        socket.connect(&itself).expect("the system does that");
        let error = is_connected(&TcpStream::from_std(socket.into())).expect_err("nobody is there");
        assert_eq!(failure(&error), Failure::Refused);
    }
}
