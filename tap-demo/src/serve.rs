//! The server's loop, its lines and its end.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::{IdleTimer, Rules};
use echo_instruments::quantity::given::{Limit, Time};
use echo_instruments::service::{End, Lines, Log, Totals};
use echo_smoltcp::smoltcp::iface::{Interface, SocketStorage};
use echo_smoltcp::smoltcp::phy::Device;
use echo_smoltcp::smoltcp::wire::IpEndpoint;
use echo_smoltcp::{Event, Host, Server, Service, Slot};

use crate::cli::Cli;
use crate::host_side::server_addresses;
use crate::run::Task;

/// The buffer of each session, in bytes: it lies between the socket's two, so
/// it bounds how much is moved at once, and nothing else.
const SESSION: usize = 4096;

/// Serves until a signal comes, and then until the sessions are over or the
/// drain limit is reached.
///
/// # Errors
///
/// If the interface disappears, or the reader of stdout has left.
pub(crate) fn serve(mut task: Task<'_>, mut device: impl Device) -> Result<()> {
    let cli = task.cli;
    let interface = interface(&task, &mut device)?;
    let service = service(cli);
    // All that serving needs, made once: from here on nothing is allocated.
    let count = cli.sockets as usize;
    let (rx, tx) = (cli.rx_buffer as usize, cli.tx_buffer as usize);
    let mut storage: Vec<_> = (0..count).map(|_| SocketStorage::EMPTY).collect();
    let (mut receive, mut send) = (vec![0; count * rx], vec![0; count * tx]);
    let rings = receive.chunks_exact_mut(rx).zip(send.chunks_exact_mut(tx));
    let mut slots: Vec<_> = storage
        .iter_mut()
        .zip(rings)
        .map(|(storage, (receive, send))| Slot::<SESSION>::new(storage, receive, send))
        .collect();
    let mut server = Server::new(interface, &mut slots, service, task.seed);
    let mut book = Book::new(&task).context("cannot start a thread for stdout")?;
    describe(cli, &service, &book.log);
    let Time(drain) = cli.drain;
    let mut drain = IdleTimer::new(Some(drain));
    let outcome = loop {
        let now = task.waiter.now();
        let mut next = server.step(now, &mut device, &mut |event| book.enter(&event));
        book.log.check().context("cannot write to stdout")?;
        if let Err(gone) = task.check() {
            break Err(gone);
        }
        if task.stop.requested() {
            if drain.deadline().is_none() {
                server.stop_accepting();
                drain.restart(now);
            }
            if server.connections() == 0 || drain.expired(now) {
                book.stopping = true;
                server.abort(now, &mut device, &mut |event| book.enter(&event));
                break Ok(());
            }
            next = [next, drain.deadline()].into_iter().flatten().min();
        }
        task.waiter.wait(now, next)?;
    };
    book.log.line(book.totals);
    let away = (server.turned_away(), "SYNs found no free socket (more with --sockets)".into());
    for (count, what) in [away].into_iter().chain(task.losses()) {
        if count > 0 {
            book.log.line(format_args!("{count} {what}"));
        }
    }
    book.log.finish();
    outcome
}

/// The stack, with its addresses.
///
/// # Errors
///
/// If an address is unfit.
pub(crate) fn interface(task: &Task<'_>, device: &mut impl Device) -> Result<Interface> {
    let (cli, seed) = (task.cli, task.seed);
    let addresses = server_addresses(cli);
    let host = Host { mac: cli.mac, addresses, gateways: &cli.gateway, seed };
    host.interface(device, task.waiter.now()).context("cannot use the addresses")
}

fn service(cli: &Cli) -> Service {
    let default = if cli.one_shot { None } else { Some(Duration::from_secs(30)) };
    let rules = Rules {
        idle: cli.timeout.map_or(default, |Limit(limit)| limit),
        one_shot: cli.one_shot,
        exit: !cli.rfc862,
        ..Rules::default()
    };
    let Limit(ack_delay) = cli.ack_delay;
    Service { port: cli.port, rules, nagle: cli.nagle, ack_delay }
}

/// Where it listens, on the first line, and the `Server Config:` of the seed.
fn describe(cli: &Cli, service: &Service, log: &Log) {
    let addresses = server_addresses(cli).iter();
    let names: Vec<_> =
        addresses.map(|ip| SocketAddr::new(ip.address().into(), cli.port).to_string()).collect();
    log.line(format_args!("Echo server on {} behind {}", names.join(" and "), cli.iface));
    log.line("Server Config:");
    log.line(format_args!("        port     {}", service.port));
    log.line(format_args!("        sockets  {} connections at once", cli.sockets));
    log.line(format_args!("        timeout  {}", Limit(service.rules.idle)));
    let (rx, tx) = (cli.rx_buffer, cli.tx_buffer);
    log.line(format_args!("        buffer   {rx} bytes in, {tx} bytes out"));
    let rules = service.rules;
    let mode = if rules.one_shot { "one message, then close" } else { "until the client leaves" };
    let exit = if rules.exit { "`exit` ends a session" } else { "pure RFC 862" };
    log.line(format_args!("        mode     {mode}; {exit}"));
}

/// What happened, as lines and as sums.
struct Book {
    log: Log,
    totals: Totals,
    /// What breaks from now on is our own doing.
    stopping: bool,
}

impl Book {
    fn new(task: &Task<'_>) -> io::Result<Self> {
        let lines = match (task.cli.quiet, task.cli.verbose) {
            (true, _) => Lines::None,
            (_, false) => Lines::Clients,
            (_, true) => Lines::Messages,
        };
        let log = Log::on_stdout(lines, &task.stop)?;
        Ok(Self { log, totals: Totals::default(), stopping: false })
    }

    fn enter(&mut self, event: &Event<'_>) {
        match *event {
            Event::Connected { peer } => self.log.client(address(peer), "connected"),
            Event::Received { peer, bytes } => self.log.message(address(peer), bytes),
            Event::Closed { peer, end, echoed } => {
                let end = match end {
                    Ok(reason) => End::Closed(reason),
                    Err(_) if self.stopping => End::CutOff,
                    Err(_) => End::Broken(ErrorKind::ConnectionReset.into()),
                };
                self.totals.record(echoed, &end);
                self.log.client(address(peer), &end);
            }
        }
    }
}

fn address(peer: IpEndpoint) -> SocketAddr {
    SocketAddr::new(peer.addr.into(), peer.port)
}
