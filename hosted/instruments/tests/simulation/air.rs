//! Datagrams over a network that is simulated: it does with each what the test has planned, and nothing by itself.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use echo_core::{Failure, Instant};
use echo_instruments::datagrams::{Datagrams, Received, Report};
use echo_instruments::icmp::Icmp;
use echo_instruments::load;
use echo_instruments::measurement::{Measurement, Sample};
use echo_instruments::plan::{Plan, Protocol};
use echo_instruments::signals::Stop;
use echo_instruments::stack::{Busy, Driver};

use super::clock::Clock;
use super::run::{TRIP, plan};
use super::world::BEGINNING;

/// More steps than any test needs: a loop that comes no further fails.
const STEPS: u32 = 2_000_000;

/// How long it takes to settle: the load begins after it.
const SETTLING: Duration = Duration::from_secs(1);

/// What each report says: nobody looks at it but the reader of the text.
pub(crate) const ICMP: Icmp = Icmp { by: IpAddr::V4(Ipv4Addr::LOCALHOST), kind: 3, code: 3 };

/// A datagram that was sent.
pub(crate) struct Sent<'a> {
    /// Its number among all.
    pub(crate) number: u64,
    /// When it was sent, since the beginning.
    pub(crate) at: Duration,
    pub(crate) port: usize,
    pub(crate) bytes: &'a [u8],
    dropped: &'a Cell<u64>,
}

/// A datagram and whether it is from the peer, or an ICMP error and what it quotes.
type What = Result<(Vec<u8>, bool), (Failure, Vec<u8>)>;

/// What arrives at a port, so long after something was sent.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) after: Duration,
    pub(crate) port: usize,
    pub(crate) what: What,
}

impl Sent<'_> {
    /// Its echo, so long after it was sent.
    pub(crate) fn echo(&self, after: Duration) -> Item {
        self.answer(after, self.bytes.to_vec())
    }

    /// A report that it did not arrive, which quotes so many of its bytes.
    pub(crate) fn report(&self, after: Duration, failure: Failure, quoted: usize) -> Item {
        let quote = self.bytes[..quoted.min(self.bytes.len())].to_vec();
        Item { after, port: self.port, what: Err((failure, quote)) }
    }

    /// It comes back, but finds no room.
    pub(crate) fn drop(&self) -> Vec<Item> {
        self.dropped.update(|n| n + 1);
        Vec::new()
    }

    /// These bytes instead.
    pub(crate) fn answer(&self, after: Duration, bytes: Vec<u8>) -> Item {
        Item { after, port: self.port, what: Ok((bytes, true)) }
    }
}

/// How many calls there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) sends: u64,
    pub(crate) receives: u64,
    pub(crate) waits: u64,
    /// The most datagrams that had come to one port and were not received yet.
    pub(crate) unread: usize,
}

/// What comes of a datagram, or why it is not sent.
pub(crate) type Fate<'a> = dyn FnMut(&Sent<'_>) -> Result<Vec<Item>, Failure> + 'a;

pub(crate) struct Air<'a> {
    clock: Clock,
    /// What it takes to read the clock, to send and to receive.
    costs: (Duration, Duration, Duration),
    fate: Box<Fate<'a>>,
    open: BTreeSet<usize>,
    coming: BTreeMap<(Duration, u64), (usize, What)>,
    put: u64,
    dropped: Cell<u64>,
    calls: Calls,
    steps: u32,
    settled: bool,
}

impl Air<'_> {
    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < STEPS, "no end is in sight at {:?}", self.clock.now());
    }

    /// What has come to a port first.
    fn first(&self, port: usize) -> Option<(Duration, u64)> {
        let come = self.coming.range(..=(self.clock.now(), u64::MAX));
        come.filter(|(_, (to, _))| *to == port).map(|(key, _)| *key).next()
    }
}

impl Driver for Air<'_> {
    fn now(&self) -> Instant {
        self.clock.pass(self.costs.0);
        Instant::new(self.clock.now())
    }

    fn wait(
        &mut self,
        now: Instant,
        until: Instant,
        _busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<Instant> {
        self.step();
        self.calls.waits += 1;
        let until = self.clock.now() + until.saturating_duration_since(now);
        let next = self.coming.keys().next().map_or(until, |(at, _)| until.min(*at));
        self.clock.pass_until(next);
        let come = self.coming.range(..=(self.clock.now(), u64::MAX));
        // A port that was closed is told to nobody.
        let ports: BTreeSet<_> = come.map(|(_, (port, _))| *port).collect();
        ready.extend(&ports & &self.open);
        Ok(self.now())
    }

    fn dropped(&self) -> Option<u64> {
        Some(self.dropped.get())
    }
}

impl Datagrams for Air<'_> {
    fn send(&mut self, port: usize, datagram: &[u8]) -> Result<(), Failure> {
        self.step();
        assert!(self.settled, "nobody has asked for the way");
        self.open.insert(port);
        self.clock.pass(self.costs.1);
        let now = self.clock.now();
        let (number, at) = (self.calls.sends, now - BEGINNING);
        self.calls.sends += 1;
        let sent = Sent { number, at, port, bytes: datagram, dropped: &self.dropped };
        for Item { after, port, what } in (self.fate)(&sent)? {
            self.coming.insert((now + after, self.put), (port, what));
            self.put += 1;
        }
        Ok(())
    }

    fn receive(&mut self, port: usize, buffer: &mut [u8]) -> Result<Option<Received>, Report> {
        self.step();
        self.calls.receives += 1;
        let come = self.coming.range(..=(self.clock.now(), u64::MAX));
        let unread = come.filter(|(_, (to, _))| *to == port).take(100).count();
        self.calls.unread = self.calls.unread.max(unread);
        let Some(key) = self.first(port).filter(|_| self.open.contains(&port)) else {
            return Ok(None);
        };
        let Some((_, what)) = self.coming.remove(&key) else { return Ok(None) };
        self.clock.pass(self.costs.2);
        let bytes = what.as_ref().map_or_else(|(_, quote)| quote, |(bytes, _)| bytes);
        let fits = bytes.len().min(buffer.len());
        buffer[..fits].copy_from_slice(&bytes[..fits]);
        let length = bytes.len();
        match what {
            Ok((_, from_peer)) => Ok(Some(Received { length, from_peer })),
            Err((failure, _)) => Err(Report { failure, icmp: Some(ICMP), quoted: fits }),
        }
    }

    fn close(&mut self, port: usize) {
        self.open.remove(&port);
        self.coming.retain(|_, (to, _)| *to != port);
    }

    fn settle(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.settled, true) {
            self.clock.pass(SETTLING);
        }
        Ok(())
    }
}

/// What was seen of a run.
pub(crate) struct Flown {
    pub(crate) out: Measurement,
    pub(crate) samples: Vec<Sample>,
    pub(crate) calls: Calls,
}

/// Keeps what it sees.
struct Watching(Vec<Sample>);

impl load::Observer for Watching {
    fn look(&mut self, _measurement: &Measurement) {}

    fn message(&mut self, sample: &Sample) {
        self.0.push(*sample);
    }
}

/// Carries out a plan as often as it says.
pub(crate) fn fly(plan: &Plan, fate: impl FnMut(&Sent<'_>) -> Result<Vec<Item>, Failure>) -> Flown {
    fly_at(Default::default(), plan, fate)
}

/// The same where calls cost time.
pub(crate) fn fly_at(
    costs: (Duration, Duration, Duration),
    plan: &Plan,
    fate: impl FnMut(&Sent<'_>) -> Result<Vec<Item>, Failure>,
) -> Flown {
    let (open, coming, dropped, calls) = Default::default();
    let (clock, fate) = (Clock::at(BEGINNING - SETTLING), Box::new(fate));
    let (put, steps, settled) = (0, 0, false);
    let mut air = Air { clock, costs, fate, open, coming, put, dropped, calls, steps, settled };
    let mut watching = Watching(Vec::new());
    let stop = Stop::new().expect("a pipe");
    let out = load::repeat_datagrams(plan, &mut air, &stop, &mut watching).expect("waits");
    assert_eq!(air.open, BTreeSet::new(), "all ports are closed");
    Flown { out, samples: watching.0, calls: air.calls }
}

/// One datagram comes back in the time of the ways.
pub(crate) fn echo(sent: &Sent<'_>) -> Result<Vec<Item>, Failure> {
    Ok(vec![sent.echo(TRIP)])
}

/// A plan over datagrams.
pub(crate) fn udp() -> Plan {
    Plan { protocol: Protocol::Udp, limit: Some(TRIP * 10), ..plan() }
}
