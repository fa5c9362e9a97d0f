//! `check -u`: the cases of UDP over any [`Unconnected`] sockets.

mod conduct;
mod door;
mod finding;
mod reach;
mod sent;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use echo_cases::Case;
use echo_cases::datagrams::{Step, cases};

use self::conduct::{Conductor, Ended};
pub use self::door::{Unconnected, Unsent};
pub use self::reach::reach;
use super::choice::{chosen, none_is_left};
use super::ledger::Ledger;
use super::{Outcome, Record, Subject};
use crate::args::CheckArgs;
use crate::signals::Stop;
use crate::verdict::Verdict;

/// The server that is checked, and all that is known of where it answers.
#[derive(Debug, Clone)]
pub struct Server {
    /// The address that is asked where a case does not ask elsewhere.
    pub address: SocketAddr,
    /// Its other addresses.
    pub also: Vec<SocketAddr>,
}

impl Server {
    /// The server at this address, and at those of `--also`.
    ///
    /// # Errors
    ///
    /// If one of their names is unknown.
    pub fn new<W: Args>(address: SocketAddr, args: &CheckArgs<W>) -> Result<Self> {
        let all: Result<Vec<_>> =
            args.also.iter().map(|target| target.resolve(address.port())).collect();
        Ok(Self { address, also: all?.concat() })
    }
}

/// The cases of UDP that are to be carried out, and the results of those that were.
#[derive(Debug)]
pub struct Check<'a> {
    cases: Vec<&'static Case<'static, Step<'static>>>,
    patience: Option<Duration>,
    ledger: Ledger<'a>,
}

impl<'a> Check<'a> {
    /// The most sockets that are open at once.
    pub const SOCKETS: usize = 24;

    /// The check that the flags ask for.
    ///
    /// # Errors
    ///
    /// A [`Misuse`](crate::verdict::Misuse), if no case has one of the names, or none is left.
    pub fn new<W: Args>(args: &CheckArgs<W>, stop: &'a Stop) -> Result<Self> {
        let cases = chosen(args, cases(), None)?;
        if cases.is_empty() {
            return Err(none_is_left());
        }
        let ledger = Ledger::new(cases.len(), args.json, stop);
        Ok(Self { cases, patience: args.timeout.0, ledger })
    }

    /// Carries out the cases with this server.
    ///
    /// # Errors
    ///
    /// If there is no way to wait, or stdout cannot be written.
    pub fn run(&mut self, server: &Server, sockets: &mut impl Unconnected) -> Result<()> {
        let mut conductor = Conductor::new(sockets, server, self.patience, self.ledger.stop);
        for case in &self.cases {
            let begun = conductor.now();
            let mut look = self.ledger.look(case.name);
            let ended = conductor.case(case, &mut look).context("cannot wait for echoes")?;
            drop(look);
            let outcome = match ended {
                Ended::Well(note) => Outcome::Pass(note),
                Ended::Cannot(why) => Outcome::Skip(why),
                Ended::Failed { step, wrong } => Outcome::Fail(finding::of(case, step, &wrong)),
                Ended::Stopped => return self.ledger.note(case, Duration::ZERO, None),
            };
            let took = conductor.now().saturating_duration_since(begun);
            self.ledger.note(case, took, Some(outcome))?;
        }
        Ok(())
    }

    /// The results of the cases so far.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.ledger.records
    }

    /// Sums up.
    ///
    /// # Errors
    ///
    /// If stdout cannot be written.
    pub fn finish(self, subject: &Subject) -> Result<Verdict> {
        self.ledger.finish(subject, "udp")
    }
}
