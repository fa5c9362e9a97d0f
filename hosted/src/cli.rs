//! The command line: the doc comments are the help, the first paragraph for `-h` and the others
//! for `--help` and the manual; the defaults are the truth.

mod examples;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};
use echo_instruments::args::{CheckArgs, FailRateArgs, Family, MergeArgs, RateArgs, TARGET};
use echo_instruments::command_line::{About, CommandLine};
use echo_instruments::quantity::given::{self, Limit, Time};
use echo_instruments::service::{Faults, MetricsAddress};
use echo_instruments::target::Target;

use crate::server::LARGEST_BUFFER;

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

/// The flags of a server that only make sense for sockets of its own.
const OWN_SOCKETS: [&str; 5] = ["ip", "port", "udp", "listen", "reuse-port"];

const LISTENING: &str = "Listening";
const EXCHANGE: &str = "Exchange";
const SESSIONS: &str = "Sessions";
const FAULTS: &str = "Faults";
const LOG: &str = "Log";

/// Flags of `hosted server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Listen on this address or name only
    ///
    /// Listen only on this address, or on the addresses of this name [default: every address, IPv6 and
    /// IPv4].
    #[arg(long, value_name = "ADDR", value_hint = ValueHint::Hostname,
          help_heading = LISTENING)]
    pub(crate) ip: Option<Target>,

    /// Listen on this port; 0: any free port
    #[arg(short, long, default_value_t = 2333, value_parser = given::within::<u16>(0..=65535),
          help_heading = LISTENING)]
    pub(crate) port: u16,

    /// Echo UDP datagrams, too, on the same port
    ///
    /// Echo UDP datagrams, too, at the same addresses and on the same port. Each comes back whole and
    /// at once, from the address that was asked. Not answered are datagrams from the ports of services
    /// that would answer in turn (echo, chargen and the like, and this port number itself), those to or
    /// from a multicast or broadcast address, and answers of servers like this one, which have 32 hops
    /// left or fewer. The totals count what was not answered, and what was dropped. Needs Linux.
    #[arg(short, long, help_heading = LISTENING)]
    pub(crate) udp: bool,

    /// Serve the socket that standard input is
    ///
    /// Serve the socket that standard input is, as an inetd passes it: one connection until it ends
    /// (`wait = no`), or a socket that listens (`wait = yes`). Sockets from systemd need no flag.
    #[arg(long, conflicts_with_all = OWN_SOCKETS, help_heading = LISTENING)]
    pub(crate) inetd: bool,

    /// The first of the flags that only make sense for a server's own sockets, if one was given.
    #[arg(skip)]
    pub(crate) own_sockets: Option<&'static str>,

    /// Let N connections wait to be accepted
    ///
    /// The backlog: how many connections may wait to be accepted.
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = LISTENING,
          value_parser = given::within::<i32>(1..=i32::MAX as u64))]
    pub(crate) listen: i32,

    /// Share the port with other servers
    ///
    /// Share the address and port with other servers of this user that are started with this flag, too:
    /// the system distributes clients among them. So the successor of a server can start before it stops.
    #[arg(long, id = "reuse-port", help_heading = LISTENING)]
    pub(crate) reuse_port: bool,

    /// Serve at most N clients at once
    ///
    /// Serve at most this many clients at once. Others wait to be accepted.
    #[arg(long, value_name = "N", help_heading = LISTENING,
          value_parser = given::within::<u32>(1..=u32::MAX.into()))]
    pub(crate) max_conns: Option<u32>,

    /// Serve on N threads
    ///
    /// Serve on this many threads. Datagrams are answered by the first one alone.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = LISTENING,
          value_parser = given::within::<u16>(1..=256))]
    pub(crate) threads: u16,

    /// End an idle session after TIME; 0: never
    ///
    /// End a session in which nothing has moved for this long. 0 or negative: never [default: 30; with
    /// --one-shot -1].
    #[arg(long, value_name = "TIME", help_heading = SESSIONS)]
    pub(crate) timeout: Option<Limit>,

    /// Read at most this much at once
    ///
    /// Read at most this many bytes at once, 1 to 65536. It never limits a message.
    #[arg(long, value_name = "BYTES", default_value_t = 1024, help_heading = SESSIONS,
          value_parser = given::within::<u32>(1..=LARGEST_BUFFER as u64))]
    pub(crate) buffer: u32,

    /// Echo one message of each client, then close
    ///
    /// Echo the first message of each client, then close. A message ends after 200 ms of silence.
    #[arg(short = '1', long, help_heading = SESSIONS)]
    pub(crate) one_shot: bool,

    /// Treat `exit` as data, as RFC 862 does
    #[arg(long, help_heading = SESSIONS)]
    pub(crate) rfc862: bool,

    /// On Ctrl+C, give sessions TIME to finish
    ///
    /// On Ctrl+C or SIGTERM, give the sessions this long to finish. In the first half of it one session
    /// after another is closed when it pauses, in the next quarter also those that never do.
    #[arg(long, value_name = "TIME", default_value = "5s", help_heading = SESSIONS)]
    pub(crate) drain: Time,

    /// Plant faults: KIND=PROBABILITY, ..
    ///
    /// Spoil echoes on purpose, to check that a client or an instrument notices. Each fault has a
    /// probability per message, a share or in per cent: `flip` changes a bit, `drop` loses the message,
    /// `repeat` sends it twice, `stale` sends an earlier one instead, `hold=1%:200ms` sends it later,
    /// `stall` sends nothing more on the connection, `cut` closes it too early, and `reset` resets it.
    /// Those are for TCP; over UDP `flip` changes a bit of a datagram, `lose` loses it, `duplicate`
    /// sends it twice, `truncate` cuts up to a half of it off, and `reorder` sends it after the next
    /// one to the same client (if none comes within 100 ms, it is only late, and not counted).
    /// Separate several by commas. A message is what arrives at once; one with a fault lasts until
    /// 200 ms of silence, and its last byte is sent then. The totals count what was planted.
    #[arg(long, value_name = "SPEC", help_heading = FAULTS)]
    pub(crate) fault: Option<Faults>,

    /// Repeat the faults of an earlier run
    ///
    /// The seed of --fault: the same seed spoils the same messages of the same connections, and the same
    /// datagrams, counted over all clients [default: a new one, which is printed].
    #[arg(long, value_name = "N", requires = "fault", help_heading = FAULTS,
          value_parser = given::within::<u64>(0..=u64::MAX))]
    pub(crate) seed: Option<u64>,

    /// Offer metrics at PORT or ADDR:PORT
    ///
    /// Offer metrics over HTTP: at /metrics for Prometheus, and at /ready whether the server is ready
    /// (status 200, and 503 once a drain has begun). PORT alone is for this machine only, ADDR:PORT is
    /// taken as it is; port 0: any free port. The first lines say where.
    #[arg(long, value_name = "PORT", value_hint = ValueHint::Other, help_heading = LOG)]
    pub(crate) metrics: Option<MetricsAddress>,

    /// Also print what clients send
    #[arg(short, long, conflicts_with = "quiet", help_heading = LOG)]
    pub(crate) verbose: bool,

    /// Print no line for each client
    #[arg(short, long, help_heading = LOG)]
    pub(crate) quiet: bool,
}

/// Flags of `hosted client`.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// Where to connect.
    #[command(flatten)]
    pub(crate) target: TargetArgs,

    /// Talk over UDP, a datagram per message
    ///
    /// Talk over UDP. Each message is a datagram: a line that is typed, --message, and of other input
    /// what has arrived, up to --buffer bytes. The next one is sent when the echo is back. An echo that
    /// does not come back within --timeout is reported as lost; nothing is sent again. Reported, too, is
    /// what comes late, twice, changed, or from another address. The line `exit` is not sent, but ends
    /// the session.
    #[arg(short, long, help_heading = EXCHANGE)]
    pub(crate) udp: bool,

    /// Give up on an echo after TIME; 0: never
    ///
    /// Give up if an echo is outstanding and nothing has moved for this long. 0 or negative: never
    /// [default: -1; with --udp 1].
    #[arg(long, value_name = "TIME", help_heading = EXCHANGE)]
    pub(crate) timeout: Option<Limit>,

    /// Read at most this much at once
    ///
    /// Read at most this many bytes at once, 1 to 65536. It never limits a message, except that with
    /// --udp it limits the datagrams made of a file or a pipe.
    #[arg(long, value_name = "BYTES", default_value_t = 1024, help_heading = EXCHANGE,
          value_parser = given::within::<u32>(1..=LARGEST_BUFFER as u64))]
    pub(crate) buffer: u32,

    /// Send one line, print its echo, exit
    ///
    /// Send the first line of standard input, print its echo, and exit. The message `exit` takes 200 ms:
    /// a server takes that much silence for the end of a message.
    #[arg(short = '1', long, help_heading = EXCHANGE)]
    pub(crate) one_shot: bool,

    /// Send TEXT, print its echo, exit
    ///
    /// Send this text instead of standard input, print its echo, and exit.
    #[arg(short, long, value_name = "TEXT", help_heading = EXCHANGE)]
    pub(crate) message: Option<String>,
}

/// Where the echo server is.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// HOST, HOST:PORT, IPV6 or '[IPV6]:PORT'
    ///
    /// The echo server: HOST, HOST:PORT, IPV6 or '[IPV6]:PORT'. Quote the brackets: some shells take
    /// them for a pattern.
    #[arg(value_name = "TARGET", conflicts_with = "ip", value_hint = ValueHint::Hostname)]
    pub(crate) target: Option<Target>,

    /// Name or address, instead of TARGET
    ///
    /// The echo server's name or address, if no TARGET is given.
    #[arg(long, value_name = "HOST", default_value = "localhost", value_hint = ValueHint::Hostname,
          help_heading = TARGET)]
    pub(crate) ip: Target,

    /// Port, unless TARGET has one
    ///
    /// The echo server's port. It cannot be used with a TARGET that has a port.
    #[arg(short, long, default_value_t = 2333, value_parser = given::within::<u16>(0..=65535),
          help_heading = TARGET)]
    pub(crate) port: u16,

    /// Which of its addresses.
    #[command(flatten)]
    pub(crate) family: Family,
}

impl TargetArgs {
    /// The target, whichever way it was given.
    #[must_use]
    pub(crate) fn target(&self) -> &Target {
        self.target.as_ref().unwrap_or(&self.ip)
    }

    /// Its addresses.
    ///
    /// # Errors
    ///
    /// If it has none of the family that is wanted.
    pub(crate) fn resolve(&self) -> Result<Vec<SocketAddr>> {
        self.family.resolve(self.target(), self.port)
    }
}

/// Flags of `hosted rate` and `hosted fail-rate`: to whom, and from where.
#[derive(Debug, Args)]
pub(crate) struct WayArgs {
    /// Where to connect.
    #[command(flatten)]
    pub(crate) to: TargetArgs,

    /// Use an echo server inside this process
    ///
    /// Start an echo server inside this process, on a free loopback port, and connect to it:
    /// nothing else is needed.
    #[arg(long, conflicts_with_all = ["target", "ip", "port", "ipv4", "ipv6"], help_heading = TARGET)]
    pub(crate) local: bool,

    /// Connect from this local address
    ///
    /// Connect from this address of this machine. Several, separated by commas, are used in turn, where
    /// one alone would run out of ports.
    #[arg(long, value_name = "ADDR", value_delimiter = ',', value_hint = ValueHint::Other,
          help_heading = TARGET)]
    pub(crate) bind: Vec<IpAddr>,
}

/// Flags of `hosted compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// JSON reports: before and after; with --with, all before
    ///
    /// The JSON reports: the one before and the one after the change; with --with, all those before it. A
    /// report of `--repeat` counts as that many runs.
    #[arg(value_name = "BEFORE.json", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) before: Vec<PathBuf>,

    /// JSON reports after the change
    ///
    /// The JSON reports of the runs after the change, where there are several before or after it.
    #[arg(long = "with", value_name = "AFTER.json", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) after: Vec<PathBuf>,

    /// Exit with 1 if AFTER is worse by more
    ///
    /// Exit with 1 if the mean, a percentile, the rate or the failures are worse after the change by more
    /// than this many per cent, and by more than runs of one and the same program differ.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent,
          help_heading = "Verdict")]
    pub(crate) threshold: f64,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = given::percent(text).filter(|percent| *percent <= 1e9);
    percent.ok_or_else(|| "expected a share in per cent (5, 0.5%)".into())
}

#[cfg(test)]
mod tests {
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
