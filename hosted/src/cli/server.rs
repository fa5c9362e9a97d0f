//! The flags of `hosted server`.

use clap::{Args, ValueHint};
use echo_instruments::quantity::given::{self, Limit, Spin, Time};
use echo_instruments::service::{Faults, MetricsAddress};
use echo_instruments::target::Target;

use crate::server::LARGEST_BUFFER;

/// The flags of a server that only make sense for sockets of its own.
pub(super) const OWN_SOCKETS: [&str; 5] = ["ip", "port", "udp", "listen", "reuse-port"];

const LISTENING: &str = "Listening";
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
    /// (`wait = no`), or the socket itself, TCP or UDP (`wait = yes`). Sockets from systemd need no flag.
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
    /// Serve at most this many clients at once. Others wait to be accepted; when the server stops, those
    /// that wait are served as well.
    #[arg(long, value_name = "N", help_heading = LISTENING,
          value_parser = given::within::<u32>(1..=u32::MAX.into()))]
    pub(crate) max_conns: Option<u32>,

    /// Serve on N threads
    ///
    /// Serve on this many threads. Each client that comes gets the one that serves the fewest. Datagrams are
    /// answered by the first one alone.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = LISTENING,
          value_parser = given::within::<u16>(1..=256))]
    pub(crate) threads: u16,

    /// Busy-wait for clients [for TIME]
    ///
    /// Busy-wait for what clients send instead of sleeping: shorter round trips, but a busy processor for
    /// each thread. With TIME, sleep once nothing has come for that long.
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = Spin::ALWAYS,
          help_heading = LISTENING)]
    pub(crate) spin: Option<Spin>,

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
          value_parser = given::bytes::<u32>(1..=LARGEST_BUFFER as u64))]
    pub(crate) buffer: u32,

    /// Echo one message of each client, then close
    ///
    /// Echo the first message of each client, then close. A message ends after 200 ms of silence.
    #[arg(short = '1', long, help_heading = SESSIONS)]
    pub(crate) one_shot: bool,

    /// Treat `exit` as data, as RFC 862 does
    #[arg(long, help_heading = SESSIONS)]
    pub(crate) rfc862: bool,

    /// On Ctrl+C, wait TIME for the sessions
    ///
    /// On Ctrl+C or SIGTERM, give the sessions this long to finish. In the first half of it one session
    /// after another is closed when it pauses, in the next quarter also those that never do.
    #[arg(long, value_name = "TIME", default_value = "5s", help_heading = SESSIONS)]
    pub(crate) drain: Time,

    /// Turn /ready TIME before the drain
    ///
    /// On Ctrl+C or SIGTERM, answer /ready of --metrics with 503 at once, but go on accepting clients for
    /// this long before the drain begins: a balancer sends them until its next check.
    #[arg(long, value_name = "TIME", default_value = "0", requires = "metrics", help_heading = SESSIONS)]
    pub(crate) drain_notice: Time,

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
    /// (status 200, and 503 once it is asked to stop). PORT alone is for this machine only, ADDR:PORT is
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
