//! `check`: the conformance cases of [`echo_cases`] over any [`Stack`], one line for each.
//!
//! A program makes a [`Check`] from the flags, lets it [`run`](Check::run) over a stack for
//! each kind of server that it can reach, and [`finish`](Check::finish)es it.

mod conduct;
mod finding;
mod pace;
mod report;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use echo_cases::{Case, Needs};

use self::conduct::{Conductor, Ended};
pub use self::finding::Finding;
use self::finding::wished;
use self::pace::Pace;
pub use self::report::{Outcome, Record};
use crate::args::CheckArgs;
use crate::plan::Plan;
use crate::signals::Stop;
use crate::stack::Stack;
use crate::terminal::live::Live;
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
    /// The number of cases, including the one that has an argument.
    all: usize,
    /// The time after which the server is expected to end idle connections, if that is checked.
    silence: Option<Duration>,
    patience: Option<Duration>,
    pace: Option<Pace>,
    json: bool,
    stop: &'a Stop,
    /// One for all cases, because its handler of Ctrl+Z stays for the whole program.
    live: Option<Live>,
    connections: u16,
    records: Vec<Record>,
    stopped: bool,
}

/// The case that has an argument, as it is listed.
static SILENCE: Case<'_> = echo_cases::ends_after(&[], Duration::ZERO);

/// Prints the list of all cases, one per line.
///
/// # Errors
///
/// If stdout cannot be written.
pub fn list() -> Result<Verdict> {
    let lines: String = echo_cases::cases().chain([&SILENCE]).map(report::listed).collect();
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
        let known =
            |name: &String| name == SILENCE.name || echo_cases::cases().any(|it| it.name == name);
        if let Some(name) = args.only.iter().chain(&args.skip).find(|name| !known(name)) {
            return Err(Misuse(format!("no case is called \"{name}\" (--list shows all)")).into());
        }
        let named = |name: &str| args.only.iter().any(|only| only == name);
        let left_out = |name: &str| args.skip.iter().any(|skip| skip == name);
        let wanted = |name| (args.only.is_empty() || named(name)) && !left_out(name);
        let silence = args.expect_timeout.map(|limit| limit.0).filter(|_| wanted(SILENCE.name));
        if silence.is_none() && named(SILENCE.name) {
            let how = "needs --expect-timeout: how long until the server ends it";
            return Err(Misuse(format!("{} {how}", SILENCE.name)).into());
        }
        let meant = |it: &&Case<'_>| {
            wanted(it.name) && (it.needs == Needs::Echo || args.ours || named(it.name))
        };
        let cases: Vec<_> = echo_cases::cases().filter(meant).collect();
        if cases.is_empty() && silence.is_none() {
            return Err(Misuse("no case is left (see --only, --skip and --ours)".into()).into());
        }
        Ok(Self {
            all: cases.len() + usize::from(silence.is_some()),
            cases,
            silence,
            patience: args.timeout.0,
            pace: Some(Pace::default()),
            json: args.json,
            stop,
            live: None,
            connections: 0,
            records: Vec::new(),
            stopped: false,
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
        if self.stopped {
            return Ok(());
        }
        let begun = stack.now();
        let live = self.live.get_or_insert_with(|| Live::new(false));
        let (done, of) = (self.records.len() + 1, self.all);
        let mut look = || live.prepare(|_| format!(" {done} of {of}   {}", case.name));
        let mut conductor = Conductor::new(
            stack,
            self.patience,
            self.pace.as_mut(),
            self.stop,
            &mut self.connections,
        );
        let ended = conductor.case(case, &mut look).context("cannot wait for echoes")?;
        live.clear();
        let outcome = match ended {
            Ended::Well(came) => Outcome::Pass(came.map(|came| {
                if came {
                    "the urgent byte came in its place"
                } else {
                    "the urgent byte was dropped"
                }
            })),
            Ended::Cannot(wish) => Outcome::Skip(format!("this stack cannot {}", wished(wish))),
            Ended::Failed(departure) => Outcome::Fail(Finding::of(case, &departure)),
            Ended::Stopped => {
                self.stopped = true;
                return Ok(());
            }
        };
        let took = stack.now().saturating_duration_since(begun);
        self.note(Record { name: case.name, source: case.source, took, outcome })
    }

    /// The results of the cases so far.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    fn note(&mut self, record: Record) -> Result<()> {
        if !self.json {
            print(&record.lines(), self.stop).context(NO_OUTPUT)?;
        }
        self.records.push(record);
        Ok(())
    }

    /// Reports the cases for which there was no server, and sums up.
    ///
    /// # Errors
    ///
    /// If stdout cannot be written.
    pub fn finish(mut self, subject: &Subject) -> Result<Verdict> {
        self.live = None;
        let reached = |it: &&&Case<'_>| self.records.iter().any(|record| record.name == it.name);
        let missing: Vec<_> = self.cases.iter().filter(|it| !reached(it)).copied().collect();
        if !self.stopped {
            for Case { name, source, needs, .. } in missing {
                let flags = needs.flags().join(" ");
                let outcome = Outcome::Skip(format!("needs a server with {flags}"));
                self.note(Record { name, source, took: Duration::ZERO, outcome })?;
            }
        }
        let left = self.all - self.records.len();
        let text = if self.json {
            format!("{:#}", report::json(subject, &self.records, left == 0))
        } else {
            report::summary(&self.records, left)
        };
        match print(&text, self.stop) {
            Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::TimedOut) => {
                return Err(error).context(NO_OUTPUT);
            }
            _ => {}
        }
        let [_, failed, _] = report::counts(&self.records);
        Ok(if failed == 0 { Verdict::Well } else { Verdict::Failed })
    }
}

fn print(text: &str, stop: &Stop) -> io::Result<()> {
    streams::print_unless(format!("{text}\n"), stop)
}

const NO_OUTPUT: &str = "cannot write to stdout";
