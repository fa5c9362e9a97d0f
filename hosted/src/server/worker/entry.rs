//! How connections come to a worker: the first one accepts them, and mails the others theirs.

use std::net::SocketAddr;
use std::sync::mpsc::TryRecvError;

use anyhow::{Context, Result};
use echo_core::Instant;
use echo_instruments::service::End;
use echo_instruments::target::canonical;
use mio::Token;
use mio::net::TcpStream;

use super::{TURN, Worker};
use crate::pump::Pump;
use crate::server::accept::prepare;
use crate::server::connection::{Connection, watch};

impl<const N: usize> Worker<'_, N> {
    /// Accepts who waits, as far as a turn and the limit allow.
    pub(super) fn accept(&mut self, now: Instant) {
        for _ in 0..TURN {
            if self.acceptor.is_none() || self.shared.shares.is_full() || !self.accept_one(now) {
                return;
            }
        }
    }

    /// Accepts who is next, and gives the connection to the worker that has the fewest. Returns whether
    /// there was somebody.
    pub(super) fn accept_one(&mut self, now: Instant) -> bool {
        let Some((stream, peer)) = self.acceptor.as_mut().and_then(|a| a.next(now)) else {
            return false;
        };
        self.shared.log.client(peer, "connected");
        let worker = self.shared.shares.least();
        self.shared.shares.enter(worker);
        match worker.checked_sub(1) {
            None => self.adopt(stream, peer, now),
            Some(other) => self.outboxes[other].send(stream, peer),
        }
        true
    }

    /// Serves connections that somebody else has accepted.
    pub(super) fn inherit(&mut self, connections: Vec<std::net::TcpStream>) -> Result<()> {
        let now = self.shared.clock.now();
        for stream in connections {
            // Whoever has left already is no client.
            let Ok(peer) = stream.peer_addr() else { continue };
            stream.set_nonblocking(true).context("cannot serve an inherited connection")?;
            let _ = prepare(&stream);
            let peer = canonical(peer);
            self.shared.log.client(peer, "connected");
            self.shared.shares.enter(self.number);
            self.adopt(TcpStream::from_std(stream), peer, now);
        }
        if self.acceptor.is_none() && self.answerer.is_none() {
            self.end_with_clients();
        }
        Ok(())
    }

    /// Ends the server with the last client that it has.
    pub(super) fn end_with_clients(&mut self) {
        self.ends_with_clients = true;
        if self.connections.is_empty() {
            self.shared.stop.request();
        }
    }

    /// Takes what was mailed. Its end is that of the server: nobody accepts any more.
    pub(super) fn collect(&mut self, now: Instant) {
        while let Some(inbox) = &self.inbox {
            match inbox.try_recv() {
                Ok((stream, peer)) => self.adopt(stream, peer, now),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.inbox = None;
                    self.start_drain(now);
                }
            }
        }
    }

    fn adopt(&mut self, stream: TcpStream, peer: SocketAddr, now: Instant) {
        self.counters.open();
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
        match ready {
            Ok(()) => self.drive(key, now),
            Err(error) => self.close(key, &End::Broken(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread;
    use std::time::{Duration, Instant};

    use echo_core::Rules;
    use echo_instruments::service::Log;
    use echo_instruments::signals::Stop;

    use crate::address::listen;
    use crate::server::{Config, Server};

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn who_comes_is_served_by_the_thread_that_has_the_fewest() {
        let ip = "127.0.0.1".parse().expect("an address");
        let listeners = listen(Some(&ip), 0, 128).expect("a free port");
        let rules = Rules { chunk: 1000, ..Rules::default() };
        let config = Config { rules, threads: 2, ..Config::default() };
        let server = Server::new(listeners, config);
        let (address, counters) = (server.addresses().expect("bound")[0], server.counters.clone());
        let stop = Stop::new().expect("a descriptor");
        let serving = thread::spawn({
            let stop = stop.clone();
            move || server.run(&stop, &Log::silent())
        });
        let open = || [0, 1].map(|thread: usize| counters[thread].totals().open());
        let mut clients = [Vec::new(), Vec::new()];
        // So many come, and so many of each thread leave.
        for (come, leave, left) in [
            (2, [0, 0], [1, 1]),
            (62, [0, 32], [32, 0]),
            (32, [0, 0], [32, 32]),
            (1, [3, 9], [30, 23]),
            (10, [0, 0], [32, 31]),
        ] {
            for _ in 0..come {
                let before = open();
                let mut client = TcpStream::connect(address).expect("it listens");
                client.set_read_timeout(Some(PATIENCE)).expect("an option");
                client.write_all(b"1").expect("sent");
                client.read_exact(&mut [0]).expect("echoed");
                clients[usize::from(open()[1] > before[1])].push(client);
            }
            for (clients, leave) in clients.iter_mut().zip(leave) {
                clients.truncate(clients.len() - leave);
            }
            let end = Instant::now() + PATIENCE;
            while open() != left && Instant::now() < end {
                thread::yield_now();
            }
            assert_eq!(open(), left, "{come} came, {leave:?} left");
        }
        stop.request();
        let totals = serving.join().expect("no panic").expect("it serves");
        assert_eq!((totals.opened, totals.open()), (107, 0));
    }
}
