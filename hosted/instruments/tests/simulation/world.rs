//! A stack on a network that is simulated: every time is planned, and none passes by itself.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use echo_core::{Endpoint, Failure, Instant};
use echo_instruments::stack::{Busy, Driver, Moved, Passage, Placement, Stack, Stops, Unasked};
use echo_instruments::stopwatch::Stopwatch;

use super::clock::Clock;
use super::link::Link;
use super::server::{Behaviour, Server};

/// When a world begins, so that something may lie before.
pub(crate) const BEGINNING: Duration = Duration::from_secs(100);

/// More steps than any test needs: a loop that comes no further fails.
const STEPS: u32 = 2_000_000;

/// After this time a request for a connection that was not answered is sent again.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// The longest wait inside a read.
const SLICE: Duration = Duration::from_millis(100);

/// What a world is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nature {
    /// The way to the server, and the way back.
    pub(crate) way: (Duration, Duration),
    /// What it takes to read the clock, to send and to receive.
    pub(crate) costs: (Duration, Duration, Duration),
    /// The instant that is told of an arrival.
    pub(crate) dated: fn(Instant) -> Instant,
    /// A connection is ready for the first link, and took so long.
    pub(crate) ready: Option<Duration>,
    /// The only link waits inside its read.
    pub(crate) inside: bool,
    /// Where both ends run, by the time.
    pub(crate) placed: fn(Duration) -> Option<Placement>,
    pub(crate) server: Behaviour,
}

pub(crate) struct World {
    pub(crate) nature: Nature,
    pub(crate) clock: Clock,
    watch: Stopwatch,
    links: Vec<Link>,
    /// Requests for connections, and when they reach the server.
    requests: BTreeSet<(Duration, usize)>,
    pub(crate) server: Server,
    /// A wait that is to come, inside the next read.
    waits: bool,
    /// When bytes were last sent.
    sent: Duration,
    steps: u32,
}

impl World {
    pub(crate) fn new(nature: Nature, links: u16) -> Self {
        // Its zero is the system's: it tells the simulated time as it is.
        let watch = Stopwatch::new(echo_instruments::clock::Clock::started(Duration::MAX));
        Self {
            nature,
            clock: Clock::at(BEGINNING),
            watch,
            links: (0..links).map(|_| Link::default()).collect(),
            requests: BTreeSet::new(),
            server: Server::new(nature.server),
            waits: false,
            sent: BEGINNING,
            steps: 0,
        }
    }

    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < STEPS, "no end is in sight at {:?}", self.clock.now());
    }

    /// When something comes next.
    fn next(&self) -> Option<Duration> {
        let first = self.requests.first().map(|(at, _)| *at);
        self.links.iter().filter_map(Link::next).chain(first).min()
    }

    /// Lets time pass until something comes, but not beyond `until`.
    fn pass(&mut self, until: Duration) {
        loop {
            let next = self.next().map_or(until, |next| next.min(until));
            self.clock.pass_until(next);
            match self.requests.pop_first() {
                Some((at, link)) if at <= next => self.knock(link, at),
                later => {
                    self.requests.extend(later);
                    return;
                }
            }
        }
    }

    fn knock(&mut self, link: usize, at: Duration) {
        let Some((answer, peer)) = self.server.knock(at) else {
            self.requests.insert((at + ASKED_AGAIN, link));
            return;
        };
        let link = &mut self.links[link];
        link.peer = peer;
        for item in answer {
            link.put(at + self.nature.way.1, item);
        }
    }

    fn send<E: Endpoint>(&mut self, link: usize, endpoint: &mut E, now: Instant) {
        while !endpoint.to_send().is_empty() {
            self.step();
            self.clock.pass(self.nature.costs.1);
            self.sent = self.clock.now();
            let bytes = endpoint.to_send();
            let (there, back) = self.nature.way;
            let link = &mut self.links[link];
            let sent = self.server.receive(&mut link.peer, self.clock.now() + there, bytes);
            sent.into_iter().for_each(|(at, item)| link.put(at + back, item));
            endpoint.handle_sent(now, bytes.len());
        }
    }
}

impl World {
    /// What the load's clock says then.
    fn told(&self, at: Duration) -> Instant {
        self.watch.at(at.as_nanos() as u64)
    }
}

impl Driver for World {
    fn now(&self) -> Instant {
        self.clock.pass(self.nature.costs.0);
        self.told(self.clock.now())
    }

    fn stops(&self) -> Stops {
        self.watch.stops()
    }

    fn placement(&self, _link: usize) -> Option<Placement> {
        (self.nature.placed)(self.clock.now())
    }

    fn follow(&mut self, _link: usize, _bytes: u64) -> Result<(), String> {
        if self.nature.inside { Err("nobody looks inside".into()) } else { Ok(()) }
    }

    fn followed(&mut self, link: usize) -> Option<Passage> {
        let [sent, received] = [self.sent, self.links[link].arrived].map(|at| self.told(at));
        Some(Passage { sent, received, within: Duration::ZERO })
    }

    fn wait(
        &mut self,
        now: Instant,
        until: Instant,
        busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<Instant> {
        self.step();
        let far = busy.deadline.is_none_or(|deadline| deadline >= now + SLICE);
        if self.nature.inside && far && busy.messages > 0 && self.links[0].is_open {
            self.waits = true;
            ready.push(0);
            return Ok(now);
        }
        self.pass(self.clock.now() + until.saturating_duration_since(now));
        let now = self.clock.now();
        ready.extend((0..self.links.len()).filter(|link| self.links[*link].has_news(now)));
        Ok(self.now())
    }
}

impl Stack for World {
    fn open(&mut self, link: usize) -> Result<Instant, Failure> {
        let now = self.now();
        if let Some(took) = self.nature.ready.take_if(|_| link == 0) {
            self.knock(link, self.clock.now() - self.nature.way.1);
            return Ok(now.saturating_sub(took));
        }
        self.requests.insert((self.clock.now() + self.nature.way.0, link));
        Ok(now)
    }

    fn pump<E: Endpoint>(
        &mut self,
        link: usize,
        endpoint: &mut E,
        mut now: Instant,
    ) -> Result<Moved, Failure> {
        self.step();
        if !self.links[link].is_open {
            let opened = self.links[link].opened(self.clock.now())?;
            if !opened {
                endpoint.handle_timeout(now);
            }
            return Ok(if opened { Moved::Opened } else { Moved::Opening });
        }
        self.send(link, endpoint, now);
        if std::mem::take(&mut self.waits) {
            self.pass(self.clock.now() + SLICE);
        }
        while endpoint.room() > 0 {
            match self.links[link].read(self.clock.now(), endpoint.room())? {
                Some(bytes) if bytes.is_empty() => {
                    endpoint.handle_quiet(now);
                    break;
                }
                bytes => {
                    self.clock.pass(self.nature.costs.2);
                    now = (self.nature.dated)(self.now());
                    match bytes {
                        Some(bytes) => _ = endpoint.handle_received(now, &bytes),
                        None => endpoint.handle_eof(now),
                    }
                    self.send(link, endpoint, now);
                }
            }
        }
        endpoint.handle_timeout(now);
        Ok(Moved::Done)
    }

    fn unasked(&mut self, link: usize) -> Option<Unasked> {
        self.links[link].unasked(self.clock.now())
    }

    fn close(&mut self, link: usize) {
        self.requests.retain(|(_, other)| *other != link);
        self.links[link] = Link::default();
    }
}
