//! What `rate` and `fail-rate` have in common: from flags to a measurement.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail};

use crate::address::{self, Target, reason};
use crate::cli::{Content, LoadArgs, Rate, Time};
use crate::escape::shown;
use crate::exports::{Exports, Picture, Table};
use crate::load::{self, Measurement, Observer, Pace, Plan, Sample};
use crate::panel::Panel;
use crate::progress::{Live, note};
use crate::report::{self, Condition, Subject};
use crate::server::Local;
use crate::signals::Stop;
use crate::sockets::{self, Sockets};
use crate::streams;
use crate::units;

/// Measures and prints the report; the figure goes where `figure` says.
///
/// # Errors
///
/// What could not be resolved, connected to, opened or written.
pub fn run(
    command: &'static str,
    args: &LoadArgs,
    content: &Content,
    keep_going: bool,
    figure: Option<Picture<'_>>,
    words: Words,
) -> Result<Trial> {
    let stop = Stop::on_signals().context("cannot catch signals")?;
    let content_bytes = read(content, args.length)?;
    let local = args.local.then(Local::start).transpose()?;
    let addresses = match &local {
        Some(local) => vec![local.address()],
        None => args.target.target().resolve(args.target.port)?,
    };
    let addresses = address::reachable(addresses, &args.bind)?;
    let first = address::connect_from(&args.bind, &addresses, args.timeout.0)?;
    let mut exports = Exports::open(args, figure)?;
    stop.arm();
    let address = first.stream.peer_addr().context("the connection was lost at once")?;
    let plan = Plan {
        connections: args.parallel,
        content: content_bytes,
        length: args.length,
        limit: args.timeout.0,
        pace: pace(args),
        per_message: args.crr,
        reset: args.reset,
        omit: args.omit.0,
        spin: args.spin.map_or(Duration::ZERO, |Time(spin)| spin),
        count: args.count,
        time: args.time.map(|time| time.0),
        keep_going,
    };
    let subject = Subject {
        command,
        name: if local.is_some() { "this process".into() } else { name(args, address) },
        address,
        sources: address::matching(&args.bind, address).collect(),
        payload: content.to_string(),
        plan: &plan,
    };
    if !args.json {
        print(&report::header(&subject)).context(NO_OUTPUT)?;
    }
    let mut watch = Watch {
        live: Live::new(!args.json),
        panel: Panel::new(&subject),
        words,
        length: plan.length,
        table: exports.table()?,
    };
    let mut sockets = Sockets::new(&plan, first)?.from(subject.sources.clone());
    let measurement =
        load::run(&plan, &mut sockets, &stop, &mut watch).context(sockets::CANNOT_WAIT)?;
    let Watch { live, table, .. } = watch;
    drop(live);
    let printed = if args.json {
        print(&format!("{:#}", report::json(&subject, &measurement)))
    } else {
        print(&report::text(&subject, &measurement))
    };
    let crossed = crossed(&args.fail_if, &measurement, plan.length);
    // One file that cannot be written takes no other with it.
    let table = table.map(Table::finish).transpose();
    let figure = exports.write(&subject, &measurement);
    table?;
    let figure = figure?;
    let printed = match figure.filter(|_| !args.json) {
        Some(path) => printed.and_then(|()| print(&format!("figure {}", shown(&path)))),
        None => printed,
    };
    // Whoever read the report may be gone, like `tee` at Ctrl+C: the files are written
    // and the verdict stands all the same.
    printed
        .or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
        .context(NO_OUTPUT)?;
    Ok(Trial { measurement, crossed })
}

/// How one of the instruments words its progress.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// One line, as the original program had it.
    pub line: fn(&Measurement, u64) -> String,
    /// What the line of the rate ends with on a terminal.
    pub success: fn(&Measurement) -> String,
}

/// A measurement, and whether it is as good as was asked for.
#[derive(Debug)]
pub struct Trial {
    /// The numbers.
    pub measurement: Measurement,
    /// Whether a condition of `--fail-if` holds.
    pub crossed: bool,
}

/// Says which conditions hold. One that the run cannot tell counts as well:
/// nobody should pass a check because too little was measured.
fn crossed(conditions: &[Condition], measurement: &Measurement, length: u64) -> bool {
    let mut crossed = false;
    for condition in conditions {
        let text = match condition.holds(measurement, length) {
            Some(false) => continue,
            Some(true) => format!("failed: {condition}"),
            None => format!("failed: {condition} cannot be told from so few messages"),
        };
        note(&text);
        crossed = true;
    }
    crossed
}

/// What goes on while a run is measured.
struct Watch {
    live: Live,
    panel: Panel,
    words: Words,
    length: u64,
    table: Option<Table>,
}

impl Observer for Watch {
    fn look(&mut self, measurement: &Measurement) {
        self.panel.notice(measurement);
        let (panel, words) = (&self.panel, &self.words);
        let lines = || panel.lines(measurement, &(words.success)(measurement));
        let line = || (words.line)(measurement, self.length);
        self.live.show(measurement.elapsed, lines, line);
    }

    fn opening(&mut self, open: usize, of: usize) {
        let [open, of] = [open, of].map(|n| units::count(n as u64));
        self.live.prepare(|| units::plain(&format!(" opening connections: {open} of {of}")));
    }

    fn message(&mut self, sample: &Sample) {
        if let Some(table) = &mut self.table {
            table.csv.row(sample);
        }
    }
}

fn pace(args: &LoadArgs) -> Pace {
    match (args.interval, args.rate) {
        (Some(Time(interval)), _) => Pace::Interval(interval),
        (None, Some(Rate(per_second))) => Pace::Rate(per_second),
        (None, None) => Pace::Closed,
    }
}

fn name(args: &LoadArgs, address: SocketAddr) -> String {
    let host = args.target.target().host.clone();
    if host.parse() == Ok(address.ip()) {
        address.to_string()
    } else {
        Target { host, port: Some(address.port()) }.to_string()
    }
}

fn read(content: &Content, length: u64) -> Result<load::Content> {
    // Different in each run, so that bytes of an earlier one are told from ours.
    let run = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
    Ok(match content {
        Content::Zero => load::Content::Zero,
        Content::Seq => load::Content::Seq((run ^ (run >> 16) ^ (run >> 32)) as u16),
        Content::Random => load::Content::Random(run),
        Content::File(path) => {
            let mut bytes = Vec::new();
            // All messages are alike: no more of it is ever sent.
            let read = File::open(path).and_then(|file| file.take(length).read_to_end(&mut bytes));
            read.map_err(|error| {
                anyhow!("cannot read the payload {}: {}", shown(path), reason(&error))
            })?;
            if bytes.is_empty() {
                bail!("cannot send the payload {}: the file is empty", shown(path));
            }
            load::Content::Bytes(bytes)
        }
    })
}

fn print(text: &str) -> io::Result<()> {
    streams::print(format!("{text}\n"))
}

const NO_OUTPUT: &str = "cannot write to stdout";
