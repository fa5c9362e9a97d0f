//! Sockets for datagrams, beside those that listen for connections.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};

use anyhow::Result;
use echo_instruments::target::Target;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{Listening, cannot_listen, listen};

/// Listens as [`listen`] does, and takes datagrams at the same addresses and the same port.
///
/// # Errors
///
/// If one of the addresses cannot be listened on, or not for datagrams.
pub fn listen_to_both(
    target: Option<&Target>,
    port: u16,
    how: impl Into<Listening>,
) -> Result<(Vec<TcpListener>, Vec<UdpSocket>)> {
    let how = how.into();
    let any = target.and_then(|target| target.port).unwrap_or(port) == 0;
    let mut tries = if any { 10 } else { 1 };
    loop {
        tries -= 1;
        let listeners = listen(target, port, how)?;
        match datagrams(&listeners) {
            // The port that the system chose for connections is in use for datagrams.
            Err((_, error)) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            Err((address, error)) => return Err(cannot_listen("take datagrams", address, &error)),
            Ok(sockets) => return Ok((listeners, sockets)),
        }
    }
}

/// A socket for datagrams at each address at which there is a listener.
///
/// # Errors
///
/// The system's error, with the address.
pub fn datagrams(listeners: &[TcpListener]) -> Result<Vec<UdpSocket>, (SocketAddr, io::Error)> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let bound = listeners.iter().map(|listener| {
        let address = listener.local_addr().map_err(|error| (unknown, error))?;
        let shared = SockRef::from(listener).reuse_port().map_err(|error| (address, error))?;
        bind(address, shared).map_err(|error| (address, error))
    });
    bound.collect()
}

/// Unlike a listener's, the address must not be reused: another socket could have it as well, and
/// take half of the datagrams. With a port that is shared, that is meant.
fn bind(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_datagrams_have_the_same_port() {
        let target: Target = "127.0.0.1".parse().expect("an address");
        for target in [None, Some(&target)] {
            let (listeners, sockets) = listen_to_both(target, 0, 1).expect("a free port");
            let addresses = listeners.iter().map(|listener| listener.local_addr().expect("bound"));
            let others = sockets.iter().map(|socket| socket.local_addr().expect("bound"));
            assert!(!sockets.is_empty() && addresses.eq(others), "{listeners:?} {sockets:?}");
        }
    }

    #[test]
    fn a_port_that_is_in_use_for_datagrams_is_said_to_be() {
        let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("bound");
        let target: Target = address.to_string().parse().expect("an address");
        let error = listen_to_both(Some(&target), 0, 1).expect_err("in use").to_string();
        let said =
            format!("cannot take datagrams on {address}: address already in use (is another");
        assert!(error.starts_with(&said), "{error}");
    }
}
