//! The flags that say which echo server is meant, and from where it is reached.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use clap::{Args, ValueHint};
use echo_instruments::args::{Family, TARGET};
use echo_instruments::quantity::given;
use echo_instruments::target::Target;

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
