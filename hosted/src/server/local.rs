//! An echo server inside this process, for `--local` and for tests.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::Rules;

use super::{Config, LARGEST_BUFFER, Lines, Log, Server, Totals};
use crate::address::{Target, listen};
use crate::signals::Stop;

/// How many may wait to be accepted.
const BACKLOG: i32 = 128;

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
        let target = Target { host: Ipv4Addr::LOCALHOST.to_string(), port: None };
        let listeners = listen(Some(&target), 0, BACKLOG)?;
        let stop = Stop::new()?;
        let config = Config { rules, max_conns: None, threads: 1, drain: Duration::ZERO };
        let server = Server::new(listeners, config);
        let address = *server.addresses()?.first().context("no address to listen on")?;
        let thread = thread::Builder::new().name("echo server".into()).spawn({
            let stop = stop.clone();
            move || server.run(&stop, &Log::new(Lines::None))
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, cutting off sessions that are not over, and says what it did.
    ///
    /// # Errors
    ///
    /// If it could not serve.
    pub fn stop(mut self) -> Result<Totals> {
        self.join().context("the server was stopped before")?
    }

    fn join(&mut self) -> Option<Result<Totals>> {
        self.stop.request();
        let thread = self.thread.take()?;
        Some(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.join();
        }
    }
}
