//! `hosted server`: turns flags into a [`Server`], and prints its first lines.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::Rules;
use echo_instruments::quantity::given::Limit;
use echo_instruments::seed;
use echo_instruments::service::{Lines, Log, Planting};
use echo_instruments::signals::Stop;
use echo_instruments::verdict::Verdict;

use crate::address;
use crate::cli::ServerArgs;
use crate::server::{Config, Server};

/// Runs `hosted server`.
///
/// # Errors
///
/// If it cannot listen, or the reader of stdout has left.
pub(super) fn main(args: &ServerArgs) -> Result<Verdict> {
    let default = if args.one_shot { None } else { Some(Duration::from_secs(30)) };
    let config = Config {
        rules: Rules {
            idle: args.timeout.map_or(default, |Limit(limit)| limit),
            chunk: args.buffer as usize,
            one_shot: args.one_shot,
            exit: !args.rfc862,
        },
        max_conns: args.max_conns.map(|most| most as usize),
        threads: args.threads.into(),
        drain: args.drain.0,
        planting: args.fault.clone().map(|faults| {
            let seed = args.seed.unwrap_or_else(seed::chosen);
            Planting { faults, seed }
        }),
    };
    let stop = Stop::on_signals().context("cannot catch signals")?;
    let listeners = address::listen(args.ip.as_ref(), args.port, args.listen)?;
    let server = Server::new(listeners, config);
    stop.arm();
    let lines = match (args.quiet, args.verbose) {
        (true, _) => Lines::None,
        (_, false) => Lines::Clients,
        (_, true) => Lines::Messages,
    };
    let log = Log::on_stdout(lines, &stop).context("cannot start a thread for stdout")?;
    describe(&server, args, &log)?;
    let served = server.run(&stop, &log);
    if let Ok(totals) = &served {
        log.line(totals);
    }
    log.finish();
    served.map(|_| Verdict::Well)
}

/// Prints where it listens, on the first line, and the `Server Config:`.
fn describe(server: &Server, args: &ServerArgs, log: &Log) -> io::Result<()> {
    let rules = server.rules();
    let addresses = server.addresses()?;
    let names: Vec<_> = addresses.iter().map(listening).collect();
    let port = addresses.first().map_or(args.port, SocketAddr::port);
    log.line(format_args!("Echo server on {}", names.join(" and ")));
    log.line("Server Config:");
    log.line(format_args!("        port     {port}"));
    log.line(format_args!("        listen   {} waiting connections", args.listen));
    log.line(format_args!("        timeout  {}", Limit(rules.idle)));
    log.line(format_args!("        buffer   {} bytes", rules.chunk));
    let mode = if rules.one_shot { "one message, then close" } else { "until the client leaves" };
    let exit = if rules.exit { "`exit` ends a session" } else { "pure RFC 862" };
    log.line(format_args!("        mode     {mode}; {exit}"));
    if let Some(planting) = server.planting() {
        log.line(format_args!("        faults   {planting}"));
    }
    Ok(())
}

fn listening(address: &SocketAddr) -> String {
    let families =
        if address.is_ipv6() && address.ip().is_unspecified() { " (IPv6 and IPv4)" } else { "" };
    format!("{address}{families}")
}
