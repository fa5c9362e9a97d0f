//! What `rate` and `fail-rate` have in common: from flags to a measurement.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail};

use crate::address::{self, reason};
use crate::cli::{Content, LoadArgs, Rate, Time};
use crate::figure::{self, Format, Quantity};
use crate::load::{self, Measurement, Observer, Pace, Plan, Sample};
use crate::output::Output;
use crate::progress::Live;
use crate::report::{self, Subject};
use crate::server::Local;
use crate::signals::Stop;

/// Pixels of the figure for each of its page.
const SCALE: f32 = 2.0;

/// Measures and prints the report; the figure goes into `figure`.
///
/// # Errors
///
/// What could not be resolved, connected to, opened or written.
pub fn run(
    command: &'static str,
    args: &LoadArgs,
    content: &Content,
    keep_going: bool,
    figure: Option<Output>,
    live_line: impl Fn(&Measurement, u64) -> String,
) -> Result<Measurement> {
    let content_bytes = read(content)?;
    let local = args.local.then(Local::start).transpose()?;
    let addresses = match &local {
        Some(local) => vec![local.address()],
        None => args.target.target().resolve(args.target.port)?,
    };
    let first = address::connect(&addresses, args.timeout.0)?;
    // Before, there is nothing to report, and a signal may end the program as it always does.
    let stop = Stop::on_signals().context("cannot catch signals")?;
    let address = first.peer_addr().context("the connection was lost at once")?;
    let subject = Subject {
        command,
        name: if local.is_some() { "this process".into() } else { name(args, address) },
        address,
        length: args.length,
        connections: args.parallel,
        payload: content.to_string(),
        pace: pace(args),
        per_message: args.crr,
    };
    let plan = Plan {
        address,
        connections: args.parallel,
        content: content_bytes,
        length: args.length,
        limit: args.timeout.0,
        pace: pace(args),
        per_message: args.crr,
        omit: args.omit.0,
        spin: args.spin.map_or(Duration::ZERO, |Time(spin)| spin),
        count: args.count,
        time: args.time.map(|time| time.0),
        keep_going,
    };
    if !args.json {
        print(&report::header(&subject))?;
    }
    let mut watch = Watch { live: Live::new(), line: &|now| live_line(now, plan.length) };
    let measurement = load::run(&plan, first, &stop, &mut watch)?;
    drop(watch);
    // Whoever read the report may be gone, like `tee` at Ctrl+C; the figure is made all the same.
    let printed = if args.json {
        print(&format!("{:#}", report::json(&subject, &measurement)))
    } else {
        print(&report::text(&subject, &measurement))
    };
    if let Some(figure) = figure {
        let path = figure.path().to_owned();
        figure.write(&draw(&subject, &measurement, Format::from_path(&path))?)?;
        if !args.json && printed.is_ok() {
            print(&format!("figure {}", path.display()))?;
        }
    }
    printed.map(|()| measurement)
}

/// What goes on while a run is measured.
struct Watch<'a> {
    live: Live,
    line: &'a dyn Fn(&Measurement) -> String,
}

impl Observer for Watch<'_> {
    fn look(&mut self, measurement: &Measurement) {
        self.live.show(|| (self.line)(measurement));
    }

    fn message(&mut self, _sample: &Sample) {}
}

fn pace(args: &LoadArgs) -> Pace {
    match (args.interval, args.rate) {
        (Some(Time(interval)), _) => Pace::Interval(interval),
        (None, Some(Rate(per_second))) => Pace::Rate(per_second),
        (None, None) => Pace::Closed,
    }
}

fn name(args: &LoadArgs, address: SocketAddr) -> String {
    let host = &args.target.target().host;
    if host.parse() == Ok(address.ip()) {
        address.to_string()
    } else {
        format!("{host}:{}", address.port())
    }
}

fn read(content: &Content) -> Result<load::Content> {
    // Different in each run, so that bytes of an earlier one are told from ours.
    let run = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
    Ok(match content {
        Content::Zero => load::Content::Zero,
        Content::Seq => load::Content::Seq((run ^ (run >> 16) ^ (run >> 32)) as u16),
        Content::Random => load::Content::Random(run),
        Content::File(path) => {
            let bytes = fs::read(path).map_err(|error| {
                anyhow!("cannot read the payload {}: {}", path.display(), reason(&error))
            })?;
            if bytes.is_empty() {
                bail!("cannot send the payload {}: the file is empty", path.display());
            }
            load::Content::Bytes(bytes)
        }
    })
}

fn draw(subject: &Subject, measurement: &Measurement, format: Format) -> Result<Vec<u8>> {
    let failures = report::failures(&measurement.tally);
    let run = figure::Run {
        target: &subject.name,
        lead: &subject.lead(measurement),
        elapsed: measurement.elapsed,
        message_bytes: subject.length,
        quantity: if measurement.response.is_some() {
            Quantity::Response
        } else {
            Quantity::RoundTrip
        },
        times: measurement.felt(),
        timeline: &measurement.timeline,
        failures: &failures,
    };
    figure::encode(&run, format, SCALE)
}

fn print(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot write to stdout")
}
