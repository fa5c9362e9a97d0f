//! The command line: the doc comments are the help, the defaults are the truth.

mod values;

use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

pub use self::values::{Content, Limit, Rate, Time, count, length, number};
use crate::address::Target;
use crate::report::Condition;
use crate::server::LARGEST_BUFFER;

/// An RFC 862 echo service on the operating system's TCP, and the instruments
/// that measure and verify any other.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, subcommand_required = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send back whatever arrives, to any number of clients at once
    Server(ServerArgs),
    /// Talk to an echo server: type a line, or pipe a file through it, see what comes back
    Client(ClientArgs),
    /// Measure the echo rate and the round-trip time, and draw them
    Rate(RateArgs),
    /// Compare every echo with what was sent, and count how they fail
    FailRate(FailRateArgs),
    /// Compare two runs, from what `--export-json` or `--json` wrote
    Compare(CompareArgs),
    /// Print a completion script
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
}

/// Flags of `hosted server`.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// Listen on this address or name only [default: every address, IPv6 and IPv4]
    #[arg(long, value_name = "ADDR")]
    pub ip: Option<Target>,

    /// Listen on this port; 0 lets the system choose
    #[arg(short, long, default_value_t = 2333)]
    pub port: u16,

    /// How many connections may wait to be accepted (the backlog)
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..))]
    pub listen: i32,

    /// End a session when nothing moved for this long; 0 or negative: never [default: 30, with
    /// --one-shot -1]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub timeout: Option<Limit>,

    /// Read at most this many bytes at once, 1 to 65536; never limits a message
    #[arg(long, value_name = "BYTES", default_value_t = 1024,
          value_parser = clap::value_parser!(u32).range(1..=LARGEST_BUFFER as i64))]
    pub buffer: u32,

    /// Echo the first message of each client, then close
    #[arg(short = '1', long)]
    pub one_shot: bool,

    /// Pure RFC 862: `exit` is data like any other
    #[arg(long)]
    pub rfc862: bool,

    /// Serve at most this many clients at once; the others wait to be accepted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_conns: Option<u32>,

    /// Serve on this many threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,

    /// When told to stop, give the sessions this long to finish
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub drain: Time,

    /// Show what arrives, too
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Show no line for each client
    #[arg(short, long)]
    pub quiet: bool,
}

/// Where the echo server is.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// The echo server: HOST, HOST:PORT or IPv6 as `[ADDRESS]:PORT`
    #[arg(value_name = "TARGET", conflicts_with = "ip")]
    pub target: Option<Target>,

    /// The echo server's name or address
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub ip: Target,

    /// The echo server's port, where TARGET has none
    #[arg(short, long, default_value_t = 2333)]
    pub port: u16,
}

impl TargetArgs {
    /// The target, from whichever way it was given.
    #[must_use]
    pub fn target(&self) -> &Target {
        self.target.as_ref().unwrap_or(&self.ip)
    }
}

/// Flags of `hosted client`.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// Where to connect.
    #[command(flatten)]
    pub target: TargetArgs,

    /// Give up when nothing moves for this long while an echo is due; 0 or negative: never
    #[arg(long, value_name = "TIME", default_value = "-1", allow_hyphen_values = true)]
    pub timeout: Limit,

    /// Read at most this many bytes at once, 1 to 65536; never limits a message
    #[arg(long, value_name = "BYTES", default_value_t = 1024,
          value_parser = clap::value_parser!(u32).range(1..=LARGEST_BUFFER as i64))]
    pub buffer: u32,

    /// Send one line, print the answer, leave
    #[arg(short = '1', long)]
    pub one_shot: bool,

    /// Send this instead of the standard input, print the answer, leave
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
}

/// Flags that `hosted rate` and `hosted fail-rate` share: what load to offer, to whom.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Where to connect.
    #[command(flatten)]
    pub target: TargetArgs,

    /// Measure an echo server of this process, on a free port of the loopback: nothing else to start
    #[arg(long, conflicts_with_all = ["target", "ip", "port"])]
    pub local: bool,

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

    /// Connect from this address of this machine; several, with commas, take turns: each has ports of
    /// its own
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub bind: Vec<IpAddr>,

    /// Leave out what is due in this time at first (warm-up); --time and --count count from then on
    #[arg(short = 'O', long, value_name = "TIME", default_value = "0")]
    pub omit: Time,

    /// Look for echoes without sleeping [for this long]: lower round trips, a busy processor
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = ALWAYS, value_parser = spin)]
    pub spin: Option<Time>,

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

/// Longer than any run.
const ALWAYS: &str = "100years";

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

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=1e9).contains(&percent) => Ok(percent),
        _ => Err("expected a share in per cent, like 5".into()),
    }
}

fn interval(text: &str) -> Result<Time, String> {
    let time: Time = text.parse()?;
    if time.0.is_zero() { Err("must be above 0".into()) } else { Ok(time) }
}

fn spin(text: &str) -> Result<Time, String> {
    text.parse()
        .map_err(|error| format!("{error}; what is no time, like TARGET, goes before --spin"))
}

/// Flags of `hosted rate`.
#[derive(Debug, Args)]
pub struct RateArgs {
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

/// Flags of `hosted fail-rate`.
#[derive(Debug, Args)]
pub struct FailRateArgs {
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,

    /// What messages contain: seq (a wrong byte tells where it comes from), zero, random or file:PATH
    #[arg(long, value_name = "KIND", default_value_t = Content::Seq, value_parser = content())]
    pub payload: Content,

    /// Draw the figure into this file: .jpg, .png or .svg
    #[arg(short, long, value_name = "FILE", value_parser = figure())]
    pub output: Option<PathBuf>,

    /// Exit with 0 as long as no more than this many messages failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_fail: u64,
}

/// Flags of `hosted compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The report to compare with
    #[arg(value_name = "BEFORE.json")]
    pub before: PathBuf,

    /// The report that must not be worse
    #[arg(value_name = "AFTER.json")]
    pub after: PathBuf,

    /// Exit with 1 if the mean, a percentile, the rate or the failures are worse by more than so many
    /// per cent, and by more than they scatter within the runs
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    pub threshold: f64,
}

/// Flags of `hosted completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For this shell
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_negative_time_out_parses() {
        let Cli { command } = Cli::parse_from(["hosted", "server", "--timeout", "-1"]);
        let Command::Server(args) = command else { panic!("not the server") };
        assert_eq!(args.timeout, Some(Limit(None)));
    }
}
