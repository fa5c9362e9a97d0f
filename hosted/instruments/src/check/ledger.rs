//! The results of a check, which are told as they come.

use std::io::{self, ErrorKind};
use std::time::Duration;

use anyhow::{Context, Result};
use echo_cases::Case;

use super::Subject;
use super::report::{self, Outcome, Record};
use crate::signals::Stop;
use crate::terminal::live::Live;
use crate::terminal::streams;
use crate::verdict::Verdict;

/// The results so far, whatever the cases are made of.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    /// The number of cases.
    all: usize,
    json: bool,
    pub(super) stop: &'a Stop,
    /// One for all cases, because its handler of Ctrl+Z stays for the whole program.
    live: Option<Live>,
    pub(super) records: Vec<Record>,
    pub(super) stopped: bool,
}

impl<'a> Ledger<'a> {
    pub(super) const fn new(all: usize, json: bool, stop: &'a Stop) -> Self {
        Self { all, json, stop, live: None, records: Vec::new(), stopped: false }
    }

    /// Shows that this case goes on; to be called several times a second.
    pub(super) fn look(&mut self, name: &str) -> impl FnMut() {
        let live = self.live.get_or_insert_with(|| Live::new(false));
        let (done, of) = (self.records.len() + 1, self.all);
        move || live.prepare(|_| format!(" {done} of {of}   {name}"))
    }

    /// Tells what came of a case, and how long it took; `None` if it was stopped.
    pub(super) fn note<R>(
        &mut self,
        case: &Case<'_, R>,
        took: Duration,
        outcome: Option<Outcome>,
    ) -> Result<()> {
        if let Some(live) = &self.live {
            live.clear();
        }
        let Some(outcome) = outcome else {
            self.stopped = true;
            return Ok(());
        };
        let record = Record { name: case.name, source: case.source, took, outcome };
        if !self.json {
            print(&record.lines(), self.stop).context(NO_OUTPUT)?;
        }
        self.records.push(record);
        Ok(())
    }

    /// Whether this case was carried out, or skipped.
    pub(super) fn has(&self, name: &str) -> bool {
        self.records.iter().any(|record| record.name == name)
    }

    /// Sums up.
    pub(super) fn finish(mut self, subject: &Subject, protocol: &str) -> Result<Verdict> {
        self.live = None;
        let left = self.all - self.records.len();
        let text = if self.json {
            format!("{:#}", report::json(subject, protocol, &self.records, left == 0))
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

pub(super) const NO_OUTPUT: &str = "cannot write to stdout";
