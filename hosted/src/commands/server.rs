//! `hosted server`: turns flags into a [`Server`], and prints its first lines.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use echo_core::Rules;
use echo_instruments::quantity::given::{Limit, Spin};
use echo_instruments::quantity::noun;
use echo_instruments::seed;
use echo_instruments::service::{Lines, Log, Manager, MetricsSocket, Planting, announce_notice};
use echo_instruments::signals::Stop;
use echo_instruments::verdict::{Misuse, Verdict};

use crate::activation::Inherited;
use crate::address::{self, Listening};
use crate::cli::ServerArgs;
use crate::server::{Config, Server};

/// Runs `hosted server`.
///
/// # Errors
///
/// If it cannot listen, or the reader of stdout has left.
pub(super) fn main(args: &ServerArgs) -> Result<Verdict> {
    // Before this process opens anything.
    let inherited = inherited(args)?;
    plants_nothing_in_vain(args, inherited.as_ref())?;
    let from = inherited.as_ref().map(|sockets| sockets.from.clone());
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
        spin: args.spin.map_or(Duration::ZERO, |Spin(spin)| spin),
        drain: args.drain.0,
        planting: args.fault.clone().map(|faults| {
            let seed = args.seed.unwrap_or_else(seed::chosen);
            Planting { faults, seed }
        }),
    };
    let stop = Stop::on_signals().context("cannot catch signals")?;
    let metrics = args.metrics.as_ref().map(MetricsSocket::bind).transpose()?;
    let ip = args.ip.as_ref();
    let how = Listening { backlog: args.listen, reuse_port: args.reuse_port };
    let server = match inherited {
        Some(inherited) => Server::new(inherited.listeners, config)
            .with_kept_datagrams(inherited.sockets)
            .serving(inherited.connections),
        None if args.udp => {
            let (listeners, sockets) = address::listen_to_both(ip, args.port, how)?;
            Server::new(listeners, config).with_datagrams(sockets)
        }
        None => Server::new(address::listen(ip, args.port, how)?, config),
    };
    stop.give_notice(args.drain_notice.0);
    stop.arm();
    let lines = match (args.quiet, args.verbose) {
        (true, _) => Lines::None,
        (_, false) => Lines::Clients,
        (_, true) => Lines::Messages,
    };
    let log = Log::on_stdout(lines, &stop).context("cannot start a thread for stdout")?;
    let addresses = describe(&server, args, from.as_deref(), &log)?;
    if let Some(socket) = &metrics {
        log.line(format_args!("        metrics  {}", socket.url()));
    }
    let offered = metrics.map(|socket| socket.offer(server.totals(), &stop)).transpose()?;
    let manager = Manager::named();
    if let Some(manager) = &manager {
        manager.ready(&addresses);
    }
    let drain = args.drain.0;
    stop.at_request(move |notice| {
        if let Some(manager) = &manager {
            manager.stopping(notice.saturating_add(drain));
        }
        announce_notice(notice);
    });
    let served = server.run(&stop, &log);
    if let Ok(totals) = &served {
        log.line(totals);
    }
    drop(offered);
    log.finish();
    served.map(|_| Verdict::Well)
}

/// The sockets that it has got, if it has: then it opens none.
fn inherited(args: &ServerArgs) -> Result<Option<Inherited>> {
    if args.inetd {
        return Inherited::from_inetd().map(Some);
    }
    let sockets = Inherited::from_systemd()?;
    if let (Some(sockets), Some(flag)) = (&sockets, args.own_sockets) {
        let from = &sockets.from;
        bail!(Misuse(format!("--{flag} cannot be used: the sockets are inherited from {from}")));
    }
    Ok(sockets)
}

/// Refuses faults of datagrams where none arrive.
fn plants_nothing_in_vain(args: &ServerArgs, inherited: Option<&Inherited>) -> Result<()> {
    let Some(faults) = &args.fault else { return Ok(()) };
    let lack = match inherited {
        None if !args.udp => "it needs --udp".into(),
        Some(sockets) if sockets.sockets.is_empty() => {
            format!("{} passes no socket of UDP", sockets.from)
        }
        _ => return Ok(()),
    };
    Ok(faults.fit_streams(&lack)?)
}

/// Prints where it listens, on the first line, and the `Server Config:`. Returns where. A server for
/// connections that somebody else has accepted listens nowhere.
fn describe(
    server: &Server,
    args: &ServerArgs,
    from: Option<&str>,
    log: &Log,
) -> io::Result<String> {
    let rules = server.rules();
    let (streams, datagrams) = (server.addresses()?, server.datagram_addresses()?);
    let all = || streams.iter().chain(&datagrams);
    if all().next().is_none() {
        return Ok(String::new());
    }
    let mut names: Vec<_> = streams.iter().map(listening).collect();
    let both = !datagrams.is_empty() && streams == datagrams;
    if !both {
        names.extend(datagrams.iter().map(|address| format!("{} over UDP", listening(address))));
    }
    let names = names.join(" and ");
    let ports: BTreeSet<_> = all().map(SocketAddr::port).collect();
    let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
    let protocols = if both { ", TCP and UDP" } else { "" };
    log.line(format_args!("Echo server on {names}{protocols}"));
    log.line("Server Config:");
    log.line(format_args!("        port     {}", ports.join(" and ")));
    match from {
        Some(from) => log.line(format_args!("        listen   sockets inherited from {from}")),
        None => {
            let waiting = noun(args.listen.unsigned_abs().into(), "waiting connection");
            log.line(format_args!("        listen   {} {waiting}", args.listen));
        }
    }
    log.line(format_args!("        timeout  {}", Limit(rules.idle)));
    log.line(format_args!("        buffer   {} {}", rules.chunk, noun(rules.chunk as u64, "byte")));
    let mode = if rules.one_shot { "one message, then close" } else { "until the client leaves" };
    let exit = if rules.exit { "`exit` ends a session" } else { "pure RFC 862" };
    log.line(format_args!("        mode     {mode}; {exit}"));
    if let Some(planting) = server.planting() {
        log.line(format_args!("        faults   {planting}"));
    }
    Ok(names + protocols)
}

fn listening(address: &SocketAddr) -> String {
    let families =
        if address.is_ipv6() && address.ip().is_unspecified() { " (IPv6 and IPv4)" } else { "" };
    format!("{address}{families}")
}
