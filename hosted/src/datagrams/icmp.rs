//! What ICMP says of datagrams that were sent. Linux keeps it from a socket that is not connected, unless
//! that asks for it; other systems keep it in any case, and what was sent counts as lost there.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, sendto};

/// Sends a datagram: once more if the system only reports that one before was too long for its path. It has learnt
/// that now, and sends in shorter fragments; the one before is lost.
pub(super) fn send(socket: impl AsFd, peer: SocketAddr, datagram: &[u8]) -> Result<(), Errno> {
    let send = || sendto(&socket, datagram, SendFlags::empty(), &peer).map(drop);
    let mut sent = send();
    if sent == Err(Errno::MSGSIZE) && forget(&socket) {
        sent = send();
        if sent == Err(Errno::MSGSIZE) {
            // What is too long for any path has a report of its own.
            forget(&socket);
        }
    }
    sent
}

/// What an error that was received says of the peer: nothing if what was sent was too long for its path. It is lost, as
/// by any other whim of the network.
pub(super) fn told(error: Errno) -> Option<Errno> {
    Some(error).filter(|error| *error != Errno::MSGSIZE)
}

/// Makes ICMP errors those of the socket, of whatever kind: that nobody listens there, or that there is no route.
#[cfg(target_os = "linux")]
pub(super) fn report(socket: &impl AsFd, peer: SocketAddr) -> io::Result<()> {
    use echo_instruments::target::canonical;
    use nix::sys::socket::{setsockopt, sockopt};

    if peer.is_ipv6() {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
    }
    // What is sent to an IPv4-mapped address goes over IPv4.
    if canonical(peer).is_ipv4() {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
    }
    Ok(())
}

/// Takes the report of one error from the queue, where it counts as memory and keeps the socket from resting;
/// the next one becomes the error of the socket. Returns whether there was one.
#[cfg(target_os = "linux")]
pub(super) fn forget(socket: impl AsFd) -> bool {
    use rustix::net::{RecvFlags, recv};

    recv(socket, &mut [0; 0], RecvFlags::ERRQUEUE | RecvFlags::DONTWAIT).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn report(_socket: &impl AsFd, _peer: SocketAddr) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn forget(_socket: impl AsFd) -> bool {
    false
}
