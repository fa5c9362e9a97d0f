//! `hosted server`: any number of echo sessions on the operating system's TCP.
//!
//! This file turns flags into a [`Server`] and its end into words; a
//! `worker` serves, and the session in `echo-core` decides.

mod accept;
mod connection;
mod local;
mod log;
mod totals;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::Rules;

pub use self::local::Local;
pub use self::log::{Lines, Log};
pub use self::totals::{End, Totals};
use crate::cli::{Limit, ServerArgs};
use crate::signals::Stop;
use crate::{Verdict, address};

/// The largest `--buffer`, in bytes.
pub const LARGEST_BUFFER: usize = 64 << 10;

/// How a server serves.
#[derive(Debug, Clone)]
pub struct Config {
    /// What each session obeys; `chunk` is at most [`LARGEST_BUFFER`].
    pub rules: Rules,
    /// The most clients at once; the others wait in the backlog.
    pub max_conns: Option<usize>,
    /// Threads that serve, at least 1.
    pub threads: usize,
    /// How long sessions may go on after a request to stop.
    pub drain: Duration,
}

/// Sockets that listen, and how to serve who comes.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    config: Config,
}

impl Server {
    /// A server on sockets that listen already, as [`address::listen`] makes them.
    #[must_use]
    pub const fn new(listeners: Vec<TcpListener>, config: Config) -> Self {
        Self { listeners, config }
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
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

/// Runs `hosted server`.
///
/// # Errors
///
/// If it cannot listen, or the reader of stdout has left.
pub fn main(args: &ServerArgs) -> Result<Verdict> {
    let default = if args.one_shot { None } else { Some(Duration::from_secs(30)) };
    let config = Config {
        rules: Rules {
            idle: args.timeout.map_or(default, |Limit(limit)| limit),
            chunk: args.buffer as usize,
            one_shot: args.one_shot,
            exit: !args.rfc862,
        },
        max_conns: args.max_conns.map(|most| most as usize),
        threads: args.threads.into(),
        drain: args.drain.0,
    };
    let stop = Stop::on_signals().context("cannot catch signals")?;
    let listeners = address::listen(args.ip.as_ref(), args.port, args.listen)?;
    let server = Server::new(listeners, config);
    stop.arm();
    let lines = match (args.quiet, args.verbose) {
        (true, _) => Lines::None,
        (_, false) => Lines::Clients,
        (_, true) => Lines::Messages,
    };
    let log = Log::on_stdout(lines, &stop).context("cannot start a thread for stdout")?;
    describe(&server, args, &log)?;
    let served = server.run(&stop, &log);
    if let Ok(totals) = &served {
        log.line(totals);
    }
    log.finish();
    served.map(|_| Verdict::Well)
}

/// Where it listens, on the first line, and the `Server Config:` of the seed.
fn describe(server: &Server, args: &ServerArgs, log: &Log) -> io::Result<()> {
    let rules = server.config.rules;
    let addresses = server.addresses()?;
    let names: Vec<_> = addresses.iter().map(listening).collect();
    let port = addresses.first().map_or(args.port, SocketAddr::port);
    log.line(format_args!("Echo server on {}", names.join(" and ")));
    log.line("Server Config:");
    log.line(format_args!("        port     {port}"));
    log.line(format_args!("        listen   {} waiting connections", args.listen));
    log.line(format_args!("        timeout  {}", Limit(rules.idle)));
    log.line(format_args!("        buffer   {} bytes", rules.chunk));
    let mode = if rules.one_shot { "one message, then close" } else { "until the client leaves" };
    let exit = if rules.exit { "`exit` ends a session" } else { "pure RFC 862" };
    log.line(format_args!("        mode     {mode}; {exit}"));
    Ok(())
}

fn listening(address: &SocketAddr) -> String {
    let families =
        if address.is_ipv6() && address.ip().is_unspecified() { " (IPv6 and IPv4)" } else { "" };
    format!("{address}{families}")
}
