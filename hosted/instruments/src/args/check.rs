//! The flags of `check` that both programs have.

use clap::Args;

use super::OUTPUT;
use crate::quantity::given::{Limit, Time};
use crate::target::Target;

const CASES: &str = "Cases";

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs<W: Args> {
    /// Where to connect.
    #[command(flatten)]
    pub way: W,

    /// Check the UDP service
    ///
    /// Check the UDP service instead of the TCP one, with cases of its own. A network may lose
    /// datagrams: one that is not answered is sent four times in all.
    #[arg(short, long, help_heading = CASES)]
    pub udp: bool,

    /// Other addresses of the same server
    ///
    /// Other addresses of the same server, separated by commas: it must answer there, too, and from
    /// the address that was asked.
    #[arg(long, value_name = "ADDR", value_delimiter = ',', requires = "udp", help_heading = CASES)]
    pub also: Vec<Target>,

    /// List the cases, and do not connect
    ///
    /// List the cases, one per line: name, source, meaning. No connection is opened.
    #[arg(long, help_heading = CASES)]
    pub list: bool,

    /// Run these cases only
    ///
    /// Run these cases only: names, separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = CASES)]
    pub only: Vec<String>,

    /// Leave these cases out
    ///
    /// Leave these cases out: names, separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = CASES)]
    pub skip: Vec<String>,

    /// Also check what only our servers promise
    ///
    /// Also check what our own servers promise beyond RFC 862: `exit`, and with `hosted check --local`
    /// also one-shot and the idle limit; over UDP, whom they do not answer. Another server is taken to
    /// have our defaults.
    #[arg(long, help_heading = CASES)]
    pub ours: bool,

    /// Expect that idle connections end after TIME
    ///
    /// Expect the server to end a connection that is idle for this long: neither earlier nor later.
    #[arg(long, value_name = "TIME", conflicts_with = "udp", help_heading = CASES)]
    pub expect_timeout: Option<Time>,

    /// Give up after TIME without a byte
    ///
    /// The time limit for opening a connection, and for the next byte that is due; over UDP, for an
    /// echo. 0 or negative: none but that of each case.
    #[arg(long, value_name = "TIME", default_value = "5", help_heading = CASES)]
    pub timeout: Limit,

    /// Print JSON instead of the lines
    #[arg(short = 'J', long, help_heading = OUTPUT)]
    pub json: bool,
}
