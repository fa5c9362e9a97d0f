//! `check`: the conformance cases of [`echo_cases`] over any [`Stack`], one line for each; and
//! those of UDP over any [`datagrams::Unconnected`] sockets.
//!
//! A program makes a [`Check`] from the flags, lets it [`run`](Check::run) over a stack for
//! each kind of server that it can reach, and [`finish`](Check::finish)es it.

mod choice;
mod conduct;
pub mod datagrams;
mod finding;
mod ledger;
mod pace;
mod report;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use echo_cases::{Case, Needs};

use self::choice::{chosen, is_named, is_wanted, none_is_left};
use self::conduct::{Conductor, Ended};
pub use self::finding::Finding;
use self::finding::wished;
use self::ledger::{Ledger, NO_OUTPUT};
use self::pace::Pace;
pub use self::report::{Outcome, Record};
use crate::args::CheckArgs;
use crate::plan::Plan;
use crate::signals::Stop;
use crate::stack::Stack;
use crate::terminal::streams;
use crate::verdict::{Misuse, Verdict};

/// The server that is checked.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The echo server, as the user called it.
    pub name: String,
    /// The address that is connected to.
    pub address: SocketAddr,
}

/// The cases that are to be carried out, and the results of those that were.
#[derive(Debug)]
pub struct Check<'a> {
    cases: Vec<&'static Case<'static>>,
    /// The time after which the server is expected to end idle connections, if that is checked.
    silence: Option<Duration>,
    patience: Option<Duration>,
    pace: Option<Pace>,
    connections: u16,
    ledger: Ledger<'a>,
}

/// The case that has an argument, as it is listed.
static SILENCE: Case<'_> = echo_cases::ends_after(&[], Duration::ZERO);

/// Prints the list of all cases, one per line: those of the protocol that the flags choose.
///
/// # Errors
///
/// If stdout cannot be written.
pub fn list<W: Args>(args: &CheckArgs<W>) -> Result<Verdict> {
    let lines: String = if args.udp {
        echo_cases::datagrams::cases().map(report::listed).collect()
    } else {
        echo_cases::cases().chain([&SILENCE]).map(report::listed).collect()
    };
    streams::print(lines).context(NO_OUTPUT)?;
    Ok(Verdict::Well)
}

impl<'a> Check<'a> {
    /// The check that the flags ask for.
    ///
    /// # Errors
    ///
    /// A [`Misuse`], if no case has one of the names.
    pub fn new<W: Args>(args: &CheckArgs<W>, stop: &'a Stop) -> Result<Self> {
        let cases = chosen(args, echo_cases::cases(), Some(SILENCE.name))?;
        let silence = args.expect_timeout.map(|limit| limit.0);
        let silence = silence.filter(|_| is_wanted(args, SILENCE.name));
        if silence.is_none() && is_named(args, SILENCE.name) {
            let how = "needs --expect-timeout: how long until the server ends it";
            return Err(Misuse(format!("{} {how}", SILENCE.name)).into());
        }
        let all = cases.len() + usize::from(silence.is_some());
        if all == 0 {
            return Err(none_is_left());
        }
        Ok(Self {
            cases,
            silence,
            patience: args.timeout.0,
            pace: Some(Pace::default()),
            connections: 0,
            ledger: Ledger::new(all, args.json, stop),
        })
    }

    /// Lifts the limit on connections per second: the server is ours, and needs none.
    #[must_use]
    pub fn unpaced(self) -> Self {
        Self { pace: None, ..self }
    }

    /// The kinds of servers that the cases need, each once.
    #[must_use]
    pub fn servers(&self) -> Vec<Needs> {
        let mut servers: Vec<Needs> = Vec::new();
        let silence = self.silence.map(|_| Needs::Echo);
        for needs in self.cases.iter().map(|case| case.needs).chain(silence) {
            if !servers.iter().any(|other| other.rules() == needs.rules()) {
                servers.push(needs);
            }
        }
        servers
    }

    /// The load for which a stack is made: as many connections as are open at once.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let rounds = self.cases.iter().flat_map(|case| case.rounds);
        let most = rounds.map(|round| round.len()).max().unwrap_or(1);
        Plan {
            connections: most as u16,
            limit: self.patience,
            per_message: true,
            length: 64 << 10,
            ..Plan::new()
        }
    }

    /// Carries out the cases that such a server is `needed` for, over a stack that reaches one.
    ///
    /// # Errors
    ///
    /// If the stack has no way to wait, or stdout cannot be written.
    pub fn run(&mut self, needed: Needs, stack: &mut impl Stack) -> Result<()> {
        let cases: Vec<_> =
            self.cases.iter().copied().filter(|it| it.needs.rules() == needed.rules()).collect();
        for case in cases {
            self.case(case, stack)?;
        }
        if let Some(limit) = self.silence.take_if(|_| needed.rules() == Needs::Echo.rules()) {
            let tolerance = self.patience.map_or(limit, |patience| patience / 2).min(limit / 10);
            let acts = echo_cases::silence(limit, tolerance);
            self.case(&echo_cases::ends_after(&[&[&acts]], limit), stack)?;
        }
        Ok(())
    }

    fn case(&mut self, case: &Case<'_>, stack: &mut impl Stack) -> Result<()> {
        if self.ledger.stopped {
            return Ok(());
        }
        let begun = stack.now();
        let stop = self.ledger.stop;
        let mut look = self.ledger.look(case.name);
        let mut conductor =
            Conductor::new(stack, self.patience, self.pace.as_mut(), stop, &mut self.connections);
        let ended = conductor.case(case, &mut look).context("cannot wait for echoes")?;
        drop(look);
        let outcome = match ended {
            Ended::Well(came) => Some(Outcome::Pass(came.map(|came| {
                let what = if came { "came in its place" } else { "was dropped" };
                format!("the urgent byte {what}")
            }))),
            Ended::Cannot(wish) => {
                Some(Outcome::Skip(format!("this stack cannot {}", wished(wish))))
            }
            Ended::Failed(departure) => Some(Outcome::Fail(Finding::of(case, &departure))),
            Ended::Stopped => None,
        };
        let took = stack.now().saturating_duration_since(begun);
        self.ledger.note(case, took, outcome)
    }

    /// The results of the cases so far.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.ledger.records
    }

    /// Reports the cases for which there was no server, and sums up.
    ///
    /// # Errors
    ///
    /// If stdout cannot be written.
    pub fn finish(mut self, subject: &Subject) -> Result<Verdict> {
        for case in self.cases {
            if !self.ledger.stopped && !self.ledger.has(case.name) {
                let reason = format!("needs a server with {}", case.needs.flags().join(" "));
                self.ledger.note(case, Duration::ZERO, Some(Outcome::Skip(reason)))?;
            }
        }
        self.ledger.finish(subject, "tcp")
    }
}
