//! Mail: how the worker that accepts passes connections on to another.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};

use mio::Waker;
use mio::net::TcpStream;

/// The way to another worker, which serves until it is dropped: nothing that was sent is lost.
pub(super) struct Outbox<'a> {
    /// None once it is being dropped.
    sender: Option<Sender<(TcpStream, SocketAddr)>>,
    /// Wakes the other worker.
    waker: &'a Waker,
}

impl<'a> Outbox<'a> {
    /// The way to the worker that this wakes, and what that one takes the mail from.
    pub(super) fn new(waker: &'a Waker) -> (Self, Receiver<(TcpStream, SocketAddr)>) {
        let (sender, receiver) = mpsc::channel();
        (Self { sender: Some(sender), waker }, receiver)
    }

    pub(super) fn send(&self, stream: TcpStream, peer: SocketAddr) {
        // A worker that is gone before its mail ends has failed, and the server with it.
        if self.sender.as_ref().is_some_and(|sender| sender.send((stream, peer)).is_ok()) {
            self.wake();
        }
    }

    fn wake(&self) {
        // It fails only if the other worker is awake, or gone.
        let _ = self.waker.wake();
    }
}

/// The other worker hears that no more will come.
impl Drop for Outbox<'_> {
    fn drop(&mut self) {
        self.sender = None;
        self.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream as Client};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use echo_core::CloseReason;
    use echo_instruments::clock::Clock;
    use echo_instruments::service::{Counters, Log};
    use echo_instruments::signals::Stop;
    use mio::Poll;

    use super::*;
    use crate::server::Config;
    use crate::server::worker::{CALL, Shared, Shares, Worker};

    const PATIENCE: Duration = Duration::from_secs(60);

    /// The worker that accepts may hear of it later.
    #[test]
    fn a_worker_serves_what_is_mailed_after_a_stop_was_requested() {
        let poll = Poll::new().expect("a descriptor");
        let waker = Waker::new(poll.registry(), CALL).expect("a descriptor");
        let config = Config { threads: 2, drain: PATIENCE, ..Config::default() };
        let stop: &Stop = Box::leak(Box::new(Stop::new().expect("a descriptor")));
        let log: &Log = Box::leak(Box::new(Log::silent()));
        let (clock, shares, wakers) = (Clock::start(), Shares::new(2, None), vec![waker]);
        let shared = Shared { config, log, stop, clock, shares, wakers };
        let shared: &Shared = Box::leak(Box::new(shared));
        let (outbox, inbox) = Outbox::new(&shared.wakers[0]);
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let counters = Counters::default();
            let mut worker = Worker::<1024>::new(shared, &counters, 1, poll);
            worker.inbox = Some(inbox);
            let _ = done.send(worker.run());
        });
        stop.request();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mail = |outbox: &Outbox| {
            let mut client = Client::connect(address).expect("it listens");
            client.set_read_timeout(Some(PATIENCE)).expect("an option");
            client.write_all(b"1").expect("sent");
            let (stream, peer) = listener.accept().expect("it has come");
            stream.set_nonblocking(true).expect("an option");
            shared.shares.enter(1);
            outbox.send(TcpStream::from_std(stream), peer);
            client
        };
        for _ in 0..100 {
            mail(&outbox).read_exact(&mut [0]).expect("echoed");
        }
        let mut last = mail(&outbox);
        drop(outbox);
        last.read_exact(&mut [0]).expect("echoed");
        drop(last);
        let totals = is_done.recv_timeout(PATIENCE).expect("it ends").expect("it serves");
        assert_eq!(totals.closed(CloseReason::Disconnected), 101);
        assert_eq!(shared.shares.total(), 0);
    }
}
