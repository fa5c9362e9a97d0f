//! An echo server inside this process, over TCP and UDP, for `--local` and for tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use echo_core::Rules;
use echo_instruments::beside::beside;
use echo_instruments::signals::Stop;
use echo_instruments::target::Target;

use super::{Config, LARGEST_BUFFER, Log, Server, Totals};
use crate::address::{listen, listen_to_both};

/// The backlog: as long as the system allows (on Linux net.core.somaxconn), so that a measurement
/// with many connections does not overflow it.
const BACKLOG: i32 = i32::MAX;

/// A server on a free port of the loopback, in a thread of its own, until it
/// is dropped.
#[derive(Debug)]
pub struct Local {
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<Result<Totals>>>,
}

impl Local {
    /// Starts a pure RFC 862 echo without time-out.
    ///
    /// # Errors
    ///
    /// If there is no free port or descriptor.
    pub fn start() -> Result<Self> {
        Self::with(Rules { exit: false, chunk: LARGEST_BUFFER, ..Rules::default() })
    }

    /// Starts a server that obeys `rules`.
    ///
    /// # Errors
    ///
    /// If there is no free port or descriptor.
    pub fn with(rules: Rules) -> Result<Self> {
        let (listeners, sockets) = listeners()?;
        let stop = Stop::new()?;
        let config = Config { rules, ..Config::default() };
        let server = Server::new(listeners, config).with_datagrams(sockets);
        let address = *server.addresses()?.first().context("no address to listen on")?;
        let thread = beside("echo server", {
            let stop = stop.clone();
            move || server.run(&stop, &Log::silent())
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, cutting off sessions that are not over, and returns its totals.
    ///
    /// # Errors
    ///
    /// If it could not serve.
    pub fn stop(mut self) -> Result<Totals> {
        self.join().context("the server has stopped already")?
    }

    fn join(&mut self) -> Option<Result<Totals>> {
        self.stop.request();
        let thread = self.thread.take()?;
        Some(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

/// For connections and, where a server can echo them, for datagrams.
fn listeners() -> Result<(Vec<TcpListener>, Vec<UdpSocket>)> {
    let target = Target { host: Ipv4Addr::LOCALHOST.to_string(), port: None };
    if cfg!(target_os = "linux") {
        return listen_to_both(Some(&target), 0, BACKLOG);
    }
    Ok((listen(Some(&target), 0, BACKLOG)?, Vec::new()))
}

impl Drop for Local {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    /// Nobody accepts: what the queue cannot hold is never connected.
    #[test]
    fn as_many_wait_to_be_accepted_as_the_system_allows() {
        let allowed = fs::read_to_string("/proc/sys/net/core/somaxconn");
        let allowed = allowed.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(128);
        let (listeners, _) = listeners().expect("a free port");
        let address = listeners[0].local_addr().expect("bound");
        let clients: Vec<_> = (0..allowed.min(400))
            .map_while(|_| TcpStream::connect_timeout(&address, Duration::from_secs(30)).ok())
            .collect();
        assert_eq!(clients.len(), allowed.min(400));
    }
}
