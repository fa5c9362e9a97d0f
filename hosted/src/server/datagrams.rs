//! Echo over datagrams: sockets in the event loop of the first worker, and what is done when
//! something has arrived at one of them.
//!
//! A turn is one batch: however fast datagrams come, streams have their turns between, and the
//! other way round. What arrives alone costs two system calls, as in the simplest of loops.

mod batch;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use echo_core::datagram::{HOPS, Question};
use echo_instruments::service::{Datagrams, Dropped, Log};
use echo_instruments::target::canonical;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::socket::{setsockopt, sockopt};
use rustix::io::Errno;
use socket2::SockRef;

use self::batch::{Arrived, Batch, Sent};

/// The most datagrams that are answered in one turn.
const TURN: usize = 32;

/// As long as UDP over IPv6 can be; over IPv4 it is 20 bytes less.
const LONGEST: usize = 65_527;

/// The size that is asked for each buffer of a socket. The system cuts it to what it allows.
const BUFFER: usize = 8 << 20;

/// The sockets of a server at which datagrams arrive.
pub(super) struct Answerer {
    sockets: Vec<Socket>,
    batch: Batch,
    counts: Datagrams,
}

struct Socket {
    socket: UdpSocket,
    /// Where it is bound.
    address: SocketAddr,
    /// Whether something may have arrived: the system reports only changes.
    readable: bool,
}

impl Answerer {
    /// Prepares and registers the sockets, with one token after another from the `first` on.
    pub(super) fn new(
        sockets: Vec<UdpSocket>,
        registry: &Registry,
        first: Token,
    ) -> io::Result<Self> {
        let sockets = sockets.into_iter().zip(first.0..).map(|(socket, token)| {
            let address = socket.local_addr()?;
            prepare(&socket, address)?;
            let mut source = SourceFd(&socket.as_raw_fd());
            registry.register(&mut source, Token(token), Interest::READABLE)?;
            Ok(Socket { socket, address, readable: false })
        });
        let sockets = sockets.collect::<io::Result<_>>()?;
        Ok(Self { sockets, batch: Batch::new(TURN, LONGEST), counts: Datagrams::default() })
    }

    /// Notes that something has arrived at the socket with this number.
    pub(super) fn note(&mut self, number: usize) {
        if let Some(socket) = self.sockets.get_mut(number) {
            socket.readable = true;
        }
    }

    /// Whether something may be waiting.
    pub(super) fn is_ready(&self) -> bool {
        self.sockets.iter().any(|socket| socket.readable)
    }

    /// What it has done.
    pub(super) const fn counts(&self) -> Datagrams {
        self.counts
    }

    /// Gives each socket a turn.
    pub(super) fn answer(&mut self, log: &Log) {
        let Self { sockets, batch, counts } = self;
        for socket in sockets.iter_mut().filter(|socket| socket.readable) {
            match batch.receive(&socket.socket) {
                Ok(n) => {
                    socket.readable = n == TURN;
                    (0..n).for_each(|number| take(batch, number, socket.address, counts, log));
                    send(batch, &socket.socket, counts);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.readable = false,
                // The error of some client, who may have vanished: it is reported once.
                Err(_) => {}
            }
        }
    }
}

/// Decides on what has arrived at one place.
fn take(batch: &mut Batch, number: usize, own: SocketAddr, counts: &mut Datagrams, log: &Log) {
    let Some(Arrived { question, length }) = batch.arrived(number) else { return };
    // A socket that hears one address only is not told which one it was.
    let question = Question { to: question.to.or(Some(own.ip())), ..question };
    if log.shows_messages() {
        let length = length.unwrap_or(LONGEST);
        log.message(canonical(question.from), batch.bytes(number, length));
    }
    match (question.unanswered(Some(own.port())), length) {
        (Some(reason), _) => {
            if log.shows_messages() {
                log.client(canonical(question.from), format_args!("not answered ({reason})"));
            }
            counts.leave(reason);
        }
        (None, None) => counts.drop(Dropped::Cut),
        (None, Some(length)) => batch.answer(number, length),
    }
}

/// Sends the answers. What cannot be sent now is dropped, and holds up none of the others.
fn send(batch: &mut Batch, socket: &UdpSocket, counts: &mut Datagrams) {
    let mut done = 0;
    loop {
        match batch.send(socket, done) {
            Ok(Sent { datagrams: 0, .. }) => return,
            Ok(Sent { datagrams, bytes }) => {
                counts.echo(datagrams as u64, bytes);
                done += datagrams;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                counts.drop(reason(&error));
                done += 1;
            }
        }
    }
}

fn reason(error: &io::Error) -> Dropped {
    match Errno::from_io_error(error) {
        Some(Errno::MSGSIZE) => Dropped::TooLong,
        Some(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => Dropped::Full,
        Some(Errno::PERM | Errno::ACCESS) => Dropped::Forbidden,
        _ => Dropped::Unreachable,
    }
}

/// Has the system tell the hop limit of what arrives, and which address was asked unless there is
/// one only; and marks what leaves as an answer.
fn prepare(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
    let options = SockRef::from(socket);
    // As much as is allowed is enough.
    let _ = options.set_recv_buffer_size(BUFFER);
    let _ = options.set_send_buffer_size(BUFFER);
    let any = address.ip().is_unspecified();
    if address.is_ipv6() {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &any)?;
        setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)?;
        options.set_unicast_hops_v6(HOPS.into())?;
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &any)?;
    }
    if address.is_ipv4() || any {
        setsockopt(socket, sockopt::Ipv4RecvTtl, &true)?;
        options.set_ttl_v4(HOPS.into())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use mio::Poll;

    use super::*;
    use crate::address::listen_to_both;

    /// A broadcast address, here that of the loopback, cannot be a source.
    #[test]
    fn what_cannot_be_sent_holds_up_none_of_the_others() {
        let (_listeners, sockets) = listen_to_both(None, 0, 1).expect("a free port");
        let port = sockets[0].local_addr().expect("bound").port();
        let poll = Poll::new().expect("a descriptor");
        let mut answerer = Answerer::new(sockets, poll.registry(), Token(0)).expect("sockets");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        client.set_broadcast(true).expect("an option");
        client.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let asked = [[127, 0, 0, 1], [127, 255, 255, 255], [127, 255, 255, 255], [127, 0, 0, 2]];
        for (number, address) in (0..).zip(asked) {
            client.send_to(&[number; 5], (Ipv4Addr::from(address), port)).expect("sent");
        }
        answerer.note(0);
        answerer.answer(&Log::silent());
        assert!(!answerer.is_ready(), "there is nothing more");
        for number in [0, 3] {
            let mut buffer = [9; 9];
            assert_eq!(client.recv(&mut buffer).expect("an answer"), 5);
            assert_eq!(buffer[..5], [number; 5]);
        }
        let mut counts = Datagrams { echoed: 2, bytes: 10, ..Datagrams::default() };
        (0..2).for_each(|_| counts.drop(Dropped::Unreachable));
        assert_eq!(answerer.counts(), counts);
    }

    #[test]
    fn a_turn_has_an_end() {
        let (_listeners, sockets) = listen_to_both(None, 0, 1).expect("a free port");
        let port = sockets[0].local_addr().expect("bound").port();
        let poll = Poll::new().expect("a descriptor");
        let mut answerer = Answerer::new(sockets, poll.registry(), Token(0)).expect("sockets");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        for _ in 0..TURN + 1 {
            client.send_to(b"flood", (Ipv4Addr::LOCALHOST, port)).expect("sent");
        }
        answerer.note(0);
        for (echoed, ready) in [(TURN, true), (TURN + 1, false)] {
            answerer.answer(&Log::silent());
            assert_eq!((answerer.counts().echoed, answerer.is_ready()), (echoed as u64, ready));
        }
    }

    #[test]
    fn each_error_of_sending_has_its_reason() {
        for (errno, reason) in [
            (Errno::MSGSIZE, Dropped::TooLong),
            (Errno::AGAIN, Dropped::Full),
            (Errno::NOBUFS, Dropped::Full),
            (Errno::PERM, Dropped::Forbidden),
            (Errno::ACCESS, Dropped::Forbidden),
            (Errno::INVAL, Dropped::Unreachable),
            (Errno::NETUNREACH, Dropped::Unreachable),
            (Errno::HOSTUNREACH, Dropped::Unreachable),
        ] {
            assert_eq!(super::reason(&errno.into()), reason, "{errno:?}");
        }
    }
}
