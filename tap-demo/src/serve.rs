//! The server's event loop, what it prints, and how it stops.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use echo_instruments::quantity;
use echo_instruments::quantity::given::Limit;
use echo_instruments::service::{
    Counters, Datagrams as Counted, Drain, Dropped, End, Lines, Log, MetricsSocket, Planting,
    announce_drain, announce_notice,
};
use echo_instruments::signals::Stop;
use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::smoltcp::phy::Device;
use echo_smoltcp::smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use echo_smoltcp::smoltcp::wire::IpEndpoint;
use echo_smoltcp::{Assembly, Counts, Datagrams, Event, Server, Slot};

use crate::plan::{Line, Serving};
use crate::rings::Rings;
use crate::wait::{Due, Waiter};

/// The buffer of each session, in bytes. It lies between the two buffers of the socket, so it only
/// limits how much is moved at once.
const SESSION: usize = 4096;

/// The most frames that are waited for, at a stop, behind those that have arrived: more than the queue
/// of an interface holds as a rule.
const LAST_FRAMES: u64 = 2048;

/// Memory for the packets that are put together at the same time.
pub(crate) fn frames() -> [Vec<u8>; 4] {
    [(); 4].map(|()| vec![0; Assembly::LONGEST])
}

/// Serves until a signal comes and its notice is over, and then until the sessions are over or the
/// drain limit is reached.
///
/// # Errors
///
/// If the interface disappears, or stdout is closed by its reader.
pub(crate) fn serve(
    plan: Serving,
    line: &Line,
    mut device: impl Device,
    mut waiter: Waiter,
    stop: &Stop,
) -> Result<()> {
    stop.give_notice(plan.notice);
    stop.at_request(announce_notice);
    stop.arm();
    let interface = line.station().interface(&mut device, waiter.now()).context(UNFIT)?;
    // All memory that serving needs. From here on nothing is allocated.
    let count = plan.sockets;
    let mut storage: Vec<_> = (0..count).map(|_| SocketStorage::EMPTY).collect();
    let mut rings = Rings::new(&line.socket, count + 1)?;
    let mut rings = rings.each();
    let (receive_datagrams, send_datagrams) = rings.next().expect("one more than connections");
    let spoilers = |planting: &Planting| (0..count as u64).map(|n| planting.spoiler(n)).collect();
    let mut spoilers: Vec<_> = plan.planting.as_ref().map_or_else(Vec::new, spoilers);
    let mut spoilers = spoilers.iter_mut();
    let mut slots: Vec<_> = storage
        .iter_mut()
        .zip(rings)
        .map(|(storage, (receive, send))| {
            let slot = Slot::<SESSION>::new(storage, receive, send);
            match spoilers.next() {
                None => slot,
                Some(spoiler) => slot.spoilt(spoiler),
            }
        })
        .collect();
    // Each datagram is answered before the next one is received.
    let (mut one, mut several) =
        ([PacketMetadata::EMPTY], vec![PacketMetadata::EMPTY; line.socket.datagrams]);
    let mut sockets = [SocketStorage::EMPTY, SocketStorage::EMPTY];
    let mut spoiler = plan.planting.as_ref().map(Planting::spoiler_of_datagrams);
    let spoilt = if spoiler.is_some() { line.socket.receive } else { 0 };
    let (mut hand, mut kept) = (vec![0; spoilt], vec![0; spoilt]);
    let mut datagrams = Datagrams::new(
        &mut sockets,
        PacketBuffer::new(&mut one[..], receive_datagrams),
        PacketBuffer::new(&mut several[..], send_datagrams),
    );
    if let Some(spoiler) = &mut spoiler {
        datagrams = datagrams.spoilt(spoiler, &mut hand, &mut kept);
    }
    let mut server = Server::new(interface, &mut slots, plan.service, line.seed);
    if plan.udp {
        server = server.lend(&mut datagrams);
    }
    let mut frames = frames();
    let mut assemblies = frames.each_mut().map(|frame| Assembly::new(frame));
    server = server.reassemble(&mut assemblies);
    let mut book = Book::new(plan.lines, stop).context("cannot start a thread for stdout")?;
    describe(&plan, line, device.capabilities().ip_mtu(), &book.log);
    let counters = Arc::clone(&book.counters);
    if plan.udp {
        counters.tell(Counted::default());
    }
    let offer = |socket: MetricsSocket| socket.offer(move || counters.totals(), stop);
    let offered = plan.metrics.map(offer).transpose()?;
    let mut drain: Option<(Drain, u64)> = None;
    let outcome = loop {
        let (now, before) = (waiter.now(), waiter.received());
        let mut next = server.step(now, &mut device, &mut |event| book.enter(&event));
        if plan.udp {
            book.counters.tell(counted(&server.datagrams()));
        }
        book.log.check().context("cannot write to stdout")?;
        if let Err(gone) = waiter.check() {
            // No peer hears of it any more, but the totals do.
            book.stopping = true;
            server.abort(now, &mut device, &mut |event| book.enter(&event));
            break Err(gone.into());
        }
        if stop.due() {
            let (drain, at_stop) = drain.get_or_insert_with(|| {
                server.stop_accepting();
                announce_drain(server.connections(), plan.drain);
                let sessions: Vec<_> = server.sessions().collect();
                (Drain::begin(now, plan.drain, &sessions), before)
            });
            while let Some((session, haste)) = drain.next(now) {
                server.leave(now, session, haste);
                next = Some(now);
            }
            // There may be datagrams that came before the stop, but not for ever.
            let more = waiter.received() != before && before - *at_stop < LAST_FRAMES;
            if !more && (server.connections() == 0 || drain.is_over(now)) {
                book.stopping = true;
                server.abort(now, &mut device, &mut |event| book.enter(&event));
                break Ok(());
            }
            let due = if more { now } else { drain.due() };
            next = [next, Some(due)].into_iter().flatten().min();
        }
        waiter.wait(now, Due { coarse: next, exact: None }).context("cannot wait for frames")?;
    };
    let mut totals = book.counters.totals();
    totals.planted = plan.planting.is_some().then(|| server.planted());
    totals.datagrams = plan.udp.then(|| counted(&server.datagrams()));
    book.log.line(totals);
    if line.manner.counts() {
        book.log.line(format_args!("wire faults: {}", waiter.met()));
    }
    let away = server.turned_away();
    if away > 0 {
        let away = quantity::counted(away, "SYN");
        let why = "because all sockets were in use (raise --sockets)";
        book.log.line(format_args!("{away} dropped {why}"));
    }
    waiter.losses().for_each(|lost| book.log.line(lost));
    drop(offered);
    book.log.finish();
    outcome
}

/// The context of an error from setting the stack up.
pub(crate) const UNFIT: &str = "cannot use the addresses";

/// Prints where it listens, and the settings as `Server Config:`.
fn describe(plan: &Serving, line: &Line, mtu: usize, log: &Log) {
    let service = plan.service;
    let addresses = line.addresses.iter();
    let names: Vec<_> = addresses
        .map(|ip| SocketAddr::new(ip.address().into(), service.port).to_string())
        .collect();
    let protocols = if plan.udp { ", TCP and UDP" } else { "" };
    let names = names.join(" and ");
    log.line(format_args!("Echo server on {names} behind {}{protocols}", line.iface));
    log.line("Server Config:");
    log.line(format_args!("        port     {}", service.port));
    let connections = quantity::noun(plan.sockets as u64, "connection");
    log.line(format_args!("        sockets  {} {connections} at once", plan.sockets));
    log.line(format_args!("        timeout  {}", Limit(service.rules.idle)));
    log.line(format_args!("        mtu      {mtu} bytes"));
    let (rx, tx) = (line.socket.receive, line.socket.send);
    log.line(format_args!("        buffer   {rx} bytes in, {tx} bytes out"));
    if plan.udp {
        let [v4, v6] = [65_507, mtu - 48].map(|longest| longest.min(rx).min(tx));
        log.line(format_args!("        udp      up to {v4} bytes over IPv4, {v6} over IPv6"));
    }
    let rules = service.rules;
    let mode = if rules.one_shot { "one message, then close" } else { "until the client leaves" };
    let exit = if rules.exit { "`exit` ends a session" } else { "pure RFC 862" };
    log.line(format_args!("        mode     {mode}; {exit}"));
    for (name, value) in line.faults() {
        log.line(format_args!("        {name}     {value}"));
    }
    if let Some(planting) = &plan.planting {
        log.line(format_args!("        faults   {planting}"));
    }
    if let Some(socket) = &plan.metrics {
        log.line(format_args!("        metrics  {}", socket.url()));
    }
}

/// The counts of datagrams, as the totals tell them.
fn counted(counts: &Counts) -> Counted {
    let Counts { echoed, bytes, unanswered, too_long, full, unreachable } = *counts;
    let mut counted = Counted { echoed, bytes, unanswered, ..Counted::default() };
    for (reason, count) in
        [(Dropped::Cut, too_long), (Dropped::Full, full), (Dropped::Unreachable, unreachable)]
    {
        counted.dropped[reason as usize] = count;
    }
    counted
}

/// Turns events into lines and totals.
struct Book {
    log: Log,
    counters: Arc<Counters>,
    /// The server is stopping, so connections that break from now on are cut off by itself.
    stopping: bool,
}

impl Book {
    fn new(lines: Lines, stop: &Stop) -> io::Result<Self> {
        let log = Log::on_stdout(lines, stop)?;
        Ok(Self { log, counters: Arc::default(), stopping: false })
    }

    fn enter(&mut self, event: &Event<'_>) {
        match *event {
            Event::Connected { peer } => {
                self.counters.open();
                self.log.client(address(peer), "connected");
            }
            Event::Received { peer, bytes } | Event::Datagram { peer, bytes } => {
                self.log.message(address(peer), bytes);
            }
            Event::Echoed { bytes, .. } => self.counters.echo(bytes),
            Event::Closed { peer, end, echoed } => {
                let end = match end {
                    Ok(reason) => End::Closed(reason),
                    Err(_) if self.stopping => End::CutOff,
                    Err(_) => End::Broken(ErrorKind::ConnectionReset.into()),
                };
                self.counters.end(echoed, &end);
                self.log.client(address(peer), &end);
            }
        }
    }
}

fn address(peer: IpEndpoint) -> SocketAddr {
    SocketAddr::new(peer.addr.into(), peer.port)
}
