//! The event loop: one worker on each thread serves its share of the clients.
//!
//! The first worker also accepts, shares out connections, answers datagrams, and is the one that hears
//! of a request to stop. A worker wakes up, gives every connection that is ready a turn, and handles
//! deadlines: per message one read and one write, and nothing else. It never waits for the log.

mod drain;
mod entry;
mod mail;
mod shares;

use std::collections::{BTreeSet, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::mpsc::Receiver;
use std::thread;

use anyhow::{Context, Result};
use echo_core::{Instant, Planted};
use echo_instruments::clock::Clock;
use echo_instruments::service::{Counters, Drain, End, Log, Totals};
use echo_instruments::signals::Stop;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use self::mail::Outbox;
use self::shares::Shares;
use super::accept::Acceptor;
use super::connection::Connection;
use super::datagrams::Answerer;
use super::{Config, LARGEST_BUFFER, Server};
use crate::pump::Pumped;

/// The tokens of event sources that are not connections; those count from 0.
const ACCEPT: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);
/// There is mail, or room for another connection.
const CALL: Token = Token(usize::MAX - 2);
/// The first of the sockets for datagrams; as many follow as a name has addresses.
const DATAGRAMS: Token = Token(usize::MAX / 2);

/// The most events that are handled, and connections that are accepted, per wake-up: no
/// connection waits longer than that for a turn.
const TURN: usize = 1024;

/// The state that all workers of a server share.
struct Shared<'a> {
    config: Config,
    log: &'a Log,
    stop: &'a Stop,
    clock: Clock,
    shares: Shares,
    /// One for each worker.
    wakers: Vec<Waker>,
}

/// Serves with sessions of `N` bytes, on as many threads as configured.
pub(super) fn serve<const N: usize>(server: Server, stop: &Stop, log: &Log) -> Result<Totals> {
    let Server { listeners, connections, sockets, kept, config, counters } = server;
    let cannot_wait = "cannot wait for sockets";
    let (mut polls, mut wakers) = (Vec::new(), Vec::new());
    for _ in counters.iter() {
        let poll = Poll::new().context(cannot_wait)?;
        wakers.push(Waker::new(poll.registry(), CALL).context(cannot_wait)?);
        polls.push(poll);
    }
    let shares = Shares::new(polls.len(), config.max_conns);
    let shared = Shared { config, log, stop, clock: Clock::start(), shares, wakers };
    let mut workers = polls
        .into_iter()
        .zip(counters.iter())
        .enumerate()
        .map(|(number, (poll, counters))| Worker::<N>::new(&shared, counters, number, poll));
    let mut first = workers.next().context("a server has a thread at least")?;
    let mut others: Vec<_> = workers.collect();
    for (worker, waker) in others.iter_mut().zip(&shared.wakers[1..]) {
        let (outbox, inbox) = Outbox::new(waker);
        first.outboxes.push(outbox);
        worker.inbox = Some(inbox);
    }
    let registry = first.poll.registry();
    let mut receiver = SourceFd(&stop.receiver().as_raw_fd());
    registry.register(&mut receiver, STOP, Interest::READABLE).context(cannot_wait)?;
    if !listeners.is_empty() {
        let acceptor = Acceptor::new(listeners, registry, ACCEPT);
        first.acceptor = Some(acceptor.context(cannot_wait)?);
    }
    if !sockets.is_empty() {
        let planting = shared.config.planting.as_ref();
        let answerer = Answerer::new(sockets, kept, registry, DATAGRAMS, planting);
        first.answerer = Some(answerer.context("cannot take datagrams")?);
    }
    first.inherit(connections)?;
    thread::scope(|scope| {
        let others: Vec<_> =
            others.into_iter().map(|worker| scope.spawn(move || worker.run())).collect();
        let mut totals = first.run();
        for other in others {
            let result = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            totals = totals.and_then(|mut totals| {
                totals.add(&result?);
                Ok(totals)
            });
        }
        totals
    })
}

struct Worker<'a, const N: usize> {
    shared: &'a Shared<'a>,
    counters: &'a Counters,
    /// Its number among the workers.
    number: usize,
    poll: Poll,
    /// The connections that the first worker has for this one, if it is another; until the end of them.
    inbox: Option<Receiver<(TcpStream, SocketAddr)>>,
    /// The ways from the first worker to the others, in their order.
    outboxes: Vec<Outbox<'a>>,
    acceptor: Option<Acceptor>,
    /// Whether no other clients can come than those it has from the start: then they alone are waited for.
    ends_with_clients: bool,
    answerer: Option<Answerer>,
    connections: Slab<Box<Connection<N>>>,
    /// The number of the next connection: no two of a server have the same.
    next_connection: u64,
    /// The connections that have more to move than one turn allowed.
    queue: VecDeque<usize>,
    /// The alarms of all connections: each [`Connection::alarm`] with its key.
    alarms: BTreeSet<(Instant, usize)>,
    scratch: Vec<u8>,
    planted: Option<Planted>,
    /// The drain, if a stop was requested.
    drain: Option<Drain>,
}

impl<'a, const N: usize> Worker<'a, N> {
    fn new(shared: &'a Shared<'a>, counters: &'a Counters, number: usize, poll: Poll) -> Self {
        Self {
            shared,
            counters,
            number,
            poll,
            inbox: None,
            outboxes: Vec::new(),
            acceptor: None,
            ends_with_clients: false,
            answerer: None,
            connections: Slab::new(),
            next_connection: (number as u64) << 48,
            queue: VecDeque::new(),
            alarms: BTreeSet::new(),
            scratch: vec![0; LARGEST_BUFFER.min(N)],
            planted: shared.config.planting.as_ref().map(|_| Planted::default()),
            drain: None,
        }
    }

    fn run(mut self) -> Result<Totals> {
        let served = self.serve();
        if served.is_err() {
            // The other workers must not go on without this one.
            self.shared.stop.request();
        }
        let mut totals = self.counters.totals();
        totals.planted = self.planted;
        served.map(|()| totals)
    }

    fn serve(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(TURN);
        let mut now = self.shared.clock.now();
        let mut stirred = now;
        loop {
            let spins = now.saturating_duration_since(stirred) < self.shared.config.spin;
            let due = if spins { Some(now) } else { self.next_due(now) };
            let wait = due.map(|due| due.saturating_duration_since(now));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Err(error).context("cannot wait for sockets");
                }
                _ => now = self.shared.clock.now(),
            }
            if !events.is_empty() {
                stirred = now;
            }
            self.shared.log.check().context("cannot write to stdout")?;
            for event in &events {
                match event.token() {
                    ACCEPT => self.acceptor.iter_mut().for_each(Acceptor::note),
                    CALL => {}
                    STOP => self.start_drain(now),
                    Token(number) if number >= DATAGRAMS.0 => {
                        let number = number - DATAGRAMS.0;
                        self.answerer.iter_mut().for_each(|answerer| answerer.note(number));
                    }
                    Token(key) => {
                        if let Some(connection) = self.connections.get_mut(key) {
                            connection.note(event);
                            self.drive(key, now);
                        }
                    }
                }
            }
            for _ in 0..self.queue.len() {
                if let Some(key) = self.queue.pop_front() {
                    self.connections.get_mut(key).into_iter().for_each(|c| c.queued = false);
                    self.drive(key, now);
                }
            }
            self.answer(now);
            self.dismiss(now);
            self.fire_alarms(now);
            self.accept(now);
            self.collect(now);
            if self.is_drained(now) {
                self.cut_off();
                return Ok(());
            }
        }
    }

    /// The instant until which there is nothing to do but wait for an event; in the past if there is.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        let answer = self.answerer.as_ref().and_then(|answerer| answerer.due(now));
        let queue = (!self.queue.is_empty()).then_some(now);
        let alarm = self.alarms.first().map(|(at, _)| *at);
        let accept = self.acceptor.as_ref().and_then(|acceptor| acceptor.due(now));
        let accept = accept.filter(|_| !self.shared.shares.is_full());
        let drain = self.drain.as_ref().map(Drain::due);
        [queue, answer, alarm, accept, drain].into_iter().flatten().min()
    }

    /// Lets one connection have its turn.
    fn drive(&mut self, key: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let before = connection.echoed();
        let driven = connection.drive(&mut self.scratch, now, self.shared.log);
        self.counters.echo(connection.echoed() - before);
        match driven {
            Err(end) => return self.close(key, &end),
            Ok(Pumped::More) if !connection.queued => {
                connection.queued = true;
                self.queue.push_back(key);
            }
            Ok(_) => {}
        }
        // A deadline that has moved on is corrected when the alarm goes off: no
        // work per message.
        if let Some(due) = connection.due(now)
            && connection.alarm.is_none_or(|alarm| due < alarm)
        {
            let later = connection.alarm.replace(due);
            later.map(|later| self.alarms.remove(&(later, key)));
            self.alarms.insert((due, key));
        }
    }

    fn fire_alarms(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.alarms.first()
            && at <= now
        {
            self.alarms.pop_first();
            if let Some(connection) = self.connections.get_mut(key) {
                connection.alarm = None;
                connection.look_again(now);
                self.drive(key, now);
            }
        }
    }

    /// Answers the datagrams that have arrived, as far as their turn goes; for the last time if a
    /// stop was requested.
    fn answer(&mut self, now: Instant) {
        let Some(answerer) = &mut self.answerer else { return };
        answerer.answer(now, self.counters, self.shared.log);
        if self.drain.is_some()
            && let Some(answerer) = self.answerer.take()
        {
            let planted = answerer.finish(now, self.counters, self.shared.log);
            if let (Some(all), Some(planted)) = (&mut self.planted, &planted) {
                all.add(planted);
            }
        }
    }

    fn close(&mut self, key: usize, end: &End) {
        let connection = self.connections.remove(key);
        connection.alarm.map(|alarm| self.alarms.remove(&(alarm, key)));
        if let (Some(planted), Some(spoiler)) = (&mut self.planted, &connection.spoiler) {
            planted.add(&spoiler.planted());
        }
        self.shared.log.client(connection.peer, end);
        let echoed = connection.echoed();
        // The descriptor is free before the first worker is woken, and the place before it is told.
        connection.close(end);
        self.acceptor.iter_mut().for_each(Acceptor::resume);
        if self.shared.shares.leave(self.number) && self.number > 0 {
            let _ = self.shared.wakers[0].wake();
        }
        self.counters.end(echoed, end);
        if self.ends_with_clients {
            self.end_with_clients();
        }
    }
}
