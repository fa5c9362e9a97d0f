//! What `rate` and `fail-rate` have in common, on whatever stack: from a subject
//! to its report, its files and a verdict.

use std::io::{self, ErrorKind};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::args::{Content, FailRateArgs, LoadArgs, RateArgs};
use crate::bound::Condition;
use crate::datagrams::{self, Datagrams};
use crate::exports::{Exports, Picture, Table};
use crate::load::{self, Observer};
use crate::measurement::{Measurement, Sample};
use crate::plan::Plan;
use crate::quantity;
use crate::report::{self, Subject};
use crate::search::{Goal, Hunt};
use crate::signals::Stop;
use crate::stack::Stack;
use crate::start::Start;
use crate::terminal::escape::shown;
use crate::terminal::live::Live;
use crate::terminal::notes::{note, remark};
use crate::verdict::{Misuse, Verdict};

mod climb;
mod panel;
mod paper;
mod words;

use self::climb::Climbed;
use self::panel::Panel;
use self::paper::{NO_OUTPUT, Paper};
use self::words::Words;

/// A measurement as the command line asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// The instrument: `rate` or `fail-rate`.
    pub command: &'static str,
    /// The load.
    pub load: &'a LoadArgs,
    /// The content of messages.
    pub payload: &'a Content,
    /// Whether to go on after a failure.
    pub keep_going: bool,
    /// What the highest rate is searched for that keeps it.
    goal: Option<&'a Goal>,
    picture: Option<Picture<'a>>,
    max_fail: u64,
    words: Words,
}

/// How fast messages come back. The first failure ends it.
impl<'a, W: Args> From<&'a RateArgs<W>> for Trial<'a> {
    fn from(args: &'a RateArgs<W>) -> Self {
        Self {
            command: "rate",
            load: &args.load,
            payload: &args.payload,
            keep_going: false,
            goal: args.search.as_ref(),
            picture: Picture::of_rate(args),
            max_fail: 0,
            words: Words::RATE,
        }
    }
}

/// How many messages do not come back as they were sent.
impl<'a, W: Args> From<&'a FailRateArgs<W>> for Trial<'a> {
    fn from(args: &'a FailRateArgs<W>) -> Self {
        Self {
            command: "fail-rate",
            load: &args.load,
            payload: &args.payload,
            keep_going: true,
            goal: None,
            picture: Picture::of_fail_rate(args),
            max_fail: args.max_fail,
            words: Words::FAIL_RATE,
        }
    }
}

impl Trial<'_> {
    /// The load that the flags ask for.
    ///
    /// # Errors
    ///
    /// If the payload cannot be read, or a bound makes no sense for the load.
    pub fn plan(&self) -> Result<Plan> {
        if self.keep_going && *self.payload == Content::Zero {
            note(
                "note: with --payload zero a late, repeated or shifted echo looks right; seq shows it",
            );
        }
        let plan = self.load.plan(self.payload, self.keep_going)?;
        let plan = self.goal.map_or_else(|| plan.clone(), |goal| Hunt::base(goal, &plan));
        let misfit = self.load.fail_if.iter().find_map(|condition| condition.misfit(&plan));
        misfit.map_or(Ok(plan), |misfit| Err(Misuse(misfit).into()))
    }

    /// Waits until the connections for a start at a certain time have to be opened, if the flags name one.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] if it has passed.
    pub fn approach(&self, plan: &Plan) -> Result<()> {
        let start = self.load.start_at.map(Start::at);
        start.map_or(Ok(()), |start| start.approach(plan))
    }

    /// There is something to finish from now on, unless a start is still waited for.
    pub fn arm(&self, stop: &Stop) {
        if self.load.start_at.is_none() {
            stop.arm();
        }
    }

    /// Opens the files that will be written.
    ///
    /// # Errors
    ///
    /// If one of them cannot be, or would be written twice.
    pub fn exports(&self) -> Result<Exports> {
        Exports::open(self.load, self.picture)
    }

    /// Measures over `stack`, prints the report and writes the files.
    ///
    /// # Errors
    ///
    /// If there is no way to wait for the stack, or something cannot be written.
    pub fn run(
        &self,
        subject: &Subject<'_>,
        stack: &mut impl Stack,
        exports: Exports,
        stop: &Stop,
    ) -> Result<Verdict> {
        self.carry_out(subject, exports, stop, &mut |plan, observer| {
            load::repeat(plan, stack, stop, observer)
        })
    }

    /// The same over `datagrams`.
    ///
    /// # Errors
    ///
    /// If there is no way to wait for them, or something cannot be written.
    pub fn run_datagrams(
        &self,
        subject: &Subject<'_>,
        datagrams: &mut impl Datagrams,
        exports: Exports,
        stop: &Stop,
    ) -> Result<Verdict> {
        self.carry_out(subject, exports, stop, &mut |plan, observer| {
            load::repeat_datagrams(plan, datagrams, stop, observer)
        })
    }

    fn carry_out(
        &self,
        subject: &Subject<'_>,
        mut exports: Exports,
        stop: &Stop,
        measure: &mut Measure<'_>,
    ) -> Result<Verdict> {
        let paper = Paper::of(self.load, stop);
        let start = self.load.start_at.map(Start::at);
        if let Some(goal) = self.goal {
            let Climbed { hunt, printed } = self.climb(goal, subject, measure, &paper, stop)?;
            let Some((plan, measurement)) = hunt.told() else { return Ok(Verdict::Well) };
            let subject = Subject { plan, ..subject.clone() };
            let printed = match printed {
                Ok(()) if !self.load.report.json => {
                    paper.print(&report::search::in_full(&hunt, paper.layout()))
                }
                printed => printed,
            };
            let printed = printed.and_then(|()| self.print_header(&subject, &paper));
            return self.tell(&subject, measurement, Some(&hunt), exports, &paper, printed);
        }
        self.print_header(subject, &paper).context(NO_OUTPUT)?;
        let mut watch = Watch {
            live: Live::new(!self.load.report.json),
            panel: Panel::new(subject),
            words: self.words,
            length: subject.plan.length,
            table: exports.table(subject)?,
            before: Duration::ZERO,
            last: Duration::ZERO,
            start,
            late: None,
            stop,
        };
        let measured = measure(subject.plan, &mut watch);
        let measurement = measured.context("cannot wait for echoes")?;
        let Watch { live, table, late, .. } = watch;
        drop(live);
        late.iter().for_each(|late| remark(late));
        // If one file cannot be written, the others still are.
        let table = table.map(Table::finish).transpose();
        let verdict = self.tell(subject, &measurement, None, exports, &paper, Ok(()));
        table?;
        verdict
    }

    fn print_header(&self, subject: &Subject<'_>, paper: &Paper<'_>) -> io::Result<()> {
        if self.load.report.json {
            return Ok(());
        }
        paper.print(&report::header(subject, paper.layout()))
    }

    /// Prints the report, unless something could not be `printed` before, and writes the files.
    fn tell(
        &self,
        subject: &Subject<'_>,
        measurement: &Measurement,
        hunt: Option<&Hunt<'_>>,
        exports: Exports,
        paper: &Paper<'_>,
        printed: io::Result<()>,
    ) -> Result<Verdict> {
        let args = self.load;
        let object = || report::search::report(subject, measurement, hunt);
        let report = if args.report.json {
            format!("{:#}", object())
        } else {
            // The terminal may have been resized meanwhile.
            report::text(subject, measurement, paper.layout())
        };
        let printed = printed.and_then(|()| paper.print(&report));
        let printed = match hunt.filter(|_| !args.report.json) {
            Some(hunt) => {
                printed.and_then(|()| paper.print(&report::search::answer(hunt, paper.layout())))
            }
            None => printed,
        };
        let crossed = crossed(&args.fail_if, measurement, subject.plan.length);
        let printed = match exports
            .write(subject, measurement, hunt, object)?
            .filter(|_| !args.report.json)
        {
            Some(path) => printed.and_then(|()| paper.print(&format!("figure {}", shown(&path)))),
            None => printed,
        };
        // The reader of the report may be gone, like `tee` at Ctrl+C, or read nothing when the
        // program has to end: the files are written and the verdict stands all the same.
        match printed {
            Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::TimedOut) => {
                return Err(error).context(NO_OUTPUT);
            }
            _ => {}
        }
        if let Some(why) = measurement.nobody() {
            return Err(datagrams::nobody(&format!("{}: {why}", subject.address)));
        }
        let found = hunt.is_none_or(|hunt| hunt.has_answer() || !hunt.is_complete());
        let well = measurement.tally.failures() <= self.max_fail && !crossed && found;
        Ok(if well { Verdict::Well } else { Verdict::Failed })
    }
}

/// Carries out a plan over whatever there is.
type Measure<'a> = dyn FnMut(&Plan, &mut dyn Observer) -> io::Result<Measurement> + 'a;

/// Prints the conditions that hold. Returns whether there are any.
pub(crate) fn crossed(conditions: &[Condition], measurement: &Measurement, length: u64) -> bool {
    let told = conditions.iter().filter_map(|condition| condition.crossed(measurement, length));
    told.inspect(|text| remark(text)).count() > 0
}

/// Draws the progress while a run is measured.
struct Watch<'s> {
    live: Live,
    panel: Panel,
    words: Words,
    length: u64,
    table: Option<Table>,
    /// How long the runs before this one went on, and this one when it was last seen.
    before: Duration,
    last: Duration,
    /// The start that is waited for when all is ready.
    start: Option<Start>,
    /// How late it was, in words.
    late: Option<String>,
    stop: &'s Stop,
}

impl Watch<'_> {
    /// A run is over, and another may follow.
    fn over(&mut self) {
        self.before += std::mem::take(&mut self.last);
    }
}

impl Observer for Watch<'_> {
    fn look(&mut self, measurement: &Measurement) {
        self.panel.notice(measurement);
        let (panel, words) = (&self.panel, &self.words);
        let lines = |width| panel.lines(measurement, (words.success)(measurement), width);
        let line = || format!("{}{}", panel.run(), (words.line)(measurement, self.length));
        self.last = measurement.elapsed;
        self.live.show(self.before + self.last, lines, line);
    }

    fn next_run(&mut self, number: u16) {
        self.panel.next_run(number);
        self.over();
        if let Some(table) = &mut self.table {
            table.next_run();
        }
    }

    fn opening(&mut self, open: usize, of: usize) {
        let [open, of] = [open, of].map(|n| quantity::count(n as u64));
        let line =
            |width| format!(" opening connections: {open} of {of}").chars().take(width).collect();
        self.live.prepare(line);
    }

    fn ready(&mut self) {
        if let Some(start) = self.start.take() {
            self.live.clear();
            self.late = Some(start.said(start.wait()));
            self.stop.arm();
        }
    }

    fn message(&mut self, sample: &Sample) {
        if let Some(table) = &mut self.table {
            table.row(sample);
            if table.is_unread() {
                self.stop.request();
            }
        }
    }
}
