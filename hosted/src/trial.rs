//! What `rate` and `fail-rate` have in common: from flags to a measurement.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};

use crate::address::{self, reason};
use crate::cli::{Content, LoadArgs};
use crate::figure::{self, Format, Quantity};
use crate::load::{self, Measurement, Plan};
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
    };
    let plan = Plan {
        address,
        connections: args.parallel,
        content: content_bytes,
        length: args.length,
        limit: args.timeout.0,
        count: args.count,
        time: args.time.map(|time| time.0),
        keep_going,
    };
    if !args.json {
        print(&report::header(&subject))?;
    }
    let live = Live::new();
    let measurement = load::run(&plan, first, &stop, &mut |measurement| {
        live.show(|| live_line(measurement, plan.length));
    })?;
    drop(live);
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
        quantity: Quantity::RoundTrip,
        histogram: measurement.times.histogram(),
        timeline: &measurement.timeline,
        failures: &failures,
    };
    figure::encode(&run, format, SCALE)
}

fn print(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot write to stdout")
}
