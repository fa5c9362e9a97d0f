//! Accepting: taking connections from the backlog, as long as there is room.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use echo_core::Instant;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use echo_instruments::reason::reason;
use echo_instruments::target::canonical;
use echo_instruments::terminal::notes::remark;

/// The pause after an error that only time cures (no descriptor left).
const PAUSE: Duration = Duration::from_millis(100);

/// The most bytes that the system accepts for a connection beyond what it has in
/// flight: as many as keep a fast line busy until the next turn. Otherwise each
/// peer that does not read ties up megabytes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;

/// The listening sockets of a server.
pub(super) struct Acceptor {
    listeners: Vec<TcpListener>,
    /// Whether a connection may be waiting: the listeners report only changes.
    waiting: bool,
    /// The end of the pause after descriptors ran out.
    paused: Option<Instant>,
    /// Whether an error was printed: it is not printed again until the backlog has been empty.
    told: bool,
}

impl Acceptor {
    /// Registers the listeners, all under one token.
    pub(super) fn new(
        listeners: Vec<std::net::TcpListener>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut listeners = listeners
            .into_iter()
            .map(|listener| {
                listener.set_nonblocking(true)?;
                // Accepted streams inherit this, without a system call.
                #[cfg(any(target_os = "linux", target_os = "android"))]
                socket2::SockRef::from(&listener).set_tcp_notsent_lowat(UNSENT)?;
                Ok(TcpListener::from_std(listener))
            })
            .collect::<io::Result<Vec<_>>>()?;
        for listener in &mut listeners {
            registry.register(listener, token, Interest::READABLE)?;
        }
        Ok(Self { listeners, waiting: true, paused: None, told: false })
    }

    /// Notes that a connection is waiting.
    pub(super) fn note(&mut self) {
        self.waiting = true;
    }

    /// Notes that a descriptor has become free.
    pub(super) fn resume(&mut self) {
        self.paused = None;
    }

    /// When [`next`](Self::next) is worth a call: at once, at an instant, or not before an event.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if self.waiting { Some(self.paused.unwrap_or(now)) } else { None }
    }

    /// The next connection from the backlog, if there is one and nothing forbids it now.
    pub(super) fn next(&mut self, now: Instant) -> Option<(TcpStream, SocketAddr)> {
        if self.due(now).is_none_or(|due| due > now) {
            return None;
        }
        self.paused = None;
        for listener in &self.listeners {
            loop {
                match listener.accept() {
                    Ok((stream, peer)) => return Some((stream, canonical(peer))),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        self.paused = Some(now + PAUSE);
                        if !std::mem::replace(&mut self.told, true) {
                            remark(&format!(
                                "cannot accept connections for now: {}; trying again",
                                reason(&error)
                            ));
                        }
                        return None;
                    }
                }
            }
        }
        self.waiting = false;
        self.told = false;
        None
    }
}

/// Whether `accept` passes this error on from the connection that it would have
/// returned (see accept(2)): the next connection may be sound.
fn is_of_one_connection(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let Some(errno) = Errno::from_io_error(error) else { return false };
    [
        Errno::CONNABORTED,
        Errno::INTR,
        Errno::NETDOWN,
        Errno::PROTO,
        Errno::NOPROTOOPT,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::OPNOTSUPP,
        Errno::NETUNREACH,
        Errno::PERM,
        Errno::TIMEDOUT,
    ]
    .contains(&errno)
}
