//! The flags that both programs have: what load to offer, and what to make of it.
//! The doc comments are the help. Where to connect, and from where, each program says
//! in flags of its own, `W`.

mod content;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser};

pub use self::content::Content;
use crate::bound::Condition;
use crate::plan::{Pace, Plan};
use crate::quantity::given::{Limit, Rate, Spin, Time, count, length};

/// Flags of `rate`.
#[derive(Debug, Args)]
pub struct RateArgs<W: Args> {
    /// Where to connect.
    #[command(flatten)]
    pub way: W,

    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,

    /// What messages contain: zero, seq, random or file:PATH
    #[arg(long, value_name = "KIND", default_value_t = Content::Zero, value_parser = content())]
    pub payload: Content,

    /// Draw the figure into this file: .jpg, .png or .svg [default: result/rate.jpg]
    #[arg(short, long, value_name = "FILE", value_parser = figure(), conflicts_with = "no_plot")]
    pub output: Option<PathBuf>,

    /// Draw no figure
    #[arg(long)]
    pub no_plot: bool,
}

/// Flags of `fail-rate`.
#[derive(Debug, Args)]
pub struct FailRateArgs<W: Args> {
    /// Where to connect.
    #[command(flatten)]
    pub way: W,

    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,

    /// What messages contain: seq (a wrong byte tells where it comes from), zero, random or file:PATH
    #[arg(long, value_name = "KIND", default_value_t = Content::Seq, value_parser = content())]
    pub payload: Content,

    /// Draw the figure into this file: .jpg, .png or .svg
    #[arg(short, long, value_name = "FILE", value_parser = figure(), conflicts_with = "no_plot")]
    pub output: Option<PathBuf>,

    /// Draw no figure, as without --output
    #[arg(long)]
    pub no_plot: bool,

    /// Exit with 0 as long as no more than this many messages failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_fail: u64,
}

/// Flags that `rate` and `fail-rate` share: what load to offer.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Stop after this many messages [default: at Ctrl+C]
    #[arg(short, long, value_name = "N", value_parser = count)]
    pub count: Option<u64>,

    /// Start no message after this time; those under way may end [default: at Ctrl+C]
    #[arg(short, long, value_name = "TIME")]
    pub time: Option<Time>,

    /// Start a message on each connection every so often, instead of as soon as one is back
    #[arg(short, long, value_name = "TIME", conflicts_with = "rate", value_parser = interval)]
    pub interval: Option<Time>,

    /// Start so many messages a second over all connections, whatever comes back (open loop): times
    /// count from when a message was due
    #[arg(short = 'R', long, value_name = "N")]
    pub rate: Option<Rate>,

    /// Open a connection for each message; opening it is part of the time
    #[arg(long)]
    pub crr: bool,

    /// End each connection of --crr by a reset: no port rests in TIME-WAIT, but the server sees an
    /// abort where others would close
    #[arg(long, requires = "crr")]
    pub reset: bool,

    /// Leave out what is due in this time at first (warm-up); --time and --count count from then on
    #[arg(short = 'O', long, value_name = "TIME", default_value = "0")]
    pub omit: Time,

    /// Look for echoes without sleeping [for this long]: lower round trips, a busy processor
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = Spin::ALWAYS)]
    pub spin: Option<Spin>,

    /// Use this many connections at once, 1 to 16384, each with one message under way
    #[arg(short = 'P', long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=16384))]
    pub parallel: u16,

    /// Length of a message, up to 1GiB
    #[arg(short, long, value_name = "BYTES", default_value_t = 1000, value_parser = length)]
    pub length: u64,

    /// Connecting, and each round trip, may take this long; 0 or negative: no limit
    #[arg(long, value_name = "TIME", default_value = "10", allow_hyphen_values = true)]
    pub timeout: Limit,

    /// Print one JSON object instead of the report
    #[arg(short = 'J', long)]
    pub json: bool,

    /// Write the JSON object into this file, too
    #[arg(long, value_name = "FILE")]
    pub export_json: Option<PathBuf>,

    /// Write one row per message into this file, beside it (FILE.*.part) while it goes: costs some
    /// 0.2 µs a message
    #[arg(long, value_name = "FILE")]
    pub export_csv: Option<PathBuf>,

    /// Write the distribution into this file, as an HdrHistogram log
    #[arg(long, value_name = "FILE")]
    pub export_hdr: Option<PathBuf>,

    /// Exit with 1 if this holds: p99>2ms, rate<90M, messages<5k, fail>0.1%, unsent>1%, late>1ms; may
    /// be repeated
    #[arg(long, value_name = "BOUND")]
    pub fail_if: Vec<Condition>,
}

impl LoadArgs {
    /// The load; one that `keeps_going` opens the connection anew after a failure.
    ///
    /// # Errors
    ///
    /// If the payload cannot be read.
    pub fn plan(&self, content: &Content, keep_going: bool) -> Result<Plan> {
        Ok(Plan {
            connections: self.parallel,
            payload: content.read(self.length)?,
            length: self.length,
            limit: self.timeout.0,
            pace: self.pace(),
            per_message: self.crr,
            reset: self.reset,
            omit: self.omit.0,
            spin: self.spin.map_or(Duration::ZERO, |Spin(spin)| spin),
            count: self.count,
            time: self.time.map(|time| time.0),
            keep_going,
        })
    }

    fn pace(&self) -> Pace {
        match (self.interval, self.rate) {
            (Some(Time(interval)), _) => Pace::Interval(interval),
            (None, Some(Rate(per_second))) => Pace::Rate(per_second),
            (None, None) => Pace::Closed,
        }
    }
}

fn interval(text: &str) -> Result<Time, String> {
    let time: Time = text.parse()?;
    if time.0.is_zero() { Err("must be above 0".into()) } else { Ok(time) }
}

/// A file name, which may be any bytes.
fn figure() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(of_known_format)
}

/// A kind of payload, or a file name.
fn content() -> impl TypedValueParser<Value = Content> {
    OsStringValueParser::new().try_map(Content::try_from)
}

fn of_known_format(path: PathBuf) -> Result<PathBuf, &'static str> {
    let known = |extension: &str| {
        ["jpg", "jpeg", "png", "svg"].iter().any(|one| extension.eq_ignore_ascii_case(one))
    };
    match path.extension().and_then(OsStr::to_str) {
        Some(extension) if known(extension) => Ok(path),
        // Nothing can be made there; that is said with its reason when it is opened.
        _ if path.is_dir() => Ok(path),
        _ => Err("a figure is a .jpg, .png or .svg"),
    }
}
