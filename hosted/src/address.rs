//! Sockets that are connected to an address, or listen on it.

mod datagrams;
mod race;
mod route;
mod source;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Result, anyhow};
use echo_instruments::ports::Ports;
use echo_instruments::reason::reason;
use echo_instruments::target::Target;
use socket2::{Domain, Protocol, Socket, Type};

pub use self::datagrams::{datagrams, listen_to_both};
pub(crate) use self::source::{begin, reachable, used};

/// A connection, and how long opening it took.
#[derive(Debug)]
pub struct Opened {
    /// The stream, prepared (`Pump::prepare`) and blocking.
    pub stream: TcpStream,
    /// The time that this address took, without those that did not answer.
    pub took: Duration,
}

/// For callers to whom the time does not matter.
impl From<TcpStream> for Opened {
    fn from(stream: TcpStream) -> Self {
        Self { stream, took: Duration::ZERO }
    }
}

/// Connects to the first of `addresses` that answers, each within `limit`. One that
/// does not answer does not hold up the others.
///
/// # Errors
///
/// If none answered, with what became of each address.
pub fn connect(addresses: &[SocketAddr], limit: Option<Duration>) -> Result<Opened> {
    connect_from(&[], addresses, limit)
}

/// As [`connect`], from the first of the `sources` that is of the same family.
///
/// # Errors
///
/// If none answered, with what became of each address.
pub(crate) fn connect_from(
    sources: &[IpAddr],
    addresses: &[SocketAddr],
    limit: Option<Duration>,
) -> Result<Opened> {
    race::run(addresses, sources, limit).map_err(|failures| cannot("connect to", "", &failures))
}

/// The one of `addresses` to which datagrams go, from the first of the `sources` that is of the same
/// family: the only one to which there is a route, or the first that answers.
///
/// # Errors
///
/// If there is none, with what became of each address.
pub(crate) fn route(sources: &[IpAddr], addresses: &[SocketAddr]) -> Result<SocketAddr> {
    route::run(addresses, sources).map_err(|failures| cannot("send to", "--udp ", &failures))
}

/// Why something cannot be done with any of the addresses; a server with these flags would help.
fn cannot(what: &str, flags: &str, failures: &[(SocketAddr, io::Error)]) -> anyhow::Error {
    let hint = |(address, error): &(SocketAddr, io::Error)| match error.kind() {
        ErrorKind::ConnectionRefused => no_server(flags),
        ErrorKind::TimedOut => " (--timeout is the limit)".into(),
        _ if lacks_interface(*address) => NO_INTERFACE.into(),
        ErrorKind::AddrNotAvailable => no_port(),
        _ => String::new(),
    };
    let reasons: Vec<_> =
        failures.iter().map(|(address, error)| format!("{address}: {}", reason(error))).collect();
    let mut hints = Vec::new();
    for hint in failures.iter().map(hint) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    anyhow!("cannot {what} {}{}", reasons.join("; nor to "), hints.concat())
}

/// The hint where nobody listens; a server with these flags would.
pub(crate) fn no_server(flags: &str) -> String {
    format!(" (is an echo server listening there? `hosted server {flags}--port PORT` starts one)")
}

/// The system reports the same error for a missing local port as for a missing local address.
fn no_port() -> String {
    let told = Ports::read().map_or(String::new(), |ports| format!(": {ports}, for a minute each"));
    format!(" (this machine has no free local port, or no address of that family{told})")
}

/// Whether a link-local address lacks its interface, without which it is ambiguous.
fn lacks_interface(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

const NO_INTERFACE: &str = " (a link-local address needs its interface, as in fe80::1%eth0)";

/// Refuses a connection that the system has made from a port to the very same
/// port, which happens where nobody listens on a port that it hands out itself:
/// such a connection echoes perfectly all that is sent.
///
/// # Errors
///
/// "Connection refused", as it should have been.
pub(crate) fn refuse_itself(local: SocketAddr, peer: SocketAddr) -> io::Result<()> {
    if local == peer { Err(ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
}

/// How to listen.
#[derive(Debug, Clone, Copy)]
pub struct Listening {
    /// How many connections may wait to be accepted.
    pub backlog: i32,
    /// Whether other servers may listen at the same address, if they say the same: the system shares
    /// the clients out among them.
    pub reuse_port: bool,
}

/// Alone, with this backlog.
impl From<i32> for Listening {
    fn from(backlog: i32) -> Self {
        Self { backlog, reuse_port: false }
    }
}

/// Listens on every address of `target`, or on all of the machine without one.
///
/// A port of 0 lets the system choose; all addresses then get the same.
///
/// # Errors
///
/// If one of the addresses cannot be listened on.
pub fn listen(
    target: Option<&Target>,
    port: u16,
    how: impl Into<Listening>,
) -> Result<Vec<TcpListener>> {
    let how = how.into();
    let Some(target) = target else {
        let dual = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        return match listen_on(dual, how) {
            // This machine has no IPv6.
            Err(error) if no_such_family(&error) => {
                let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
                Ok(vec![listen_on(v4, how).map_err(|error| cannot_listen("listen", v4, &error))?])
            }
            listener => Ok(vec![listener.map_err(|error| cannot_listen("listen", dual, &error))?]),
        };
    };
    let port = target.port.unwrap_or(port);
    let addresses = target.resolve(port)?;
    let mut tries = if port == 0 { 10 } else { 1 };
    loop {
        tries -= 1;
        match listen_on_all(&addresses, how) {
            // The port that the system chose for one address is in use at the next.
            Err((_, error)) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            listeners => {
                return listeners
                    .map_err(|(address, error)| cannot_listen("listen", address, &error));
            }
        }
    }
}

/// Listens at all addresses, on the port that the first one has, or gets.
fn listen_on_all(
    addresses: &[SocketAddr],
    how: Listening,
) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut port = addresses.first().map_or(0, SocketAddr::port);
    let mut listeners: Vec<TcpListener> = Vec::new();
    for mut address in addresses.iter().copied() {
        address.set_port(port);
        let listener = match listen_on(address, how) {
            // `localhost` has an IPv6 address even where the machine has none.
            Err(error) if no_such_family(&error) && !listeners.is_empty() => continue,
            listener => listener.map_err(|error| (address, error))?,
        };
        port = listener.local_addr().map_err(|error| (address, error))?.port();
        listeners.push(listener);
    }
    Ok(listeners)
}

fn listen_on(address: SocketAddr, how: Listening) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // The unspecified address means IPv4 too, whatever the system's default.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(how.reuse_port)?;
    socket.bind(&address.into())?;
    socket.listen(how.backlog)?;
    Ok(socket.into())
}

fn no_such_family(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL]
        .map(Errno::raw_os_error)
        .into_iter()
        .any(|code| error.raw_os_error() == Some(code))
}

fn cannot_listen(what: &str, address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => " (is another server running? choose another with --port)",
        ErrorKind::PermissionDenied => " (ports below 1024 need root; choose another with --port)",
        ErrorKind::AddrNotAvailable => " (no such address on this machine; see --ip)",
        _ if lacks_interface(address) => NO_INTERFACE,
        _ => "",
    };
    anyhow!("cannot {what} on {address}: {}{hint}", reason(error))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;

    #[test]
    fn every_address_that_does_not_answer_is_named() {
        let failure = |last, kind| (SocketAddr::from(([10, 0, 0, last], 7)), io::Error::from(kind));
        let refused = failure(1, ErrorKind::ConnectionRefused);
        let silent = failure(2, ErrorKind::TimedOut);
        assert_eq!(
            cannot("connect to", "", &[refused, silent]).to_string(),
            "cannot connect to 10.0.0.1:7: connection refused; nor to 10.0.0.2:7: timed out \
             (is an echo server listening there? `hosted server --port PORT` starts one) \
             (--timeout is the limit)"
        );
    }

    #[test]
    fn a_link_local_address_needs_its_interface() {
        let link_local = SocketAddrV6::new("fe80::1".parse().expect("IPv6"), 7, 0, 0);
        let error = connect(&[link_local.into()], None).expect_err("which link?").to_string();
        assert!(error.ends_with(NO_INTERFACE), "{error}");
        let target = Target { host: "fe80::1".into(), port: None };
        let error = listen(Some(&target), 0, 1).expect_err("which link?").to_string();
        assert!(error.ends_with(NO_INTERFACE), "{error}");
    }

    #[test]
    fn a_listener_hears_both_families() {
        let listeners = listen(None, 0, 1).expect("a free port");
        let port = listeners[0].local_addr().expect("bound").port();
        connect(&[(Ipv4Addr::LOCALHOST, port).into()], None).expect("IPv4");
        let error = listen(None, port, 1).expect_err("in use").to_string();
        assert!(error.contains("address already in use"), "{error}");
    }
}
