//! The address of a host to which datagrams go. Nobody answers before something is sent, so one
//! address is taken if there is a route to it. Where there are several, each is sent one byte, one
//! a quarter of a second after the other, and the first is taken from which anything comes back; if
//! that is none, the first that did not refuse.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use echo_core::Instant;
use echo_instruments::clock::Clock;
use echo_instruments::target::{HEAD_START, canonical};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::refuse_itself;
use super::source::matching;

/// Returns the address that is taken, or what became of each.
pub(super) fn run(
    addresses: &[SocketAddr],
    sources: &[IpAddr],
) -> Result<SocketAddr, Vec<(SocketAddr, io::Error)>> {
    let (mut routed, mut failures) = (Vec::new(), Vec::new());
    for address in addresses {
        match routed_from(canonical(*address), matching(sources, *address).next()) {
            Ok(socket) => routed.push(socket),
            Err(error) => failures.push((*address, error)),
        }
    }
    match &routed[..] {
        [] => Err(failures),
        [(only, _)] => Ok(*only),
        _ => ask(routed, failures),
    }
}

/// The address as the system knows it, and a socket that is connected to it.
fn routed_from(address: SocketAddr, source: Option<IpAddr>) -> io::Result<(SocketAddr, UdpSocket)> {
    let unspecified = match address {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((source.unwrap_or(unspecified), 0))?;
    socket.connect(address)?;
    // What nobody has set is this machine itself, which the system names.
    Ok((socket.peer_addr()?, socket))
}

/// Asks one address after another.
fn ask(
    routed: Vec<(SocketAddr, UdpSocket)>,
    mut failures: Vec<(SocketAddr, io::Error)>,
) -> Result<SocketAddr, Vec<(SocketAddr, io::Error)>> {
    let clock = Clock::start();
    let mut asked: Vec<(SocketAddr, UdpSocket)> = Vec::new();
    for (address, socket) in routed {
        let until = clock.now() + HEAD_START;
        match socket.local_addr().and_then(|local| refuse_itself(local, address)) {
            Ok(()) => {
                // If it cannot be sent, nothing comes back.
                let _ = socket.send(b"0");
                asked.push((address, socket));
            }
            Err(error) => failures.push((address, error)),
        }
        // The next one has its turn when this one refuses.
        while asked.last().is_some_and(|(last, _)| *last == address) && clock.now() < until {
            if let Some(answered) = answered(&mut asked, &mut failures, until, &clock) {
                return Ok(answered);
            }
        }
    }
    asked.first().map(|(address, _)| *address).ok_or(failures)
}

/// Waits for the next answer. Removes those that refuse.
fn answered(
    asked: &mut Vec<(SocketAddr, UdpSocket)>,
    failures: &mut Vec<(SocketAddr, io::Error)>,
    until: Instant,
    clock: &Clock,
) -> Option<SocketAddr> {
    let left = until.saturating_duration_since(clock.now());
    let mut watched: Vec<_> =
        asked.iter().map(|(_, socket)| PollFd::new(socket, PollFlags::IN)).collect();
    // A wait that fails, or is interrupted, reports nothing; the loop repeats it.
    let _ = poll(&mut watched, Timespec::try_from(left).ok().as_ref());
    let at = watched.iter().position(|socket| !socket.revents().is_empty())?;
    drop(watched);
    let (address, socket) = &asked[at];
    let _ = socket.set_read_timeout(Some(Duration::from_millis(1)));
    match socket.recv(&mut [0; 1]) {
        Ok(_) => Some(*address),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            None
        }
        Err(error) => {
            failures.push((*address, error));
            asked.remove(at);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn bound() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = socket.local_addr().expect("bound");
        (socket, address)
    }

    /// A port that only hears one peer, so that nobody listens to others.
    fn refusing() -> (UdpSocket, SocketAddr) {
        let (socket, address) = bound();
        socket.connect((Ipv4Addr::LOCALHOST, 9)).expect("a route");
        (socket, address)
    }

    #[test]
    fn an_only_address_is_sent_nothing() {
        let (socket, address) = bound();
        assert_eq!(run(&[address], &[]).expect("a route"), address);
        socket.set_nonblocking(true).expect("a socket");
        let nothing = socket.recv(&mut [0]).expect_err("nothing");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        let unset = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        assert_eq!(run(&[unset], &[]).expect("a route"), address, "the machine itself");
        let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), address.port()));
        assert_eq!(run(&[mapped], &[]).expect("a route"), address);
    }

    #[test]
    fn the_first_that_answers_is_taken() {
        let (_silent, silent) = bound();
        let (_refusing, refusing) = refusing();
        let (echo, good) = bound();
        let echo = thread::spawn(move || {
            echo.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
            let mut byte = [0; 2];
            let (length, from) = echo.recv_from(&mut byte).expect("asked");
            echo.send_to(&byte[..length], from).expect("sent");
            length
        });
        let clock = Clock::start();
        assert_eq!(run(&[refusing, silent, good], &[]).expect("the last answers"), good);
        assert!(clock.now().since_start() >= HEAD_START, "the silent one had its time");
        assert_eq!(echo.join().expect("asked"), 1);
    }

    #[test]
    fn the_first_that_does_not_refuse_is_taken_where_nobody_answers() {
        let (_refusing, refusing) = refusing();
        let [(_one, one), (_other, other)] = [bound(), bound()];
        assert_eq!(run(&[refusing, one, other], &[]).expect("a silent one"), one);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn each_address_has_its_own_reason() {
        let [(_one, one), (_other, other)] = [refusing(), refusing()];
        let failures = run(&[one, other], &[]).expect_err("nobody listens");
        let kinds: Vec<_> = failures.iter().map(|(at, error)| (*at, error.kind())).collect();
        let refused = ErrorKind::ConnectionRefused;
        assert_eq!(kinds, [(one, refused), (other, refused)]);
        let nowhere: SocketAddr = "[fe80::1]:7".parse().expect("an address");
        assert_eq!(run(&[nowhere], &[]).expect_err("which link?")[0].0, nowhere);
    }
}
