//! The local address of a connection, if the user chose it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, anyhow, bail};
use echo_instruments::terminal::notes::note;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::reason;

/// Those of the `addresses` that can be reached from the `sources`: those of the same family.
/// Without sources the system chooses, and all can be reached.
///
/// # Errors
///
/// If this machine does not have one of the sources, or no address is left.
pub(crate) fn reachable(addresses: Vec<SocketAddr>, sources: &[IpAddr]) -> Result<Vec<SocketAddr>> {
    for source in sources {
        bound((*source, 0).into(), *source).map_err(|error| {
            let reason = reason(&error);
            anyhow!(
                "cannot connect from {source}: {reason} (is it an address of this machine? see --bind)"
            )
        })?;
    }
    if sources.is_empty() {
        return Ok(addresses);
    }
    let (reachable, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| matching(sources, *address).next().is_some());
    match (reachable.is_empty(), others.first()) {
        (true, Some(other)) => bail!(
            "cannot connect to {other} from {}: one is IPv4, the other IPv6 (see --bind)",
            sources[0]
        ),
        _ => Ok(reachable),
    }
}

/// Those of the `sources` from which `address` can be reached.
pub(crate) fn matching(sources: &[IpAddr], address: SocketAddr) -> impl Iterator<Item = IpAddr> {
    sources.iter().copied().filter(move |source| source.is_ipv4() == address.is_ipv4())
}

/// Those of the `sources` from which connections to `address` come. A note names the others.
pub(crate) fn used(sources: &[IpAddr], address: SocketAddr) -> Vec<IpAddr> {
    let used: Vec<_> = matching(sources, address).collect();
    let others = sources.iter().filter(|source| !used.contains(source));
    let others: Vec<_> = others.map(ToString::to_string).collect();
    if !others.is_empty() {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        let others = others.join(", ");
        note(&format!("note: --bind {others} is not used: {address} is an {family} address"));
    }
    used
}

/// Starts to open a connection, and does not wait.
///
/// # Errors
///
/// The system's error, if it fails at once.
pub(crate) fn begin(address: SocketAddr, source: Option<IpAddr>) -> io::Result<Socket> {
    let socket = match source {
        Some(source) => bound(address, source)?,
        None => socket(address)?,
    };
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(socket),
    }
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
}

fn bound(address: SocketAddr, source: IpAddr) -> io::Result<Socket> {
    let socket = socket(address)?;
    choose_port_later(&socket);
    socket.bind(&SocketAddr::new(source, 0).into())?;
    Ok(socket)
}

/// Lets the system choose the port only when it knows the peer. At `bind` it would not hand out a
/// port that any other connection of the address has, or had within the last minute. That is what
/// happens on systems that do not know this option.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe crate offers this option of setsockopt")]
fn choose_port_later(socket: &Socket) {
    use std::os::fd::AsRawFd;

    let yes: libc::c_int = 1;
    // SAFETY: the descriptor is open as long as the socket is borrowed; the kernel reads
    // the one integer whose size it is given. The result does not matter.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const yes).cast(),
            size_of_val(&yes) as libc::socklen_t,
        );
    }
}

/// Other systems have no such option.
#[cfg(not(target_os = "linux"))]
fn choose_port_later(_socket: &Socket) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_reached_from_its_own_family() {
        let [v4, v6] = ["127.0.0.1:7", "[::1]:7"].map(|text| text.parse().expect("an address"));
        let local: IpAddr = "127.0.0.1".parse().expect("an address");
        let both = || vec![v6, v4];
        assert_eq!(reachable(both(), &[]).expect("no restriction"), both());
        assert_eq!(reachable(both(), &[local]).expect("one of them"), [v4]);
        let error = reachable(vec![v6], &[local]).expect_err("none").to_string();
        assert!(error.starts_with("cannot connect to [::1]:7 from 127.0.0.1: "), "{error}");
        // TEST-NET-1, which no machine has.
        let foreign = "192.0.2.1".parse().expect("an address");
        let error = reachable(both(), &[local, foreign]).expect_err("foreign").to_string();
        let said =
            "cannot connect from 192.0.2.1: cannot assign requested address (is it an address";
        assert!(error.starts_with(said), "{error}");
    }
}
