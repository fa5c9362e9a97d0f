//! The report of a measurement, as text and as JSON.
//!
//! The same report serves every driver that makes a [`Measurement`]. It
//! measures nothing and knows no flags.

mod csv;
pub(crate) mod datagrams;
pub(crate) mod distribution;
pub(crate) mod effort;
mod environment;
pub(crate) mod file;
mod hdr;
mod hints;
mod independence;
mod json;
mod loss;
pub(crate) mod passages;
mod ports;
pub(crate) mod search;
mod spacing;
pub(crate) mod stationarity;
mod text;

use std::net::{IpAddr, SocketAddr};

use echo_core::FailureKind;

pub(crate) use self::csv::Csv;
use self::datagrams::Class;
pub(crate) use self::hdr::hdr;
pub(crate) use self::json::SCHEMA;
pub use self::json::json;
use self::text::headed;
pub use self::text::{Layout, header, text};
use crate::args::Label;
use crate::measurement::Measurement;
use crate::plan::{Arrivals, Pace, Plan};
use crate::quantity;

/// What was measured: all that a report needs apart from the numbers.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The program that measured: `hosted` or `tap-demo`.
    pub program: &'static str,
    /// The instrument: `rate` or `fail-rate`.
    pub command: &'static str,
    /// The echo server, as the user called it.
    pub name: String,
    /// The address that was measured.
    pub address: SocketAddr,
    /// Local addresses from which connections come in turn, if the user chose them.
    pub sources: Vec<IpAddr>,
    /// The content of messages, as on the command line.
    pub payload: String,
    /// What the user calls the run.
    pub labels: &'a [Label],
    /// The machines that measured at the same time, if it is the sum of their runs.
    pub hosts: Option<Hosts>,
    /// The load.
    pub plan: &'a Plan,
}

/// The machines whose runs were added.
#[derive(Debug, Clone, Copy)]
pub struct Hosts {
    /// Their number.
    pub count: u64,
    /// The number of connections of all.
    pub connections: u64,
    /// Whether all measured the same address.
    pub one_address: bool,
}

impl Subject<'_> {
    /// The pace of messages, in words.
    #[must_use]
    pub fn pace(&self) -> String {
        let pace = match self.plan.pace {
            Pace::Closed => "closed loop".into(),
            Pace::Interval(interval) => format!("one every {}", quantity::duration(interval)),
            Pace::Rate(rate) => {
                let random = matches!(self.plan.arrivals, Arrivals::Poisson { .. });
                let arrivals = if random { ", Poisson arrivals" } else { "" };
                format!("open loop at {}/s{arrivals}", quantity::amount(rate))
            }
        };
        match (self.plan.per_message, self.plan.reset) {
            (true, true) => format!("{pace}, a new connection per message, ended by a reset"),
            (true, false) => format!("{pace}, a new connection per message"),
            (false, _) => pace,
        }
    }

    /// The address that was measured, unless it is the name, or there are several.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let address = self.address.to_string();
        let one = self.hosts.is_none_or(|hosts| hosts.one_address);
        (one && self.name != address).then_some(address)
    }

    /// The number of connections at once.
    #[must_use]
    pub fn connections(&self) -> String {
        let connections = self.plan.connections.into();
        quantity::counted(self.hosts.map_or(connections, |hosts| hosts.connections), "connection")
    }

    /// The number of runs, one after another or at the same time, if there are to be several.
    #[must_use]
    pub fn runs(&self) -> Option<String> {
        if let Some(Hosts { count, .. }) = self.hosts {
            return Some(quantity::counted(count, "host"));
        }
        let runs = u64::from(self.plan.repeat);
        (runs > 1).then(|| quantity::counted(runs, "run"))
    }

    /// The parts of one line that says what was done; `started` is on the wall clock, in UTC.
    #[must_use]
    pub fn lead(&self, measurement: &Measurement) -> Vec<String> {
        let started = humantime::format_rfc3339_seconds(measurement.started).to_string();
        let [elapsed, omit] = [measurement.elapsed, self.plan.omit].map(quantity::duration);
        let elapsed = match (self.plan.omit.is_zero(), measurement.elapsed.is_zero()) {
            (true, _) => elapsed,
            (false, false) => format!("{elapsed} after a warm-up of {omit}"),
            (false, true) => format!("ended in its warm-up of {omit}"),
        };
        let hosts = self.hosts.and_then(|_| self.runs());
        let parts = [
            format!("{} messages", quantity::bytes(self.plan.length)),
            self.connections(),
            self.pace(),
            in_runs(elapsed, measurement),
            started.replace('T', " ").replace('Z', " UTC"),
        ];
        hosts.into_iter().chain(parts).collect()
    }
}

/// A length of time, and in how many runs it was.
fn in_runs(elapsed: String, measurement: &Measurement) -> String {
    match measurement.runs.len() as u64 {
        0 => elapsed,
        runs => format!("{elapsed} in {}", quantity::counted(runs, "run")),
    }
}

/// The key of a kind of failure in JSON and CSV.
pub(crate) const fn key(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::TimedOut => "timeout",
        FailureKind::Refused => "refused",
        FailureKind::Reset => "reset",
        FailureKind::ClosedEarly => "closed_early",
        FailureKind::Differs => "differs",
        FailureKind::Extra => "extra",
        FailureKind::Unreachable => "unreachable",
        FailureKind::Local => "local",
        FailureKind::Cut => "cut",
        FailureKind::Full => "full",
        FailureKind::TooLong => "too_long",
    }
}

/// Failures by kind, worded, only those that happened. A datagram that timed out was lost, or is overdue.
#[must_use]
pub fn failures(measurement: &Measurement) -> Vec<(&'static str, u64)> {
    let kinds = FailureKind::ALL
        .into_iter()
        .filter(|kind| *kind != FailureKind::TimedOut || measurement.datagrams.is_none());
    let kinds = kinds.map(|kind| (kind.as_str(), measurement.tally.failed(kind)));
    let timed_out = [Class::Lost, Class::Overdue]
        .into_iter()
        .filter_map(|class| Some((class.worded(), class.count(measurement)?)));
    timed_out.chain(kinds).filter(|(_, n)| *n > 0).collect()
}
