//! The meaning of a system error for a connection, in the core's terms.

use std::io::{self, ErrorKind};

use echo_core::Failure;
use rustix::io::Errno;

use echo_instruments::stack::Lack;

/// Why a connection was not opened, or broke.
///
/// Only a shortage on this machine is a local failure. Whatever else forbids the path (a route
/// that is `prohibit` or `blackhole`, a firewall) counts as no route.
pub(crate) fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionRefused => Failure::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Failure::Reset
        }
        _ if Errno::from_io_error(error).and_then(Lack::of).is_some() => Failure::Local,
        _ => Failure::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_that_is_forbidden_is_not_a_port_that_is_missing() {
        let sorted = |errno: Errno| failure(&errno.into());
        for errno in [Errno::ACCESS, Errno::PERM, Errno::INVAL] {
            assert_eq!(sorted(errno), Failure::Unreachable, "prohibit, a firewall, blackhole");
        }
        for errno in [Errno::HOSTUNREACH, Errno::NETUNREACH, Errno::NETDOWN, Errno::TIMEDOUT] {
            assert_eq!(sorted(errno), Failure::Unreachable);
        }
        for (errno, what) in [
            (Errno::ADDRNOTAVAIL, Lack::Ports),
            (Errno::AGAIN, Lack::Ports),
            (Errno::MFILE, Lack::Sockets),
            (Errno::NOBUFS, Lack::Sockets),
        ] {
            assert_eq!((sorted(errno), Lack::of(errno)), (Failure::Local, Some(what)));
        }
        assert_eq!(sorted(Errno::CONNREFUSED), Failure::Refused);
        for errno in [Errno::CONNRESET, Errno::CONNABORTED, Errno::PIPE] {
            assert_eq!(sorted(errno), Failure::Reset);
        }
    }
}
