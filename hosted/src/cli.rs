//! The command line: the doc comments are the help, the defaults are the truth.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use echo_instruments::args::{FailRateArgs, RateArgs};
use echo_instruments::quantity::given::{Limit, Time};
use echo_instruments::target::Target;

use crate::server::LARGEST_BUFFER;

/// An RFC 862 echo service on the operating system's TCP, and the instruments
/// that measure and verify any other.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, subcommand_required = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send back whatever arrives, to any number of clients at once
    Server(ServerArgs),
    /// Talk to an echo server: type a line, or pipe a file through it, see what comes back
    Client(ClientArgs),
    /// Measure the echo rate and the round-trip time, and draw them
    Rate(RateArgs<WayArgs>),
    /// Compare every echo with what was sent, and count how they fail
    FailRate(FailRateArgs<WayArgs>),
    /// Compare two runs, from what `--export-json` or `--json` wrote
    Compare(CompareArgs),
    /// Print a completion script
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
}

/// Flags of `hosted server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Listen on this address or name only [default: every address, IPv6 and IPv4]
    #[arg(long, value_name = "ADDR")]
    pub(crate) ip: Option<Target>,

    /// Listen on this port; 0 lets the system choose
    #[arg(short, long, default_value_t = 2333)]
    pub(crate) port: u16,

    /// How many connections may wait to be accepted (the backlog)
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) listen: i32,

    /// End a session when nothing moved for this long; 0 or negative: never [default: 30, with
    /// --one-shot -1]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) timeout: Option<Limit>,

    /// Read at most this many bytes at once, 1 to 65536; never limits a message
    #[arg(long, value_name = "BYTES", default_value_t = 1024,
          value_parser = clap::value_parser!(u32).range(1..=LARGEST_BUFFER as i64))]
    pub(crate) buffer: u32,

    /// Echo the first message of each client, then close
    #[arg(short = '1', long)]
    pub(crate) one_shot: bool,

    /// Pure RFC 862: `exit` is data like any other
    #[arg(long)]
    pub(crate) rfc862: bool,

    /// Serve at most this many clients at once; the others wait to be accepted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_conns: Option<u32>,

    /// Serve on this many threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,

    /// When told to stop, give the sessions this long to finish
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) drain: Time,

    /// Show what arrives, too
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Show no line for each client
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Flags of `hosted client`.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// Where to connect.
    #[command(flatten)]
    pub(crate) target: TargetArgs,

    /// Give up when nothing moves for this long while an echo is due; 0 or negative: never
    #[arg(long, value_name = "TIME", default_value = "-1", allow_hyphen_values = true)]
    pub(crate) timeout: Limit,

    /// Read at most this many bytes at once, 1 to 65536; never limits a message
    #[arg(long, value_name = "BYTES", default_value_t = 1024,
          value_parser = clap::value_parser!(u32).range(1..=LARGEST_BUFFER as i64))]
    pub(crate) buffer: u32,

    /// Send one line, print the answer, leave
    #[arg(short = '1', long)]
    pub(crate) one_shot: bool,

    /// Send this instead of the standard input, print the answer, leave
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}

/// Where the echo server is.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// The echo server: HOST, HOST:PORT or IPv6 as `[ADDRESS]:PORT`
    #[arg(value_name = "TARGET", conflicts_with = "ip")]
    pub(crate) target: Option<Target>,

    /// The echo server's name or address
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub(crate) ip: Target,

    /// The echo server's port, where TARGET has none
    #[arg(short, long, default_value_t = 2333)]
    pub(crate) port: u16,
}

impl TargetArgs {
    /// The target, from whichever way it was given.
    #[must_use]
    pub(crate) fn target(&self) -> &Target {
        self.target.as_ref().unwrap_or(&self.ip)
    }
}

/// Flags of `hosted rate` and `hosted fail-rate`: to whom, and from where.
#[derive(Debug, Args)]
pub(crate) struct WayArgs {
    /// Where to connect.
    #[command(flatten)]
    pub(crate) to: TargetArgs,

    /// Measure an echo server of this process, on a free port of the loopback: nothing else to start
    #[arg(long, conflicts_with_all = ["target", "ip", "port"])]
    pub(crate) local: bool,

    /// Connect from this address of this machine; several, with commas, take turns: each has ports of
    /// its own
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub(crate) bind: Vec<IpAddr>,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=1e9).contains(&percent) => Ok(percent),
        _ => Err("expected a share in per cent, like 5".into()),
    }
}

/// Flags of `hosted compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The report to compare with
    #[arg(value_name = "BEFORE.json")]
    pub(crate) before: PathBuf,

    /// The report that must not be worse
    #[arg(value_name = "AFTER.json")]
    pub(crate) after: PathBuf,

    /// Exit with 1 if the mean, a percentile, the rate or the failures are worse by more than so many
    /// per cent, and by more than they scatter within the runs
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    pub(crate) threshold: f64,
}

/// Flags of `hosted completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For this shell
    pub(crate) shell: clap_complete::Shell,
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
