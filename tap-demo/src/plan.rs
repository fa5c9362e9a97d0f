//! The plan of a run: the flags are turned into it once, before anything is opened, and nothing
//! after it sees the command line.

mod width;

use std::time::Duration;

use anyhow::Result;
use echo_core::Rules;
use echo_instruments::quantity::given::{Limit, Spin, Time};
use echo_instruments::seed;
use echo_instruments::service::{Lines, MetricsSocket, Planting};
use echo_instruments::verdict::Misuse;
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use echo_smoltcp::{Host, Service};

use self::width::Width;
use crate::addressing;
use crate::cli::{Cli, ServerArgs};
use crate::host_side::STATION;
use crate::wire::Manner;

/// The interface, and the stack behind it.
#[derive(Debug, Clone)]
pub struct Line {
    /// The interface's name.
    pub iface: String,
    /// Addresses of the stack.
    pub addresses: Vec<IpCidr>,
    /// Addresses to give the host, besides those that it needs anyway.
    pub host: Vec<IpCidr>,
    /// Default gateways.
    pub gateways: Vec<IpAddress>,
    /// The stack's Ethernet address.
    pub mac: EthernetAddress,
    /// The MTU to set on the interface.
    pub mtu: Option<u32>,
    /// Whether segments larger than the MTU pass.
    pub offload: bool,
    /// What the wire does to frames.
    pub manner: Manner,
    /// The seed of pseudo-random numbers.
    pub seed: u64,
    /// How long to busy-wait for frames before sleeping.
    pub spin: Duration,
    /// The settings of each connection.
    pub socket: Socket,
}

/// The settings of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Socket {
    /// Size of its receive buffer, in bytes.
    pub receive: usize,
    /// Size of its send buffer, in bytes.
    pub send: usize,
    /// Whether Nagle's algorithm is on.
    pub nagle: bool,
    /// How long an acknowledgement waits for data that can carry it.
    pub ack_delay: Option<Duration>,
    /// The most datagrams in either buffer of UDP.
    pub datagrams: usize,
}

/// How the server runs.
#[derive(Debug)]
pub struct Serving {
    /// The rules of its sessions, and its port.
    pub service: Service,
    /// Whether datagrams are echoed, too.
    pub udp: bool,
    /// The most connections at once.
    pub sockets: usize,
    /// How long sessions may go on after a request to stop.
    pub drain: Duration,
    /// How long clients are still accepted after a signal that asks to stop.
    pub notice: Duration,
    /// Which lines it prints.
    pub lines: Lines,
    /// Faults that are planted in what is echoed.
    pub planting: Option<Planting>,
    /// Where metrics are offered.
    pub metrics: Option<MetricsSocket>,
}

impl Line {
    /// The line that these flags describe, behind an interface that exists already or is this
    /// program's `own`.
    ///
    /// # Errors
    ///
    /// If the addresses do not fit together.
    pub fn of(cli: &Cli, own: bool) -> Result<Self, Misuse> {
        let Limit(ack_delay) = cli.ack_delay;
        let Width { mtu, receive, send } = Width::of(cli, own);
        let line = Self {
            iface: cli.iface.clone().unwrap_or_default(),
            addresses: if cli.ip.is_empty() { STATION.into() } else { cli.ip.clone() },
            host: cli.host_ip.clone(),
            gateways: cli.gateway.clone(),
            mac: cli.mac,
            mtu,
            offload: cli.offload,
            manner: cli.faults.manner(),
            seed: cli.faults.seed.unwrap_or_else(seed::chosen),
            spin: cli.spin.map_or(Duration::ZERO, |Spin(spin)| spin),
            socket: Socket {
                receive,
                send,
                nagle: cli.nagle,
                ack_delay,
                datagrams: cli.datagrams as usize,
            },
        };
        addressing::check(&line)?;
        Ok(line)
    }

    /// The faults of the wire and the seed that repeats them, each with its name. A wire without
    /// faults has none of them.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (&'static str, String)> {
        let Self { manner, seed, .. } = self;
        let wire = (!manner.is_faultless()).then(|| ("wire", manner.to_string()));
        let seed = manner.has_chance().then(|| ("seed", seed.to_string()));
        wire.into_iter().chain(seed)
    }

    /// The stack's addresses.
    #[must_use]
    pub fn station(&self) -> Host<'_> {
        let Self { mac, addresses, gateways, seed, .. } = self;
        Host { mac: *mac, addresses, gateways, seed: *seed }
    }
}

impl Serving {
    /// The server that these flags describe.
    ///
    /// # Errors
    ///
    /// If metrics cannot be offered where they should be, or if a fault would never be planted.
    pub fn of(args: &ServerArgs, line: &Line) -> Result<Self> {
        if let (Some(faults), false) = (&args.fault, args.udp) {
            faults.fit_streams("it needs --udp")?;
        }
        let default = if args.one_shot { None } else { Some(Duration::from_secs(30)) };
        let rules = Rules {
            idle: args.timeout.map_or(default, |Limit(limit)| limit),
            one_shot: args.one_shot,
            exit: !args.rfc862,
            ..Rules::default()
        };
        let Socket { nagle, ack_delay, .. } = line.socket;
        let (Time(drain), Time(notice)) = (args.drain, args.drain_notice);
        Ok(Self {
            service: Service { port: args.port, rules, nagle, ack_delay },
            udp: args.udp,
            sockets: args.sockets as usize,
            drain,
            notice,
            lines: match (args.quiet, args.verbose) {
                (true, _) => Lines::None,
                (_, false) => Lines::Clients,
                (_, true) => Lines::Messages,
            },
            planting: args.fault.clone().map(|faults| Planting { faults, seed: line.seed }),
            metrics: args.metrics.as_ref().map(MetricsSocket::bind).transpose()?,
        })
    }
}
