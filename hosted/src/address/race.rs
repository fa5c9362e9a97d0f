//! Connecting to a host that has several addresses: the first that answers wins.
//!
//! An address that does not answer costs the others a quarter of a second, not its
//! whole time-out ([RFC 8305], section 5): a tunnel that swallows packets or a
//! dead replica does not hold up a client that has another address.
//!
//! [RFC 8305]: https://www.rfc-editor.org/rfc/rfc8305

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use echo_core::Instant;
use echo_instruments::clock::Clock;
use echo_instruments::target::HEAD_START;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;

use super::source::{begin, matching};
use super::{Opened, refuse_itself};
use crate::pump::Pump;

/// A connection that is being opened.
struct Attempt {
    address: SocketAddr,
    socket: Socket,
    begun: Instant,
    /// The instant at which it has taken too long.
    deadline: Option<Instant>,
}

/// Returns the first connection that opens, each attempt within `limit`, or what became of each address.
pub(super) fn run(
    addresses: &[SocketAddr],
    sources: &[IpAddr],
    limit: Option<Duration>,
) -> Result<Opened, Vec<(SocketAddr, io::Error)>> {
    let mut waiting = addresses.iter().copied();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut failures = Vec::new();
    let clock = Clock::start();
    // The instant at which the next address has its turn.
    let mut turn = clock.now();
    loop {
        let now = clock.now();
        if (attempts.is_empty() || turn <= now)
            && let Some(address) = waiting.next()
        {
            turn = now + HEAD_START;
            let deadline = limit.and_then(|limit| now.checked_add(limit));
            match begin(address, matching(sources, address).next()) {
                Ok(socket) => attempts.push(Attempt { address, socket, begun: now, deadline }),
                Err(error) => failures.push((address, error)),
            }
            continue;
        }
        if attempts.is_empty() {
            return Err(failures);
        }
        let next = (waiting.len() > 0).then_some(turn);
        let until = attempts.iter().filter_map(|attempt| attempt.deadline).chain(next).min();
        let ready = wait(&attempts, until.map(|until| until.saturating_duration_since(now)));
        let now = clock.now();
        let mut pending = Vec::new();
        for (attempt, ready) in attempts.into_iter().zip(ready) {
            let outcome = if ready {
                finish(&attempt.socket)
            } else if attempt.deadline.is_some_and(|deadline| deadline <= now) {
                Err(ErrorKind::TimedOut.into())
            } else {
                Ok(false)
            };
            match outcome {
                Ok(true) => {
                    let took = now.saturating_duration_since(attempt.begun);
                    return Ok(Opened { stream: attempt.socket.into(), took });
                }
                Ok(false) => pending.push(attempt),
                Err(error) => {
                    failures.push((attempt.address, error));
                    turn = now;
                }
            }
        }
        attempts = pending;
    }
}

/// Which attempts have made progress, once one has or the time is over.
fn wait(attempts: &[Attempt], timeout: Option<Duration>) -> Vec<bool> {
    let watched = attempts.iter().map(|attempt| PollFd::new(&attempt.socket, PollFlags::OUT));
    let mut watched: Vec<_> = watched.collect();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    // A wait that fails, or is interrupted, reports nothing; the loop repeats it.
    let _ = poll(&mut watched, timeout.as_ref());
    watched.iter().map(|attempt| !attempt.revents().is_empty()).collect()
}

/// Whether the connection is open, and ready to be used.
fn finish(socket: &Socket) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    let peer = match socket.peer_addr() {
        Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
        peer => peer?,
    };
    if let (Some(local), Some(peer)) = (socket.local_addr()?.as_socket(), peer.as_socket()) {
        refuse_itself(local, peer)?;
    }
    Pump::prepare(socket)?;
    socket.set_nonblocking(false)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use socket2::{Domain, Type};

    use super::*;

    /// Far beyond what a busy machine needs, far below the time-out of a silent address.
    const SOON: Duration = Duration::from_secs(60);

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        (listener, address)
    }

    /// An address where nobody listens, nor can anybody as long as the socket is there.
    fn refusing() -> (Socket, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let address = socket.local_addr().expect("bound").as_socket().expect("IPv4");
        (socket, address)
    }

    /// An address that swallows each SYN: its backlog is full.
    fn silent() -> (Socket, Vec<Socket>, SocketAddr) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        listener.listen(0).expect("it listens");
        let address = listener.local_addr().expect("bound").as_socket().expect("IPv4");
        let clients = (0..4).map(|_| begin(address, None).expect("begun")).collect();
        (listener, clients, address)
    }

    #[test]
    fn a_silent_address_holds_nobody_up() {
        let (_full, _clients, silent) = silent();
        let (_good, good) = listener();
        let clock = Clock::start();
        let opened = run(&[silent, good], &[], Some(2 * SOON)).expect("the second answers");
        assert_eq!(opened.stream.peer_addr().expect("connected"), good);
        let took = clock.now().since_start();
        assert!(HEAD_START <= took && took < SOON, "{took:?}");
        assert!(opened.took + HEAD_START <= took, "{:?}", opened.took);
    }

    #[test]
    fn an_address_that_refuses_gives_way_at_once() {
        let (_bound, refusing) = refusing();
        let (_good, good) = listener();
        let opened = run(&[refusing, good], &[], None).expect("the second answers");
        assert_eq!(opened.stream.peer_addr().expect("connected"), good);
    }

    #[test]
    fn each_address_has_its_own_reason() {
        let (_full, _clients, silent) = silent();
        let (_bound, refusing) = refusing();
        let limit = Some(Duration::from_millis(300));
        let failures = run(&[silent, refusing], &[], limit).expect_err("nobody answers");
        let kinds: Vec<_> = failures.iter().map(|(at, error)| (*at, error.kind())).collect();
        assert_eq!(kinds.len(), 2);
        assert!(kinds.contains(&(silent, ErrorKind::TimedOut)), "{kinds:?}");
        assert!(kinds.contains(&(refusing, ErrorKind::ConnectionRefused)), "{kinds:?}");
    }
}
