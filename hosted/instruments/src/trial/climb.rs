//! A search from its first line to its last: each step is a run, and a row of a table when it is over.

use std::io;
use std::time::Duration;

use anyhow::{Context, Result};

use super::paper::Paper;
use super::{Measure, Trial, Watch};
use crate::report::{Subject, search};
use crate::search::{Goal, Hunt};
use crate::signals::Stop;
use crate::start::Start;
use crate::terminal::live::Live;
use crate::terminal::notes::remark;
use crate::trial::panel::Panel;

impl Trial<'_> {
    /// Searches for the highest rate that keeps the `goal`, and prints the table of its steps.
    ///
    /// # Errors
    ///
    /// If there is no way to wait for the stack, or to print the first line.
    pub(super) fn climb<'a>(
        &self,
        goal: &'a Goal,
        subject: &Subject<'a>,
        measure: &mut Measure<'_>,
        paper: &Paper<'_>,
        stop: &Stop,
    ) -> Result<Climbed<'a>> {
        let shown = !self.load.report.json;
        if shown {
            paper.begin(&search::begin(subject, goal, paper.layout()))?;
        }
        let mut watch = Watch {
            live: Live::new(shown),
            panel: Panel::new(subject),
            words: self.words,
            length: subject.plan.length,
            table: None,
            before: Duration::ZERO,
            last: Duration::ZERO,
            start: self.load.start_at.map(Start::at),
            late: None,
            stop,
        };
        let mut hunt = Hunt::new(goal, subject.plan);
        let mut printed = Ok(());
        while let Some(plan) = hunt.next() {
            watch.panel = Panel::new(&Subject { plan: &plan, ..subject.clone() });
            let run = measure(&plan, &mut watch).context("cannot wait for echoes")?;
            watch.over();
            if let Some(late) = watch.late.take() {
                watch.live.clear();
                remark(&late);
            }
            let row = search::row(goal, hunt.tell(plan, run), paper.layout());
            if shown && printed.is_ok() {
                watch.live.clear();
                printed = paper.print(&row);
            }
        }
        Ok(Climbed { hunt, printed })
    }
}

/// A search that is over.
pub(super) struct Climbed<'a> {
    pub(super) hunt: Hunt<'a>,
    /// Whether its table could be printed.
    pub(super) printed: io::Result<()>,
}
