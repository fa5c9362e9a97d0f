//! Waiting for connections.
//!
//! One connection with messages that fit into its buffers is waited for inside the read itself, or, where the wait must not
//! sleep, by reading it again and again. Several, or messages that must be written and read in turns, are waited for by the
//! system's event queue.

use std::io::{self, ErrorKind};
use std::time::Duration;

use echo_core::Instant;
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::stack::Busy;
use echo_instruments::timer::Timer;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use super::link::Link;
use crate::patience::{Patience, Way, is_readable};
use crate::pump::Pump;

/// The longest message that is waited for inside the read: it fits into the buffers of any system.
const INSIDE: u64 = 16 << 10;

/// The token of the timer's events; no link has this number.
const TIMER: Token = Token(usize::MAX - 1);

pub(super) struct Wait {
    poll: Poll,
    events: Events,
    /// The timer that wakes exactly at the instant of a schedule.
    timer: Option<Timer>,
    /// Links that have more to move than their turn allowed.
    again: Vec<usize>,
    patience: Patience,
    /// Whether streams are read without being watched, in vain as well: what comes on a watched one is also told to its
    /// watcher, which takes time.
    unwatched: bool,
}

impl Wait {
    pub(super) fn new(plan: &Plan) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = if plan.pace == Pace::Closed {
            None
        } else {
            let timer = Timer::new()?;
            if let Some(descriptor) = timer.descriptor() {
                let interest = Interest::READABLE;
                poll.registry().register(&mut SourceFd(&descriptor), TIMER, interest)?;
            }
            Some(timer)
        };
        let one = plan.connections == 1 && !plan.per_message && plan.length <= INSIDE;
        let patience = Patience::new(plan, one);
        let unwatched = one && (patience.inside().is_some() || patience.is_endless());
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            timer,
            again: Vec::new(),
            patience,
            unwatched,
        })
    }

    /// Watches this link's stream for changes.
    pub(super) fn watch(&self, link: &mut Link, number: usize) -> io::Result<()> {
        link.source().map_or(Ok(()), |stream| {
            self.poll.registry().register(stream, Token(number), Pump::interest())
        })
    }

    /// Whether the system tells of what comes.
    pub(super) const fn is_watching(&self) -> bool {
        !self.unwatched
    }

    /// Prepares a stream that has just been connected.
    pub(super) fn opened(&self, stream: &mut TcpStream) -> io::Result<()> {
        if self.unwatched {
            self.poll.registry().deregister(stream)?;
        }
        if let Some(slice) = self.patience.inside() {
            let socket = SockRef::from(&*stream);
            socket.set_nonblocking(false)?;
            socket.set_read_timeout(Some(slice))?;
            socket.set_write_timeout(Some(slice))?;
        }
        Ok(())
    }

    /// Notes that this link has more to move.
    pub(super) fn again(&mut self, link: usize) {
        self.again.push(link);
    }

    /// Waits for links that have something to do, but not beyond `until`.
    /// Returns whether time has passed: not if the wait comes inside the read, or is none.
    pub(super) fn ready(
        &mut self,
        links: &mut [Link],
        now: Instant,
        until: Instant,
        busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<bool> {
        // This is the only link, if it waits for an echo.
        let only = match links {
            [link] if busy.messages > 0 && link.stream().is_some() => Some(link),
            _ => None,
        };
        let mut wait = match (self.patience.way(only.is_some(), now, until, busy), only) {
            (Way::All(wait), _) => wait,
            (Way::Exactly(wait), Some(link)) => {
                if link.stream().map_or(Ok(false), |stream| is_readable(stream, wait))? {
                    self.read(link, ready);
                }
                return Ok(true);
            }
            // Asking the stream itself is one system call less, and the loop reads the clock
            // after it anyway.
            (_, Some(link)) => {
                self.read(link, ready);
                return Ok(false);
            }
            (_, None) => Duration::ZERO,
        };
        if !self.again.is_empty() {
            wait = Duration::ZERO;
        }
        if let Some(timer) = &self.timer
            && !wait.is_zero()
        {
            timer.set(wait)?;
        }
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        ready.append(&mut self.again);
        for event in &self.events {
            let Token(key) = event.token();
            if let Some(link) = links.get_mut(key) {
                link.note(event);
                ready.push(key);
            }
        }
        if !ready.is_empty() {
            self.patience.note(now);
        }
        Ok(true)
    }

    /// Lets the only link be read next.
    fn read(&mut self, link: &mut Link, ready: &mut Vec<usize>) {
        ready.push(0);
        link.wait_inside();
        self.again.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use echo_instruments::stack::Moved;

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// Whether the system tells of what has come on one connection of the plan.
    fn is_told(plan: &Plan) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stream = std::net::TcpStream::connect(address).expect("connected");
        let (mut peer, _) = listener.accept().expect("accepted");
        let (mut wait, mut link) = (Wait::new(plan).expect("a queue"), Link::closed(false));
        link.adopt(stream).expect("open");
        wait.watch(&mut link, 0).expect("known");
        assert_eq!(link.look(&wait).expect("connected"), Moved::Opened);
        peer.write_all(b"1").expect("sent");
        let came = is_readable(link.stream().expect("open"), Duration::from_secs(60));
        assert!(came.expect("known"));
        wait.poll.poll(&mut wait.events, Some(Duration::ZERO)).expect("polled");
        let told = wait.events.iter().any(mio::event::Event::is_readable);
        assert_eq!(wait.is_watching(), told);
        told
    }

    #[test]
    fn the_system_tells_only_who_ever_asks() {
        let plan = Plan::new();
        assert!(!is_told(&plan), "it waits inside the read");
        let spins = Plan { spin: Duration::MAX, ..plan.clone() };
        assert!(!is_told(&spins), "it never waits");
        for asks in [
            Plan { spin: MILLI, ..plan.clone() },
            Plan { connections: 2, ..spins.clone() },
            Plan { per_message: true, ..spins.clone() },
            Plan { length: INSIDE + 1, ..spins },
        ] {
            assert!(is_told(&asks), "{asks:?}");
        }
    }
}
