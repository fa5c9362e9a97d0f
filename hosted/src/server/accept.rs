//! Accepting: taking connections from the backlog, as long as there is room.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use echo_core::Instant;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use echo_instruments::reason::reason;
use echo_instruments::target::canonical;
use echo_instruments::terminal::notes::remark;

use crate::pump::Pump;

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
    /// Whether one may be waiting that came before its listener was prepared.
    unprepared: bool,
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
                prepare(&listener)?;
                Ok(TcpListener::from_std(listener))
            })
            .collect::<io::Result<Vec<_>>>()?;
        for listener in &mut listeners {
            registry.register(listener, token, Interest::READABLE)?;
        }
        Ok(Self { listeners, waiting: true, unprepared: true, paused: None, told: false })
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
                    Ok((stream, peer)) => {
                        if self.unprepared {
                            // If it is broken already, its first turn will show.
                            let _ = prepare(&stream);
                        }
                        return Some((stream, canonical(peer)));
                    }
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
        self.unprepared = false;
        self.told = false;
        None
    }
}

/// Prepares a connection, or a listener for those that it will accept.
pub(super) fn prepare<'s>(socket: impl Into<SockRef<'s>>) -> io::Result<()> {
    let socket = socket.into();
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    Pump::prepare(socket)
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

#[cfg(test)]
mod tests {
    use std::net::TcpStream as Client;

    use echo_instruments::clock::Clock;

    use super::*;

    /// The option of the listener is not that of a connection that waited already.
    #[test]
    fn who_came_before_the_server_is_served_as_who_comes_later() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let poll = mio::Poll::new().expect("a descriptor");
        let early = Client::connect(address).expect("it listens");
        let acceptor = Acceptor::new(vec![listener], poll.registry(), Token(0));
        let (mut acceptor, now) = (acceptor.expect("registered"), Clock::start().now());
        let mut clients = vec![early];
        for _ in 0..3 {
            let (stream, peer) = acceptor.next(now).expect("it has come");
            let client = clients.last().and_then(|client| client.local_addr().ok());
            assert_eq!(Some(peer), client);
            let socket = SockRef::from(&stream);
            assert!(socket.tcp_nodelay().expect("an option"), "{}", clients.len());
            assert!(socket.out_of_band_inline().expect("an option"), "{}", clients.len());
            #[cfg(any(target_os = "linux", target_os = "android"))]
            assert_eq!(socket.tcp_notsent_lowat().expect("an option"), UNSENT);
            assert!(acceptor.next(now).is_none() && !acceptor.unprepared);
            clients.push(Client::connect(address).expect("it listens"));
            acceptor.note();
        }
    }
}
