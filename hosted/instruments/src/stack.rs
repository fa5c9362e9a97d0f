//! What an instrument needs of a TCP/IP stack, and no more: the interface between
//! what is measured and what it is measured over.
//!
//! The load loop decides what is sent when, and what came of it; a [`Stack`]
//! opens connections, moves bytes and waits. The operating system's sockets are
//! one, smoltcp behind a TAP interface is another, and on a simulated network
//! with a virtual clock the loop itself is tested. The loop is generic over it:
//! nothing is looked up while it runs.

use std::io;
use std::time::Duration;

use echo_core::script::Wish;
use echo_core::{Endpoint, Failure, Instant};
use rustix::io::Errno;

use crate::ports::Ports;

/// What an instrument needs of a machine, whatever it sends over: the clock by which everything is
/// measured, the wait, and what the machine knows besides.
///
/// It is about links, which are numbered from 0: the connections of a [`Stack`], or the ports of
/// [`Datagrams`](crate::datagrams::Datagrams).
pub trait Driver {
    /// The time, on the clock of all deadlines.
    fn now(&self) -> Instant;

    /// The stops of that clock, when nothing ran.
    fn stops(&self) -> Stops {
        Stops::default()
    }

    /// Waits until links have something to be moved, which are added to `ready`,
    /// but not beyond `until`. Returns the time then; it is `now` if the wait is
    /// still to come, inside the read of the only link.
    ///
    /// # Errors
    ///
    /// If the system has no way to wait.
    fn wait(
        &mut self,
        now: Instant,
        until: Instant,
        busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<Instant>;

    /// Follows the message of so many bytes that is the next to begin on the open link, which has none in
    /// flight, until [`followed`](Self::followed) is asked or the link is closed.
    ///
    /// # Errors
    ///
    /// The reason why it cannot, in words.
    fn follow(&mut self, _link: usize, _bytes: u64) -> Result<(), String> {
        Err("this TCP/IP stack has no kernel that takes the time".into())
    }

    /// The way of the message that was followed and has come back, if all of it was seen.
    fn followed(&mut self, _link: usize) -> Option<Passage> {
        None
    }

    /// What the stack knows of the open link, if anything.
    fn kernel(&self, _link: usize) -> Option<Kernel> {
        None
    }

    /// Where both ends of the open link run, if the stack knows: it is asked now and then, not for each message.
    fn placement(&self, _link: usize) -> Option<Placement> {
        None
    }

    /// The operating system's error when something last failed, if there was one.
    fn errno(&self) -> Option<Errno> {
        None
    }

    /// The number of datagrams that have come so far, and that this machine dropped for want of room, if the stack
    /// knows. It is asked at the ends of a run.
    fn dropped(&self) -> Option<u64> {
        None
    }

    /// The local ports that are taken, if the stack knows.
    fn ports(&self) -> Option<Ports> {
        None
    }
}

/// Connections to one echo server, numbered from 0.
///
/// A connection is called a link here, whether it is open or not.
pub trait Stack: Driver {
    /// Begins to open a link that is closed. Returns when that began: before now
    /// if the stack had a connection ready for it.
    ///
    /// # Errors
    ///
    /// The reason why it cannot even begin.
    fn open(&mut self, link: usize) -> Result<Instant, Failure>;

    /// Moves what can be moved without waiting, by all four steps of the
    /// [run loop](echo_core#the-run-loop): write, read, time, finish.
    ///
    /// # Errors
    ///
    /// The reason why the link is broken, or was not opened.
    fn pump<E: Endpoint>(
        &mut self,
        link: usize,
        endpoint: &mut E,
        now: Instant,
    ) -> Result<Moved, Failure>;

    /// What the peer has done on an open link that waits for nothing, as far as
    /// it is known. Bytes stay where they are.
    fn unasked(&mut self, link: usize) -> Option<Unasked>;

    /// Closes the link, whatever is in flight. It may be opened again.
    fn close(&mut self, link: usize);

    /// Lets connections that were closed come to their ends, if that takes no more than a moment: a
    /// run begins, and those of the run before are not to be in its way.
    ///
    /// # Errors
    ///
    /// If the system has no way to wait.
    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Does on an open link what a stream of bytes cannot express. Returns whether this stack can.
    ///
    /// # Errors
    ///
    /// The reason why the link is broken.
    fn grant(&mut self, _link: usize, _wish: Wish) -> Result<bool, Failure> {
        Ok(false)
    }
}

/// The result of a pump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// The link is not open yet.
    Opening,
    /// It has become open just now, and nothing has been moved over it.
    Opened,
    /// All that could be moved was. The link is ready again when there is more.
    Done,
}

/// What a wait is for.
#[derive(Debug, Clone, Copy)]
pub struct Busy {
    /// The number of messages in flight.
    pub messages: usize,
    /// The instant at which the last of them began.
    pub since: Instant,
    /// The instant before which none of them times out.
    pub deadline: Option<Instant>,
}

/// What the peer has done unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unasked {
    /// It has closed the connection, in whatever way.
    Closed,
    /// It has sent this many bytes, and perhaps more.
    Bytes(u64),
}

/// The way of a message outside this process, on the clock of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// When its last byte was first given to the network.
    pub sent: Instant,
    /// When the last byte of its echo had come from there.
    pub received: Instant,
    /// The most by which both may be too early or too late, together.
    pub within: Duration,
}

/// What a stack knows of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// The number of retransmitted segments.
    pub retransmits: u64,
    /// Its smoothed round-trip time, of the connection asked last and as it was at that moment.
    pub srtt: Duration,
    /// Its lowest round-trip time, from a segment to the acknowledgement.
    pub min_rtt: Option<Duration>,
}

impl Kernel {
    /// The values of this connection combined with those of connections `before` it.
    pub(crate) fn after(self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        Self {
            retransmits: self.retransmits + before.retransmits,
            srtt: self.srtt,
            min_rtt: [self.min_rtt, before.min_rtt].into_iter().flatten().min(),
        }
    }
}

/// Where the two ends of a connection run that are on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// On one processor: each waits for it until the other sleeps.
    Together,
    /// On two: each must be woken by the other.
    Apart,
}

/// A resource that this machine has run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Local ports for one more connection to the peer.
    Ports,
    /// Descriptors or memory for one more socket.
    Sockets,
}

impl Lack {
    /// The resource whose lack an error of the operating system reports.
    #[must_use]
    pub fn of(errno: Errno) -> Option<Self> {
        match errno {
            Errno::ADDRNOTAVAIL | Errno::ADDRINUSE | Errno::AGAIN => Some(Self::Ports),
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC => {
                Some(Self::Sockets)
            }
            _ => None,
        }
    }
}

/// Times in which the instrument did not run: its process was stopped, or the machine suspended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stops {
    /// The number of stops.
    pub times: u64,
    /// Their total duration.
    pub total: Duration,
}
