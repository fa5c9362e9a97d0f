//! Metrics and readiness over HTTP, for Prometheus and for balancers.
//!
//! A thread of its own tells them, which shares nothing but counters with those that serve. It bounds
//! what scrapers cost, whatever they do: connections, bytes, time, and wake-ups.

mod page;
mod scraper;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::str::FromStr;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use echo_core::Instant;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::page::{Answer, Page};
use self::scraper::Scraper;
use super::Totals;
use super::exposition::exposition;
use crate::beside::beside;
use crate::clock::Clock;
use crate::reason::reason;
use crate::signals::Stop;
use crate::target::Target;

/// The most scrapers at once. The next takes the place of the one that came first: an honest one is
/// gone after some milliseconds.
const SCRAPERS: usize = 16;

/// The least time between two wake-ups, however many scrapers come.
const PAUSE: Duration = Duration::from_millis(2);

/// Where to offer metrics: `9464` or `:9464` on the loopback, `10.0.0.7:9464`, `[::]:9464`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsAddress(Target);

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = text.strip_prefix(':').unwrap_or(text);
        let alone = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let target = if alone { format!("127.0.0.1:{port}") } else { text.into() };
        let target: Target = target.parse()?;
        if target.port.is_none() {
            return Err("expected PORT, ADDR:PORT or '[IPV6]:PORT'".into());
        }
        Ok(Self(target))
    }
}

impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A socket on which metrics will be offered.
#[derive(Debug)]
pub struct MetricsSocket {
    listener: TcpListener,
    address: SocketAddr,
}

impl MetricsSocket {
    /// Listens there.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub fn bind(at: &MetricsAddress) -> Result<Self> {
        let addresses = at.0.resolve(0)?;
        let listen = || {
            let listener = TcpListener::bind(&addresses[..])?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        listen().map_err(|error: io::Error| {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => " (choose another port with --metrics)",
                ErrorKind::PermissionDenied => {
                    " (ports below 1024 need root; choose another with --metrics)"
                }
                ErrorKind::AddrNotAvailable => " (no such address on this machine; see --metrics)",
                _ => "",
            };
            anyhow!("cannot offer metrics on {at}: {}{hint}", reason(&error))
        })
    }

    /// Where they are offered, for people and for Prometheus.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Offers what `totals` tells until the result is dropped. The server counts as ready until `stop`
    /// is requested, which is before it does anything about that request.
    ///
    /// # Errors
    ///
    /// If there can be no more threads.
    pub fn offer(
        self,
        totals: impl Fn() -> Totals + Send + 'static,
        stop: &Stop,
    ) -> Result<Metrics> {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let stop = stop.clone();
        let answer = move |page: Page| match page {
            Page::Metrics => Answer::well(exposition(&totals(), started)),
            Page::Readiness if stop.requested() => Answer::unavailable("draining\n"),
            Page::Readiness => Answer::well("ready\n".into()),
        };
        let start = || {
            let (end, ended) = UnixStream::pair()?;
            let desk = Desk { listener: self.listener, ended, scrapers: Vec::new() };
            let thread = beside("metrics", move || desk.run(&answer))?;
            Ok::<_, io::Error>(Metrics { end: Some(end), thread: Some(thread) })
        };
        start().context("cannot start a thread for metrics")
    }
}

/// Metrics that are offered until this is dropped.
#[derive(Debug)]
pub struct Metrics {
    /// Dropped to end the thread.
    end: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.end = None;
        if !thread::panicking() {
            self.thread.take().map(JoinHandle::join);
        }
    }
}

/// Where scrapers are answered.
struct Desk {
    listener: TcpListener,
    /// Becomes readable when nobody offers metrics any more.
    ended: UnixStream,
    /// In the order in which they came.
    scrapers: Vec<Scraper>,
}

impl Desk {
    fn run(mut self, answer: &impl Fn(Page) -> Answer) {
        let clock = Clock::start();
        while !self.wait(clock.now()) {
            let now = clock.now();
            self.scrapers.retain_mut(|scraper| scraper.serve(now, answer));
            self.accept(now, answer);
            thread::sleep(PAUSE);
        }
    }

    /// Waits until there is something to do. Returns whether nobody offers metrics any more.
    fn wait(&self, now: Instant) -> bool {
        let mut sources = vec![
            PollFd::new(&self.ended, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        sources.extend(self.scrapers.iter().map(Scraper::source));
        let due = self.scrapers.iter().map(Scraper::deadline).min();
        let limit = due.map(|due| due.saturating_duration_since(now));
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        // An error, or a signal, is a reason to look at all of them.
        let _ = poll(&mut sources, limit.as_ref());
        !sources[0].revents().is_empty()
    }

    fn accept(&mut self, now: Instant, answer: &impl Fn(Page) -> Answer) {
        for _ in 0..SCRAPERS {
            // Without a descriptor it is tried again after the pause.
            let Ok((stream, _)) = self.listener.accept() else { return };
            if self.scrapers.len() == SCRAPERS {
                self.scrapers.remove(0);
            }
            // One that is gone again is none.
            let Ok(mut scraper) = Scraper::new(stream, now) else { continue };
            if scraper.serve(now, answer) {
                self.scrapers.push(scraper);
            }
        }
    }
}

#[cfg(test)]
mod tests;
