//! The event loop: one worker on each thread serves its share of the clients.
//!
//! The first worker also accepts, distributes connections, and answers datagrams. A worker wakes
//! up, gives every connection that is ready a turn, and handles deadlines: per
//! message one read and one write, and nothing else. It never waits for the log.

mod drain;

use std::collections::{BTreeSet, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context, Result};
use echo_core::{Instant, Planted};
use echo_instruments::clock::Clock;
use echo_instruments::service::{Counters, Drain, End, Log, Totals};
use echo_instruments::signals::Stop;
use echo_instruments::target::canonical;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::accept::{Acceptor, prepare};
use super::connection::{Connection, watch};
use super::datagrams::Answerer;
use super::{Config, LARGEST_BUFFER, Server};
use crate::pump::{Pump, Pumped};

/// The tokens of event sources that are not connections; those count from 0.
const ACCEPT: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);
const MAIL: Token = Token(usize::MAX - 2);
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
    /// The number of connections that are being served.
    live: AtomicUsize,
    /// Whether the limit is reached: then a worker that closes a connection wakes the acceptor.
    full: AtomicBool,
    mailboxes: Vec<Mailbox>,
}

/// The channel through which a worker gets connections.
struct Mailbox {
    sender: Sender<(TcpStream, SocketAddr)>,
    waker: Waker,
}

/// Serves with sessions of `N` bytes, on as many threads as configured.
pub(super) fn serve<const N: usize>(server: Server, stop: &Stop, log: &Log) -> Result<Totals> {
    let Server { listeners, connections, sockets, config, counters } = server;
    let cannot_wait = "cannot wait for sockets";
    let mut posts = Vec::new();
    let mut mailboxes = Vec::new();
    for _ in counters.iter() {
        let poll = Poll::new().context(cannot_wait)?;
        let (sender, mail) = mpsc::channel();
        let waker = Waker::new(poll.registry(), MAIL).context(cannot_wait)?;
        let mut receiver = SourceFd(&stop.receiver().as_raw_fd());
        poll.registry().register(&mut receiver, STOP, Interest::READABLE).context(cannot_wait)?;
        mailboxes.push(Mailbox { sender, waker });
        posts.push((poll, mail));
    }
    let shared = Shared {
        config,
        log,
        stop,
        clock: Clock::start(),
        live: AtomicUsize::new(0),
        full: AtomicBool::new(false),
        mailboxes,
    };
    let mut workers =
        (0..).zip(posts).zip(counters.iter()).map(|((number, (poll, mail)), counters)| {
            Worker::<N>::new(&shared, counters, number, poll, mail)
        });
    let mut first = workers.next().context("a server has a thread at least")?;
    first.inherit(connections)?;
    if listeners.is_empty() && sockets.is_empty() {
        first.end_with_clients();
    }
    if !listeners.is_empty() {
        let acceptor = Acceptor::new(listeners, first.poll.registry(), ACCEPT);
        first.acceptor = Some(acceptor.context(cannot_wait)?);
    }
    if !sockets.is_empty() {
        let (registry, planting) = (first.poll.registry(), shared.config.planting.as_ref());
        let answerer = Answerer::new(sockets, registry, DATAGRAMS, planting);
        first.answerer = Some(answerer.context("cannot take datagrams")?);
    }
    thread::scope(|scope| {
        let others: Vec<_> = workers.map(|worker| scope.spawn(move || worker.run())).collect();
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
    poll: Poll,
    mail: Receiver<(TcpStream, SocketAddr)>,
    acceptor: Option<Acceptor>,
    /// Whether no other clients can come than those it has from the start: then they alone are waited for.
    ends_with_clients: bool,
    answerer: Option<Answerer>,
    /// The worker that gets the next connection.
    next_worker: usize,
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
    fn new(
        shared: &'a Shared<'a>,
        counters: &'a Counters,
        number: u64,
        poll: Poll,
        mail: Receiver<(TcpStream, SocketAddr)>,
    ) -> Self {
        Self {
            shared,
            counters,
            poll,
            mail,
            acceptor: None,
            ends_with_clients: false,
            answerer: None,
            next_worker: 0,
            connections: Slab::new(),
            next_connection: number << 48,
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
        loop {
            let wait = self.next_due(now).map(|due| due.saturating_duration_since(now));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Err(error).context("cannot wait for sockets");
                }
                _ => now = self.shared.clock.now(),
            }
            self.shared.log.check().context("cannot write to stdout")?;
            for event in &events {
                match event.token() {
                    ACCEPT | MAIL => {
                        self.acceptor.iter_mut().for_each(Acceptor::note);
                    }
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
            while let Ok((stream, peer)) = self.mail.try_recv() {
                self.adopt(stream, peer, now);
            }
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
        let accept = self.acceptor.as_ref().filter(|_| !self.is_full()).and_then(|a| a.due(now));
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

    fn accept(&mut self, now: Instant) {
        for _ in 0..TURN {
            if self.acceptor.is_none() || self.is_full() {
                return;
            }
            let Some((stream, peer)) = self.acceptor.as_mut().and_then(|a| a.next(now)) else {
                return;
            };
            self.shared.live.fetch_add(1, Ordering::SeqCst);
            self.counters.open();
            self.shared.log.client(peer, "connected");
            // At the end this one serves all: another may be gone already.
            let worker = if self.shared.stop.requested() { 0 } else { self.next_worker };
            self.next_worker = (worker + 1) % self.shared.mailboxes.len();
            if worker == 0 {
                self.adopt(stream, peer, now);
            } else {
                let mailbox = &self.shared.mailboxes[worker];
                // A worker that is gone has stopped the others, too.
                if mailbox.sender.send((stream, peer)).is_ok() {
                    let _ = mailbox.waker.wake();
                }
            }
        }
    }

    /// Serves connections that somebody else has accepted.
    fn inherit(&mut self, connections: Vec<std::net::TcpStream>) -> Result<()> {
        let now = self.shared.clock.now();
        for stream in connections {
            // Whoever has left already is no client.
            let Ok(peer) = stream.peer_addr() else { continue };
            stream.set_nonblocking(true).context("cannot serve an inherited connection")?;
            let _ = prepare(&stream);
            self.shared.live.fetch_add(1, Ordering::SeqCst);
            self.counters.open();
            self.shared.log.client(canonical(peer), "connected");
            self.adopt(TcpStream::from_std(stream), canonical(peer), now);
        }
        Ok(())
    }

    /// Ends the server with the last client that it has.
    fn end_with_clients(&mut self) {
        self.ends_with_clients = true;
        if self.connections.is_empty() {
            self.shared.stop.request();
        }
    }

    /// Whether the limit on connections is reached; if so, the next close wakes the acceptor.
    fn is_full(&self) -> bool {
        let Some(most) = self.shared.config.max_conns else { return false };
        if self.shared.live.load(Ordering::SeqCst) < most {
            return false;
        }
        self.shared.full.store(true, Ordering::SeqCst);
        // A connection may have been closed in between without seeing the flag.
        self.shared.live.load(Ordering::SeqCst) >= most
    }

    fn adopt(&mut self, stream: TcpStream, peer: SocketAddr, now: Instant) {
        let rules = self.shared.config.rules;
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let connection = entry.insert(Box::new(Connection::new(stream, peer, now, rules)));
        if let Some(planting) = &self.shared.config.planting {
            connection.spoiler = Some(Box::new(planting.spoiler(self.next_connection)));
            self.next_connection += 1;
        }
        let ready = watch(&connection.stream, rules).and_then(|()| {
            let registry = self.poll.registry();
            registry.register(&mut connection.stream, Token(key), Pump::interest())
        });
        if let Some(drain) = &mut self.drain {
            drain.add(key);
        }
        match ready {
            Ok(()) => self.drive(key, now),
            Err(error) => self.close(key, &End::Broken(error)),
        }
    }

    fn close(&mut self, key: usize, end: &End) {
        let connection = self.connections.remove(key);
        connection.alarm.map(|alarm| self.alarms.remove(&(alarm, key)));
        self.counters.end(connection.echoed(), end);
        if let (Some(planted), Some(spoiler)) = (&mut self.planted, &connection.spoiler) {
            planted.add(&spoiler.planted());
        }
        self.shared.log.client(connection.peer, end);
        // The descriptor is free before the acceptor is woken.
        connection.close(end);
        self.shared.live.fetch_sub(1, Ordering::SeqCst);
        match &mut self.acceptor {
            Some(acceptor) => acceptor.resume(),
            None if self.shared.full.swap(false, Ordering::SeqCst) => {
                let _ = self.shared.mailboxes[0].waker.wake();
            }
            None => {}
        }
        if self.ends_with_clients {
            self.end_with_clients();
        }
    }
}
