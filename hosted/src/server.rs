//! Any number of echo sessions on the operating system's TCP, and echo over UDP: a `worker`
//! serves, and `echo-core` decides.

mod accept;
mod connection;
#[cfg(target_os = "linux")]
mod datagrams;
#[cfg(not(target_os = "linux"))]
#[path = "server/no_datagrams.rs"]
mod datagrams;
mod local;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use echo_core::Rules;
use echo_instruments::service::{Counters, Datagrams, Log, Planting, Totals};
use echo_instruments::signals::Stop;

pub use self::local::Local;

/// The largest `--buffer`, in bytes.
pub const LARGEST_BUFFER: usize = 64 << 10;

/// The settings of a server. The default serves any number of clients, on one thread that sleeps between events.
#[derive(Debug, Clone)]
pub struct Config {
    /// The rules of each session; `chunk` is at most [`LARGEST_BUFFER`].
    pub rules: Rules,
    /// The most clients at once; the others wait in the backlog.
    pub max_conns: Option<usize>,
    /// The number of threads that serve, at least 1.
    pub threads: usize,
    /// How long it busy-waits for the next event before it sleeps.
    pub spin: Duration,
    /// How long sessions may go on after a request to stop.
    pub drain: Duration,
    /// Faults that are planted in what is echoed.
    pub planting: Option<Planting>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            max_conns: None,
            threads: 1,
            spin: Duration::ZERO,
            drain: Duration::ZERO,
            planting: None,
        }
    }
}

/// Sockets that listen, connections that are open already, and the settings with which clients are served.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    connections: Vec<TcpStream>,
    sockets: Vec<UdpSocket>,
    /// Whether somebody else keeps those for datagrams open when it stops.
    kept: bool,
    config: Config,
    /// Those of each thread.
    counters: Arc<[Counters]>,
}

impl Server {
    /// A server on sockets that listen already, as [`crate::address::listen`] makes them.
    #[must_use]
    pub fn new(listeners: Vec<TcpListener>, config: Config) -> Self {
        let counters = (0..config.threads.max(1)).map(|_| Counters::default()).collect();
        let (connections, sockets) = (Vec::new(), Vec::new());
        Self { listeners, connections, sockets, kept: false, config, counters }
    }

    /// Serves these connections, too. If it has no socket that listens, it ends with the last of them.
    #[must_use]
    pub(crate) fn serving(mut self, connections: Vec<TcpStream>) -> Self {
        self.connections = connections;
        self
    }

    /// Echoes the datagrams, too, that arrive at these sockets, as [`crate::address::datagrams`]
    /// makes them.
    #[must_use]
    pub fn with_datagrams(mut self, sockets: Vec<UdpSocket>) -> Self {
        if !sockets.is_empty() {
            // Who reads the counts is to know that there will be some.
            self.counters[0].tell(Datagrams::default());
        }
        self.sockets = sockets;
        self
    }

    /// The same with sockets that a service manager keeps for the next server.
    #[must_use]
    pub(crate) fn with_kept_datagrams(self, sockets: Vec<UdpSocket>) -> Self {
        Self { kept: true, ..self.with_datagrams(sockets) }
    }

    /// The addresses at which it echoes datagrams.
    ///
    /// # Errors
    ///
    /// If the system does not report them.
    pub(crate) fn datagram_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(UdpSocket::local_addr).collect()
    }

    /// What it has done so far, whenever that is asked for.
    pub fn totals(&self) -> impl Fn() -> Totals + Send + 'static {
        let counters = Arc::clone(&self.counters);
        move || counters.iter().map(Counters::totals).collect()
    }

    /// The rules of its sessions.
    #[must_use]
    pub(crate) const fn rules(&self) -> Rules {
        self.config.rules
    }

    /// The faults that it plants.
    #[must_use]
    pub(crate) const fn planting(&self) -> Option<&Planting> {
        self.config.planting.as_ref()
    }

    /// The addresses on which it listens.
    ///
    /// # Errors
    ///
    /// If the system does not report them.
    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Serves until `stop` is requested and the sessions are over or the drain
    /// limit is reached.
    ///
    /// # Errors
    ///
    /// If the system has no way to wait for sockets, or the reader of the log has left.
    pub fn run(self, stop: &Stop, log: &Log) -> Result<Totals> {
        // The buffer is part of a session's type; four sizes serve all limits.
        match self.config.rules.chunk {
            ..=0x400 => worker::serve::<0x400>(self, stop, log),
            0x401..=0x1000 => worker::serve::<0x1000>(self, stop, log),
            0x1001..=0x4000 => worker::serve::<0x4000>(self, stop, log),
            _ => worker::serve::<LARGEST_BUFFER>(self, stop, log),
        }
    }
}
