//! The command line: the doc comments are the help, the first paragraph for `-h` and the others
//! for `--help` and the manual; the defaults are the truth.

mod client;
mod compare;
mod examples;
mod server;
mod target;

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use echo_instruments::args::{CheckArgs, FailRateArgs, MergeArgs, RateArgs};
use echo_instruments::command_line::{About, CommandLine};

pub(crate) use self::client::ClientArgs;
pub(crate) use self::compare::CompareArgs;
use self::server::OWN_SOCKETS;
pub(crate) use self::server::ServerArgs;
pub(crate) use self::target::{TargetArgs, WayArgs};

/// An RFC 862 echo server and client, and instruments that measure and verify any echo server
///
/// An echo server sends back every byte that it receives (RFC 862). `hosted` is such a server
/// on the operating system's TCP and UDP, a client for it, and instruments that measure the round trip to
/// any echo server and verify every byte of it. `hosted rate --local` needs nothing else.
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
    ///
    /// Send back whatever arrives, to any number of clients at once. Ctrl+C stops accepting, gives
    /// sessions time to finish (--drain), and prints the totals. A message that is exactly `exit`
    /// ends its session, unless --rfc862 is given.
    Server(ServerArgs),
    /// Talk to an echo server: type lines, or pipe a file through it
    ///
    /// Talk to an echo server. On a terminal, type a line and see its echo; `exit` ends the session.
    /// Input from a file or pipe is sent as it arrives, and its echo is written to standard output
    /// byte for byte.
    Client(ClientArgs),
    /// Measure the echo rate and the round-trip time, and draw a figure
    ///
    /// Measure how fast messages come back: the echo rate, and the distribution of the round-trip time.
    /// The first failure ends the run (over UDP, a lost datagram does not). The report goes to standard
    /// output, the figure to result/rate.jpg.
    Rate(RateArgs<WayArgs>),
    /// Verify every echo byte by byte, and count failures
    ///
    /// Compare every echo with what was sent, byte by byte, and count how messages fail. A failure does
    /// not end the run: the connection is reopened.
    FailRate(FailRateArgs<WayArgs>),
    /// Put an echo server through everything that clients do
    ///
    /// Put an echo server through everything that clients do. Each case is reported as passed or failed;
    /// a failed one with what was sent, what came back, and what that usually means. At most 40
    /// connections per second and 240 per minute are opened.
    Check(CheckArgs<WayArgs>),
    /// Compare runs before and after a change, from their JSON reports
    ///
    /// Compare runs by the reports that `--export-json` or `--json` wrote. Use the same settings for
    /// all. Runs of one and the same program differ, too: several a side (--repeat 5, or several files) show
    /// by how much, and a change counts if it is larger than that. With one run a side, only a change to ten
    /// times as much, or a tenth, counts.
    #[command(override_usage = "hosted compare [OPTIONS] <BEFORE.json> <AFTER.json>
       hosted compare [OPTIONS] <BEFORE.json>... --with <AFTER.json>...")]
    Compare(CompareArgs),
    /// Add runs of several machines, from their JSON reports
    ///
    /// Add runs that several machines (or processes) made at the same time, by the reports that
    /// `--export-json` or `--json` wrote. Counts and distributions are added; percentiles come from the added
    /// distribution and are never averaged. The rate is that of the time that all runs share. Runs with
    /// different settings are refused: only their numbers of connections, --bind, --count and --time may
    /// differ. What depends on the course of a run, like confidence intervals, cannot be added and is left
    /// out; it is in the report of each machine, which the JSON keeps whole.
    Merge(MergeArgs),
    /// What the program says about itself.
    #[command(flatten)]
    About(About),
}

impl Cli {
    /// Parses these arguments, of which the first is the program's name.
    ///
    /// # Errors
    ///
    /// A description of what is wrong with them, from clap, for which a request for help is an error, too.
    pub fn read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::line().read(arguments)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        if let (Command::Server(args), Some((_, given))) = (&mut cli.command, matches.subcommand())
        {
            let is_given = |flag: &&str| given.value_source(flag) == Some(ValueSource::CommandLine);
            args.own_sockets = OWN_SOCKETS.into_iter().find(is_given);
        }
        Ok(cli)
    }

    /// The command line, with its help, manual and completions.
    pub(crate) fn line() -> CommandLine {
        CommandLine::new(Self::command(), examples::of)
    }
}

#[cfg(test)]
mod tests {
    use echo_instruments::quantity::given::Limit;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_negative_time_out_parses() {
        let line = ["hosted", "server", "--timeout", "-1"];
        let Cli { command } = Cli::read(line).expect("it parses");
        let Command::Server(args) = command else { panic!("not the server") };
        assert_eq!(args.timeout, Some(Limit(None)));
    }
}
