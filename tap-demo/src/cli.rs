//! The command line: the doc comments are the help, the defaults are the truth.
//! Where smoltcp's own examples have an option, its name is theirs.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use echo_instruments::args::{FailRateArgs, RateArgs};
use echo_instruments::quantity::given::{Limit, Spin, Time};
use echo_instruments::target::Target;
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::addressing::{unfit, unfit_alone};
use crate::chance::Chance;
use crate::tap::check_name;
use crate::wire::Manner;

/// An echo server with a TCP/IP stack of its own (smoltcp) behind a Linux TAP
/// interface: it answers ping, and TCP echo with the rules of `hosted server`.
/// With a command it measures another server over that stack, as `hosted` does.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// The TAP interface; it is made if there is none and you are root
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub iface: String,

    /// An address of this stack; may be repeated [default: 192.168.69.1/24, fdaa::1/64 and
    /// fe80::1/64]
    #[arg(long, value_name = "ADDR/LEN", value_parser = cidr)]
    pub ip: Vec<IpCidr>,

    /// An address of the host's side; may be repeated [default: 192.168.69.100/24 and
    /// fdaa::100/64]
    #[arg(long, value_name = "ADDR/LEN", value_parser = cidr)]
    pub host_ip: Vec<IpCidr>,

    /// This stack's way out of its subnets; once for IPv4, once for IPv6
    #[arg(long, value_name = "ADDR", value_parser = ip)]
    pub gateway: Vec<IpAddress>,

    /// This stack's Ethernet address
    #[arg(long, value_name = "MAC", default_value = "02:00:00:00:00:01", value_parser = mac)]
    pub mac: EthernetAddress,

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
    /// peers on this very machine
    #[arg(long, conflicts_with_all = ["drop_chance", "corrupt_chance", "delay", "jitter",
          "duplicate_chance", "reorder_chance"])]
    pub offload: bool,

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

    /// Seed of the wire's chances: the same seed treats the TCP segments of each direction alike,
    /// in their order; other frames, like ARP, are drawn separately [default: the time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Look for frames without sleeping: for this long after each frame, or always
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = Spin::ALWAYS)]
    pub spin: Option<Spin>,

    /// What the server does.
    #[command(flatten, next_help_heading = "Options of the server")]
    pub server: ServerArgs,

    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure the echo rate and the round-trip time over this stack, and draw them
    Rate(RateArgs<WayArgs>),
    /// Compare every echo over this stack with what was sent, and count how they fail
    FailRate(FailRateArgs<WayArgs>),
}

/// To whom to connect.
#[derive(Debug, Args)]
pub struct WayArgs {
    /// The echo server: HOST, HOST:PORT or IPv6 as `[ADDRESS]:PORT`
    #[arg(value_name = "TARGET")]
    pub target: Target,

    /// The echo server's port, where TARGET has none
    #[arg(short, long, default_value_t = 2333)]
    pub port: u16,
}

/// Flags that only the server has.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// Listen on this port
    #[arg(short, long, default_value_t = 2333, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,

    /// End a session when nothing moved for this long; 0 or negative: never [default: 30, with
    /// --one-shot -1]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub timeout: Option<Limit>,

    /// Serve this many connections at once; further ones get in when one of these is over
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub sockets: u32,

    /// Echo the first message of each client, then close
    #[arg(short = '1', long)]
    pub one_shot: bool,

    /// Pure RFC 862: `exit` is data like any other
    #[arg(long)]
    pub rfc862: bool,

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

impl Cli {
    /// What is asked for by these arguments, of which the first is the program's name.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in clap's words; the help, too, is an error to it.
    pub fn read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(arguments)?;
        if let Some(name) = matches.subcommand_name() {
            let server = clap::Command::new("").disable_help_flag(true);
            let mut server = ServerArgs::augment_args(server);
            server.build();
            let given = server.get_arguments().find(|argument| {
                let id = argument.get_id().as_str();
                matches.value_source(id) == Some(ValueSource::CommandLine)
            });
            if let Some(argument) = given {
                let said = format!(
                    "the argument '{argument}' is the server's: it cannot be used with '{name}'"
                );
                return Err(Self::command().error(ErrorKind::ArgumentConflict, said));
            }
        }
        Self::from_arg_matches(&matches)
    }
}

/// What the wire does to frames, in each direction.
#[derive(Debug, Clone, Copy, Args)]
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
    let cidr = text.parse().map_err(|()| {
        "expected an address and the length of its subnet's prefix, like 192.168.69.1/24 or \
         fdaa::1/64"
    })?;
    one(cidr, unfit(&cidr), "192.168.69.1/24 or fdaa::1/64")
}

fn ip(text: &str) -> Result<IpAddress, String> {
    let ip = text.parse().map_err(|()| "expected an IPv4 or IPv6 address")?;
    one(ip, unfit_alone(ip), "192.168.69.100 or fdaa::100")
}

fn mac(text: &str) -> Result<EthernetAddress, String> {
    let like = "02:00:00:00:00:01";
    let mac: EthernetAddress =
        text.parse().map_err(|()| format!("expected six pairs of digits, like {like}"))?;
    let unfit = (!mac.is_unicast()).then_some("a multicast or broadcast address");
    one(mac, unfit, like)
}

/// It, if it is the address of one host or device.
fn one<T>(address: T, unfit: Option<&str>, like: &str) -> Result<T, String> {
    match unfit {
        None => Ok(address),
        Some(what) => Err(format!("this is {what} (give the address of one host, like {like})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Cli, String> {
        let line = format!("tap-demo --iface tap0 {arguments}");
        Cli::read(line.split_whitespace()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_is_the_server() {
        let cli = read("--sockets 2 --port 7 -1").expect("the server's own flags");
        assert!(cli.command.is_none() && cli.server.one_shot);
        assert_eq!((cli.server.sockets, cli.server.port), (2, 7));
    }

    #[test]
    fn what_cannot_be_the_address_of_one_host_is_refused() {
        for (arguments, part) in [
            ("--ip 192.168.69.255/24", "the broadcast address of its subnet"),
            ("--ip 192.168.69.0/24", "the address of its subnet"),
            ("--host-ip 224.0.0.1/24", "a multicast address"),
            ("--host-ip 127.0.0.1/8", "a loopback address"),
            ("--gateway 0.0.0.0", "the unspecified address"),
            ("--mac 01:00:5e:00:00:01", "a multicast or broadcast address"),
        ] {
            let said = read(arguments).expect_err(arguments);
            let (flag, value) = arguments.split_once(' ').expect("a flag and its value");
            let named = said.contains(flag) && said.contains(&format!("'{value}'"));
            assert!(named && said.contains(part) && said.contains(", like "), "{said}");
        }
    }

    #[test]
    fn what_is_the_servers_is_refused_beside_a_command_and_what_is_the_stacks_is_not() {
        for (flag, name) in [
            ("--sockets 64", "--sockets <N>"),
            ("--port 2333", "--port <PORT>"),
            ("--timeout 1", "--timeout <TIME>"),
            ("--drain 1", "--drain <TIME>"),
            ("-1", "--one-shot"),
            ("--rfc862", "--rfc862"),
            ("-v", "--verbose"),
            ("-q", "--quiet"),
        ] {
            for command in ["rate", "fail-rate"] {
                let said = read(&format!("{flag} {command} 192.168.69.100")).expect_err(flag);
                assert!(said.contains(&format!("'{name}")), "{flag}: {said}");
                assert!(said.contains(&format!("cannot be used with '{command}'")), "{said}");
            }
        }
        let stack = "--rx-buffer 4096 --nagle --spin 50us --drop-chance 1 --seed 1";
        let cli = read(&format!("{stack} rate 192.168.69.100 -p 7 --timeout 1")).expect("both");
        assert!(matches!(cli.command, Some(Command::Rate(_))));
        assert!(read("rate").is_err(), "a target is needed");
        assert!(
            read("rate 192.168.69.100 --local").is_err() && read("rate a --bind 1.2.3.4").is_err()
        );
    }
}
