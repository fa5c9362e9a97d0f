//! The command line: the doc comments are the help, the first paragraph for `-h` and the others
//! for `--help` and the manual; the defaults are the truth. Where smoltcp's own examples have an
//! option, its name is theirs.

mod examples;
mod faults;
mod server;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};
use echo_instruments::args::{CheckArgs, FailRateArgs, Family, RateArgs, TARGET};
use echo_instruments::command_line::{About, CommandLine};
use echo_instruments::quantity::given::{self, Limit, Spin};
use echo_instruments::target::Target;
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

pub use self::faults::Faults;
pub use self::server::ServerArgs;
use crate::addressing::{unfit, unfit_alone};
use crate::tap::check_name;

const STACK: &str = "TCP/IP stack";

/// An echo server with a TCP/IP stack of its own (smoltcp) behind a Linux TAP interface
///
/// A separate host behind a Linux TAP interface: its TCP/IP stack (smoltcp) answers ping, and
/// echoes TCP, and with --udp UDP, by the rules of `hosted server`. With a command it measures another server over that
/// stack, as `hosted` does over the operating system's. Flags of the stack and of the wire go before
/// the command, the command's own flags after it.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 100, subcommand_negates_reqs = true,
          next_help_heading = "Interface", override_usage = USAGE)]
pub struct Cli {
    /// The TAP interface
    ///
    /// The TAP interface. If it does not exist and you are root, it is created, and removed at the end.
    /// One that belongs to you needs no root: `sudo ip tuntap add dev tap0 mode tap user $USER`.
    /// What is set on such an interface (addresses, MTU, up) is undone at the end.
    #[arg(long, value_name = "NAME", value_parser = name, required = true, value_hint = ValueHint::Other)]
    pub iface: Option<String>,

    /// The host's address; may be repeated
    ///
    /// An address of the host's side of the interface; may be repeated [default: 192.168.69.100/24 and
    /// fdaa::100/64].
    #[arg(long, value_name = "ADDR/LEN", value_parser = cidr)]
    pub host_ip: Vec<IpCidr>,

    /// The MTU of both sides, 1280 to 65521
    ///
    /// Set the MTU, the largest IP packet, of both sides, 1280 to 65521 bytes [default: that of the
    /// interface; for a server on one that it creates itself up to 65521, unless there is a
    /// --gateway]. Set 1500 if you make the interface a port of a bridge: a bridge drops larger
    /// datagrams and pings.
    #[arg(long, value_name = "BYTES", value_parser = given::bytes::<u32>(1280..=65521))]
    pub mtu: Option<u32>,

    /// Let segments above the MTU pass
    ///
    /// Segmentation offload: let segments larger than the MTU pass, which makes bulk transfer at an MTU of
    /// 1500 about twice as fast. Only for peers on this machine.
    #[arg(long, conflicts_with_all = ["drop_chance", "corrupt_chance", "delay", "jitter",
          "duplicate_chance", "reorder_chance"])]
    pub offload: bool,

    /// Record all frames to FILE (pcap)
    ///
    /// Record all frames to this file, for Wireshark or tcpdump.
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,

    /// Busy-wait for frames [for TIME]
    ///
    /// Busy-wait for frames instead of sleeping: shorter round trips, but a busy processor. With TIME,
    /// sleep once none has come for that long.
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = Spin::ALWAYS)]
    pub spin: Option<Spin>,

    /// This stack's address; may be repeated
    ///
    /// An address of this stack; may be repeated [default: 192.168.69.1/24, fdaa::1/64 and fe80::1/64].
    #[arg(long, value_name = "ADDR/LEN", value_parser = cidr, help_heading = STACK)]
    pub ip: Vec<IpCidr>,

    /// This stack's default gateway
    ///
    /// This stack's default gateway; once for IPv4, once for IPv6.
    #[arg(long, value_name = "ADDR", value_parser = ip, help_heading = STACK)]
    pub gateway: Vec<IpAddress>,

    /// This stack's MAC address
    #[arg(long, value_name = "MAC", default_value = "02:00:00:00:00:01", value_parser = mac,
          help_heading = STACK)]
    pub mac: EthernetAddress,

    /// Receive buffer of a connection
    ///
    /// Receive buffer of a connection, and of UDP: no datagram longer than it is received [default: 65536;
    /// up to 1048576 where the MTU is large by default].
    #[arg(long, value_name = "BYTES", help_heading = STACK,
          value_parser = given::bytes::<u32>(64..=1 << 30))]
    pub rx_buffer: Option<u32>,

    /// Send buffer of a connection
    ///
    /// Send buffer of a connection, and of UDP: no datagram longer than it is sent [default: 65536; up to
    /// 1048576 where the MTU is large by default].
    #[arg(long, value_name = "BYTES", help_heading = STACK,
          value_parser = given::bytes::<u32>(64..=1 << 30))]
    pub tx_buffer: Option<u32>,

    /// Room for N UDP datagrams in each buffer
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = STACK,
          value_parser = given::within::<u32>(1..=65536))]
    pub datagrams: u32,

    /// Use Nagle's algorithm
    ///
    /// Use Nagle's algorithm: fewer small segments, but a small echo waits until the data before it is
    /// acknowledged.
    #[arg(long, help_heading = STACK)]
    pub nagle: bool,

    /// Delay ACKs by TIME; 0: never
    ///
    /// Delay an acknowledgement by up to this time, so that data can carry it; 0: not at all.
    #[arg(long, value_name = "TIME", default_value = "10ms", help_heading = STACK)]
    pub ack_delay: Limit,

    /// What the wire does to frames.
    #[command(flatten)]
    pub faults: Faults,

    /// What the server does.
    #[command(flatten)]
    pub server: ServerArgs,

    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The three forms of the command line, which clap would merge into one.
const USAGE: &str = "tap-demo --iface <NAME> [OPTIONS]
       tap-demo --iface <NAME> [OPTIONS] <COMMAND> [TARGET]...
       tap-demo completions <SHELL> | man [COMMAND]";

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure the echo rate and the round-trip time, and draw a figure
    ///
    /// Measure over this stack how fast messages come back: the echo rate, and the distribution of the
    /// round-trip time. The first failure ends the run (over UDP, a lost datagram does not). The report
    /// goes to standard output, the figure to result/rate.jpg.
    #[command(override_usage = "tap-demo --iface <NAME> [OPTIONS] rate [OPTIONS] <TARGET>")]
    Rate(RateArgs<WayArgs>),
    /// Verify every echo byte by byte, and count failures
    ///
    /// Compare every echo over this stack with what was sent, byte by byte, and count how messages fail.
    /// A failure does not end the run: the connection is reopened.
    #[command(override_usage = "tap-demo --iface <NAME> [OPTIONS] fail-rate [OPTIONS] <TARGET>")]
    FailRate(FailRateArgs<WayArgs>),
    /// Put an echo server through everything that clients do
    ///
    /// Put an echo server, over this stack, through everything that clients do. Each case is reported as
    /// passed or failed; a failed one with what was sent, what came back, and what that usually means.
    #[command(override_usage = "tap-demo --iface <NAME> [OPTIONS] check [OPTIONS] <TARGET>
       tap-demo check [--udp] --list")]
    #[command(mut_arg("target", |target| target.required(false).required_unless_present("list")))]
    Check(CheckArgs<WayArgs>),
    /// What the program says about itself.
    #[command(flatten)]
    About(About),
}

/// The server to connect to.
#[derive(Debug, Args)]
#[expect(rustdoc::broken_intra_doc_links, reason = "[IPV6] is a part of the help, and no link")]
pub struct WayArgs {
    /// HOST, HOST:PORT, IPV6 or '[IPV6]:PORT'
    ///
    /// The echo server: HOST, HOST:PORT, IPV6 or '[IPV6]:PORT'. Quote the brackets: some shells take
    /// them for a pattern.
    #[arg(value_name = "TARGET", value_hint = ValueHint::Hostname, required = true)]
    pub target: Option<Target>,

    /// Port, unless TARGET has one
    ///
    /// The echo server's port. It cannot be used with a TARGET that has a port.
    #[arg(short, long, default_value_t = 2333, value_parser = given::within::<u16>(0..=65535),
          help_heading = TARGET)]
    pub port: u16,

    /// Which of its addresses.
    #[command(flatten)]
    pub family: Family,
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
        let line = Self::line();
        let matches = line.read(spin_before_a_command(arguments)).map_err(|error| {
            let said = misplaced(&error);
            said.map_or(error, |said| line.error("", ErrorKind::UnknownArgument, &said))
        })?;
        if let Some(name) = matches.subcommand_name() {
            let server = of_the_server();
            let given = server.get_arguments().find(|argument| {
                let id = argument.get_id().as_str();
                matches.value_source(id) == Some(ValueSource::CommandLine)
            });
            if let Some(argument) = given {
                let said = format!(
                    "the argument '{argument}' is for the server: it cannot be used with '{name}'"
                );
                return Err(line.error("", ErrorKind::ArgumentConflict, &said));
            }
        }
        let cli = Self::from_arg_matches(&matches)?;
        if cli.iface.is_none() && cli.works() {
            let said = "the argument '--iface <NAME>' is required, before the command";
            return Err(line.error("", ErrorKind::MissingRequiredArgument, said));
        }
        Ok(cli)
    }

    /// The command line, with its help, manual and completions.
    pub(crate) fn line() -> CommandLine {
        CommandLine::new(Self::command(), examples::of)
    }

    /// Whether it uses an interface.
    const fn works(&self) -> bool {
        match &self.command {
            Some(Command::About(_)) => false,
            Some(Command::Check(args)) => !args.list,
            _ => true,
        }
    }
}

/// The flags of the server alone.
fn of_the_server() -> clap::Command {
    let server = clap::Command::new("").disable_help_flag(true);
    let mut server = ServerArgs::augment_args(server);
    server.build();
    server
}

/// What is wrong, if a flag that a command does not know is one that goes before it.
fn misplaced(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg) else { return None };
    let unknown = error.kind() == ErrorKind::UnknownArgument;
    let is_given = |argument: &&clap::Arg| {
        argument.get_long().is_some_and(|long| given.strip_prefix("--") == Some(long))
    };
    let (mut program, server) = (Cli::command(), of_the_server());
    program.build();
    let argument = program.get_arguments().find(is_given).filter(|_| unknown)?;
    Some(if server.get_arguments().any(|its| its.get_id() == argument.get_id()) {
        format!("the argument '{argument}' is for the server: it cannot be used with a command")
    } else {
        format!("the argument '{argument}' goes before the command")
    })
}

/// The arguments, in which a command behind `--spin` is not taken for its TIME.
fn spin_before_a_command(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.into_iter().map(Into::into).collect();
    let program = Cli::command();
    for spin in 1..arguments.len() {
        let [before, after] = &mut arguments[spin - 1..=spin] else { continue };
        if *before == "--spin" && program.find_subcommand(&after).is_some() {
            before.push("=");
            before.push(Spin::ALWAYS);
        }
    }
    arguments
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

/// Returns the address, if it is that of one host or device.
fn one<T>(address: T, unfit: Option<&str>, like: &str) -> Result<T, String> {
    match unfit {
        None => Ok(address),
        Some(what) => Err(format!("this is {what} (give a host's address, like {like})")),
    }
}
