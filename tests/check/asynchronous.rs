//! The list on echo-async: from both ends over connections in memory, in virtual time; and from
//! sockets over its example.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use echo_async::{Clock, Pump, Turn};
use echo_core::script::Wish;
use echo_core::{Endpoint, Failure, Instant, Rules, Session};
use echo_instruments::stack::{Busy, Driver, Moved, Stack, Unasked};

use crate::pair::{End, pair};
use crate::sockets::over_sockets;
use crate::tasks::{Flag, Tasks, Timeline};
use crate::{async_sockets, list};

/// Bytes on their way in each direction.
const CAPACITY: usize = 16 << 10;

/// All tasks that have something to do take so long together. With the capacity it bounds how
/// much the cases move.
const ROUND: Duration = Duration::from_millis(1);

/// A server with a task for each connection.
struct World {
    timeline: &'static Timeline,
    tasks: Tasks,
    rules: Rules,
    /// How long the server drives on until it drops what it waits for, and begins again.
    patience: Option<Duration>,
    links: Vec<Option<Link>>,
    steps: u64,
}

/// The client's end of a connection.
struct Link {
    end: End,
    pump: Pump<'static, Timeline>,
    flag: Arc<Flag>,
    open: bool,
}

impl World {
    fn new(rules: Rules, links: usize, patience: Option<Duration>) -> Self {
        let timeline: &Timeline = Box::leak(Box::default());
        let links = (0..links).map(|_| None).collect();
        Self { timeline, tasks: Tasks::default(), rules, patience, links, steps: 0 }
    }
}

async fn serve(end: End, timeline: &Timeline, rules: Rules, patience: Option<Duration>) {
    let mut session = Session::<2048>::new(timeline.now(), rules);
    let mut scratch = [0; 2048];
    let mut pump = Pump::new(timeline, &mut scratch);
    loop {
        let (mut reader, mut writer) = end.halves();
        let driven = pump.drive(&mut reader, &mut writer, &mut session);
        match within(patience, timeline, driven).await {
            None => {}
            Some(Ok(Turn::Finished)) => end.shut(),
            Some(Ok(Turn::Over(_)) | Err(_)) => return end.close(),
        }
    }
}

/// What the future returns, or nothing if it takes longer.
async fn within<F: Future>(
    patience: Option<Duration>,
    timeline: &Timeline,
    future: F,
) -> Option<F::Output> {
    let Some(patience) = patience else { return Some(future.await) };
    let mut future = pin!(future);
    let mut sleep = pin!(timeline.sleep_until(timeline.now() + patience));
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
    })
    .await
}

impl Driver for World {
    fn now(&self) -> Instant {
        self.timeline.now()
    }

    fn wait(
        &mut self,
        _now: Instant,
        until: Instant,
        _busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<Instant> {
        loop {
            self.steps += 1;
            assert!(self.steps < 3_000_000, "a livelock at {:?}", self.now());
            let ran = self.tasks.run();
            if ran {
                self.timeline.advance(self.now() + ROUND);
            }
            let woken = |link: &Option<Link>| link.as_ref().is_some_and(|link| link.flag.take());
            let woken = self.links.iter().enumerate().filter(|(_, link)| woken(link));
            ready.extend(woken.map(|(number, _)| number));
            if !ready.is_empty() || self.now() >= until {
                return Ok(self.now());
            }
            if !ran {
                self.timeline.advance(self.timeline.next().map_or(until, |next| next.min(until)));
            }
        }
    }
}

impl Stack for World {
    fn open(&mut self, link: usize) -> Result<Instant, Failure> {
        let [client, server] = pair(CAPACITY);
        self.tasks.spawn(serve(server, self.timeline, self.rules, self.patience));
        let pump = Pump::new(self.timeline, vec![0; CAPACITY].leak());
        self.links[link] = Some(Link { end: client, pump, flag: Flag::woken(), open: false });
        Ok(self.now())
    }

    fn pump<E: Endpoint>(
        &mut self,
        link: usize,
        endpoint: &mut E,
        _now: Instant,
    ) -> Result<Moved, Failure> {
        let Some(Link { end, pump, flag, open }) = &mut self.links[link] else {
            return Ok(Moved::Opening);
        };
        if !std::mem::replace(open, true) {
            return Ok(Moved::Opened);
        }
        let waker = Waker::from(Arc::clone(flag));
        loop {
            let (mut reader, mut writer) = end.halves();
            let driven = pin!(pump.drive(&mut reader, &mut writer, endpoint));
            match driven.poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(Ok(Turn::Finished)) => end.shut(),
                Poll::Ready(Ok(Turn::Over(_))) | Poll::Pending => return Ok(Moved::Done),
                Poll::Ready(Err(_)) => return Err(Failure::Reset),
            }
        }
    }

    fn unasked(&mut self, _link: usize) -> Option<Unasked> {
        None
    }

    fn close(&mut self, link: usize) {
        if let Some(Link { end, .. }) = self.links[link].take() {
            end.close();
        }
    }

    fn grant(&mut self, link: usize, wish: Wish) -> Result<bool, Failure> {
        if let (Wish::Reset, Some(Link { end, .. })) = (wish, &self.links[link]) {
            end.reset();
        }
        Ok(!matches!(wish, Wish::Urgent(_)))
    }
}

fn passes_in_memory(patience: Option<Duration>) {
    // Nothing is urgent there.
    list::all_pass(&["urgent", "urgent-last", "urgent-kept"], |needs, check| {
        let links = check.plan().connections.into();
        let mut world = World::new(needs.rules(), links, patience);
        check.run(needs, &mut world).expect("time is no system call");
    });
}

#[test]
fn the_pump_passes_from_both_ends() {
    passes_in_memory(None);
}

#[test]
fn the_pump_passes_if_it_is_dropped_again_and_again() {
    passes_in_memory(Some(Duration::from_millis(3)));
}

#[test]
fn the_example_passes_over_sockets() {
    list::all_pass(&[], |needs, check| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        // It serves until the tests end.
        thread::spawn(move || async_sockets::run(listener, needs.rules()));
        over_sockets(needs, address, check);
    });
}
