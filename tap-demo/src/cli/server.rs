//! The flags of the server.

use clap::{Args, ValueHint};
use echo_instruments::quantity::given::{self, Limit, Time};
use echo_instruments::service;

/// Flags that only the server has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// Listen on this port
    #[arg(short, long, default_value_t = 2333, value_parser = given::within::<u16>(1..=65535))]
    pub port: u16,

    /// Echo UDP datagrams, too, on the same port
    ///
    /// Echo UDP datagrams, too, on the same port, by the rules of `hosted server`. Over IPv4 they may
    /// have up to 65507 bytes: fragments of up to four datagrams are reassembled at the same time. Over
    /// IPv6 they may have 48 bytes less than the MTU.
    #[arg(short, long)]
    pub udp: bool,

    /// End an idle session after TIME; 0: never
    ///
    /// End a session in which nothing has moved for this long. 0 or negative: never [default: 30; with
    /// --one-shot -1].
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Limit>,

    /// Serve N connections at once
    ///
    /// Serve this many connections at once; another is accepted when one of these has ended.
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = given::within::<u32>(1..=65536))]
    pub sockets: u32,

    /// Echo one message of each client, then close
    ///
    /// Echo the first message of each client, then close. A message ends after 200 ms of silence.
    #[arg(short = '1', long)]
    pub one_shot: bool,

    /// Treat `exit` as data, as RFC 862 does
    #[arg(long)]
    pub rfc862: bool,

    /// On Ctrl+C, wait TIME for the sessions
    ///
    /// On Ctrl+C or SIGTERM, give the sessions this long to finish.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub drain: Time,

    /// Turn /ready TIME before the drain
    ///
    /// On Ctrl+C or SIGTERM, answer /ready of --metrics with 503 at once, but go on accepting clients for
    /// this long before the drain begins: a balancer sends them until its next check.
    #[arg(long, value_name = "TIME", default_value = "0", requires = "metrics")]
    pub drain_notice: Time,

    /// Plant faults: KIND=PROBABILITY, ..
    ///
    /// Spoil echoes on purpose, as `hosted server` does: flip, drop, repeat, stale, hold, stall, cut or
    /// reset, each with its probability in a message (flip=0.1%,hold=0.01:200ms); with --udp also flip,
    /// lose, duplicate, reorder or truncate in datagrams. See --seed.
    #[arg(long, value_name = "SPEC")]
    pub fault: Option<service::Faults>,

    /// Offer metrics at PORT or ADDR:PORT
    ///
    /// Offer metrics over HTTP, as `hosted server` does, at this port or address of the host, not of this
    /// stack: at /metrics for Prometheus, and at /ready whether the server is ready.
    #[arg(long, value_name = "PORT", value_hint = ValueHint::Other)]
    pub metrics: Option<service::MetricsAddress>,

    /// Also print what clients send
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Print no line for each client
    #[arg(short, long)]
    pub quiet: bool,
}
