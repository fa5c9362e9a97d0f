//! The command line: the doc comments are the help, the defaults are the truth.
//! Where smoltcp's own examples have an option, its name is theirs.

use std::path::PathBuf;

use clap::Parser;
use echo_instruments::quantity::given::{Limit, Time, count, length};
use echo_instruments::target::Target;
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::chance::Chance;
use crate::tap::check_name;
use crate::wire::Manner;

/// An echo server with a TCP/IP stack of its own (smoltcp) behind a Linux TAP
/// interface: it answers ping, and TCP echo with the rules of `hosted server`.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// The TAP interface; it is made if there is none and you are root
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub iface: String,

    /// An address of the server's side; may be repeated [default: 192.168.69.1/24, fdaa::1/64 and
    /// fe80::1/64]
    #[arg(long, value_name = "ADDR/LEN", value_parser = cidr)]
    pub ip: Vec<IpCidr>,

    /// An address of the host's side; may be repeated [default: 192.168.69.100/24 and
    /// fdaa::100/64]
    #[arg(long, value_name = "ADDR/LEN", value_parser = cidr)]
    pub host_ip: Vec<IpCidr>,

    /// The server's way out of its subnets; once for IPv4, once for IPv6
    #[arg(long, value_name = "ADDR", value_parser = ip)]
    pub gateway: Vec<IpAddress>,

    /// The server's Ethernet address
    #[arg(long, value_name = "MAC", default_value = "02:00:00:00:00:01", value_parser = mac)]
    pub mac: EthernetAddress,

    /// Listen on this port
    #[arg(short, long, default_value_t = 2333, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,

    /// End a session when nothing moved for this long; 0 or negative: never [default: 30, with
    /// --one-shot -1, with --probe 10]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub timeout: Option<Limit>,

    /// Serve this many connections at once; further ones get in when one of these is over
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub sockets: u32,

    /// The receive buffer of each connection, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10,
          value_parser = clap::value_parser!(u32).range(64..=1 << 30))]
    pub rx_buffer: u32,

    /// The send buffer of each connection, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10,
          value_parser = clap::value_parser!(u32).range(64..=1 << 30))]
    pub tx_buffer: u32,

    /// Set the largest IP packet of both sides, in bytes [default: what the interface has]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1280..=65521))]
    pub mtu: Option<u32>,

    /// Let segments larger than the MTU pass, so that bulk is some four times as fast; only for
    /// clients on this very machine
    #[arg(long, conflicts_with_all = ["drop_chance", "corrupt_chance", "delay", "jitter",
          "duplicate_chance", "reorder_chance"])]
    pub offload: bool,

    /// Echo the first message of each client, then close
    #[arg(short = '1', long)]
    pub one_shot: bool,

    /// Pure RFC 862: `exit` is data like any other
    #[arg(long)]
    pub rfc862: bool,

    /// Use Nagle's algorithm: fewer small segments, but several small echoes wait for each other
    #[arg(long)]
    pub nagle: bool,

    /// Let an acknowledgement wait this long for data that can carry it; 0: not at all
    #[arg(long, value_name = "TIME", default_value = "10ms")]
    pub ack_delay: Limit,

    /// Record all frames into this file, for Wireshark or tcpdump
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,

    /// What the wire does to frames.
    #[command(flatten)]
    pub faults: Faults,

    /// Be no server, but measure the one at this address and port, as `hosted rate` does
    #[arg(long, value_name = "TARGET")]
    pub probe: Option<Target>,

    /// Of the measurement.
    #[command(flatten)]
    pub load: Load,

    /// Where pseudo-random numbers start, so that a run can be repeated [default: the time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Look for frames without sleeping: for this long after each frame, or always
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "1000000h")]
    pub spin: Option<Time>,

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

/// How a `--probe` measures.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Load {
    /// Stop after this many messages [default: at Ctrl+C]
    #[arg(short, long, value_name = "N", requires = "probe", value_parser = count)]
    pub count: Option<u64>,

    /// Stop after this time [default: at Ctrl+C]
    #[arg(short, long, value_name = "TIME", requires = "probe")]
    pub time: Option<Time>,

    /// Length of a message, up to 1GiB
    #[arg(short, long, value_name = "BYTES", default_value_t = 1000, requires = "probe",
          value_parser = length)]
    pub length: u64,
}

/// What the wire does to frames, in each direction.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Faults {
    /// Lose this share of the frames, in per cent; fractions allowed
    #[arg(long, value_name = "PCT", default_value_t = Chance::NEVER)]
    pub drop_chance: Chance,

    /// Flip one bit in this share of the frames, in per cent
    #[arg(long, value_name = "PCT", default_value_t = Chance::NEVER)]
    pub corrupt_chance: Chance,

    /// Deliver frames this much later
    #[arg(long, value_name = "TIME", default_value = "0")]
    pub delay: Time,

    /// Deliver each frame up to this much later still; their order stays
    #[arg(long, value_name = "TIME", default_value = "0")]
    pub jitter: Time,

    /// Deliver this share of the frames twice, in per cent
    #[arg(long, value_name = "PCT", default_value_t = Chance::NEVER)]
    pub duplicate_chance: Chance,

    /// Let this share of the frames be overtaken by the next one, in per cent
    #[arg(long, value_name = "PCT", default_value_t = Chance::NEVER)]
    pub reorder_chance: Chance,
}

impl Faults {
    /// Whether the wire does anything to frames.
    #[must_use]
    pub fn any(&self) -> bool {
        self.manner() != Manner::default()
    }

    /// What it does.
    #[must_use]
    pub fn manner(&self) -> Manner {
        let (Time(delay), Time(jitter)) = (self.delay, self.jitter);
        Manner {
            drop: self.drop_chance,
            corrupt: self.corrupt_chance,
            delay,
            jitter,
            duplicate: self.duplicate_chance,
            reorder: self.reorder_chance,
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.into()).map_err(|error| error.to_string())
}

fn cidr(text: &str) -> Result<IpCidr, String> {
    text.parse().map_err(|()| {
        "expected an address and the length of its subnet's prefix, \
                               like 192.168.69.1/24 or fdaa::1/64"
            .into()
    })
}

fn ip(text: &str) -> Result<IpAddress, String> {
    text.parse().map_err(|()| "expected an IPv4 or IPv6 address".into())
}

fn mac(text: &str) -> Result<EthernetAddress, String> {
    text.parse().map_err(|()| "expected six pairs of digits, like 02:00:00:00:00:01".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
