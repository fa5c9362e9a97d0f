//! `tap-demo rate`, `fail-rate` and `check`: turns flags into a station to measure over.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use echo_cases::Needs;
use echo_instruments::args::CheckArgs;
use echo_instruments::check::{self, Check, datagrams};
use echo_instruments::plan::{Plan, Protocol};
use echo_instruments::report::Subject;
use echo_instruments::signals::Stop;
use echo_instruments::target::Target;
use echo_instruments::terminal::notes::{note, remark};
use echo_instruments::trial::Trial;
use echo_instruments::verdict::Verdict;
use echo_smoltcp::smoltcp::iface::{Interface, SocketStorage};
use echo_smoltcp::smoltcp::phy::Device;
use echo_smoltcp::smoltcp::socket::udp::PacketBuffer;
use echo_smoltcp::{Assembly, Client, Connection, Courier, Mailbox};

use crate::addressing;
use crate::cli::WayArgs;
use crate::plan::Line;
use crate::rings::{self, Rings};
use crate::serve::{UNFIT, frames};
use crate::station::{Post, Station, Unconnected};
use crate::wait::Waiter;

/// A measurement that is ready to run: what to measure, and which server.
pub(crate) struct Measuring<'c> {
    instrument: Instrument<'c>,
    pub(crate) plan: Plan,
    target: &'c Target,
    addresses: Vec<SocketAddr>,
}

/// The instrument that measures.
pub(crate) enum Instrument<'c> {
    Trial(Trial<'c>),
    Check(Check<'c>),
    DatagramCheck(datagrams::Check<'c>, &'c CheckArgs<WayArgs>),
}

impl<'c> From<Trial<'c>> for Instrument<'c> {
    fn from(trial: Trial<'c>) -> Self {
        Self::Trial(trial)
    }
}

impl<'c> From<Check<'c>> for Instrument<'c> {
    fn from(check: Check<'c>) -> Self {
        Self::Check(check)
    }
}

impl<'c> From<(datagrams::Check<'c>, &'c CheckArgs<WayArgs>)> for Instrument<'c> {
    fn from((check, args): (datagrams::Check<'c>, &'c CheckArgs<WayArgs>)) -> Self {
        Self::DatagramCheck(check, args)
    }
}

impl<'c> Measuring<'c> {
    /// The measurement that the flags ask for.
    ///
    /// # Errors
    ///
    /// If the payload cannot be read, the name is unknown, or this stack has no way to any of its
    /// addresses.
    pub(crate) fn of(
        instrument: impl Into<Instrument<'c>>,
        way: &'c WayArgs,
        line: &Line,
    ) -> Result<Self> {
        let instrument = instrument.into();
        let mut plan = match &instrument {
            Instrument::Trial(trial) => trial.plan()?,
            Instrument::Check(check) => check.plan(),
            Instrument::DatagramCheck(..) => Plan::new(),
        };
        if plan.spin.is_zero() {
            plan.spin = line.spin;
        }
        let target = way.target.as_ref().expect("only a list of cases has none");
        let addresses = addressing::reachable(line, &way.family.resolve(target, way.port)?)?;
        Ok(Self { instrument, plan, target, addresses })
    }

    /// Measures, prints the report and writes the files.
    ///
    /// # Errors
    ///
    /// If there is no connection, the interface disappears, or something cannot be written.
    pub(crate) fn run(
        self,
        line: &Line,
        mut device: impl Device,
        waiter: Waiter,
        stop: &Stop,
    ) -> Result<Verdict> {
        if let Instrument::Trial(trial) = &self.instrument {
            trial.approach(&self.plan)?;
        }
        let interface = line.station().interface(&mut device, waiter.now()).context(UNFIT)?;
        let faults: Vec<_> =
            line.faults().map(|(name, value)| format!("{name}: {value}")).collect();
        if !faults.is_empty() {
            remark(&faults.join("; "));
        }
        let Self { instrument, plan, target, addresses } = self;
        // The host may lack a family that this stack was given.
        let addresses = addressing::reachable(line, &addresses)?;
        match instrument {
            Instrument::Check(mut check) => over_streams(
                &plan,
                &addresses,
                line,
                interface,
                device,
                waiter,
                |station, address| {
                    stop.arm();
                    check.run(Needs::Echo, station)?;
                    check.finish(&check::Subject { name: target.called(address), address })
                },
            ),
            Instrument::DatagramCheck(mut check, args) => {
                let sockets = datagrams::Check::SOCKETS.max(addresses.len());
                over_datagrams(sockets, line, interface, |courier| {
                    let mut sockets = Unconnected::new(courier, line, device, waiter);
                    let address = datagrams::reach(&mut sockets, &addresses, args.timeout.0, stop)?;
                    let server = datagrams::Server::new(address, args)?;
                    stop.arm();
                    check.run(&server, &mut sockets)?;
                    tell(line, sockets.waiter());
                    check.finish(&check::Subject { name: target.called(address), address })
                })
            }
            Instrument::Trial(trial) if plan.protocol == Protocol::Tcp => over_streams(
                &plan,
                &addresses,
                line,
                interface,
                device,
                waiter,
                |station, address| {
                    let exports = trial.exports()?;
                    trial.arm(stop);
                    trial.run(&subject(&trial, target, address, &plan), station, exports, stop)
                },
            ),
            // To the first address: whether somebody answers there is measured.
            Instrument::Trial(trial) => over_datagrams(plan.links(), line, interface, |courier| {
                let mut post = Post::new(&plan, courier, addresses[0], device, waiter);
                let exports = trial.exports()?;
                trial.arm(stop);
                let subject = subject(&trial, target, addresses[0], &plan);
                let verdict = trial.run_datagrams(&subject, &mut post, exports, stop);
                tell(line, post.waiter());
                verdict
            }),
        }
    }
}

/// Lets `measure` use a station. All that it needs is allocated once.
fn over_streams<D: Device>(
    plan: &Plan,
    addresses: &[SocketAddr],
    line: &Line,
    interface: Interface,
    device: D,
    waiter: Waiter,
    measure: impl FnOnce(&mut Station<'_, '_, D>, SocketAddr) -> Result<Verdict>,
) -> Result<Verdict> {
    let count = Station::<()>::connections(plan);
    let mut storage: Vec<_> = (0..count).map(|_| SocketStorage::EMPTY).collect();
    let mut rings = Rings::new(&line.socket, count)?;
    let connections = storage.iter_mut().zip(rings.each()).map(|(storage, (receive, send))| {
        let mut connection = Connection::new(storage, receive, send);
        connection.set_nagle(line.socket.nagle);
        connection.set_ack_delay(line.socket.ack_delay);
        connection
    });
    let mut connections: Vec<_> = connections.collect();
    let mut frames = frames();
    let mut assemblies = frames.each_mut().map(|frame| Assembly::new(frame));
    let client = Client::new(interface, &mut connections, line.seed);
    let client = client.reassemble(&mut assemblies);
    let mut station = Station::new(plan, client, device, waiter);
    let address = station.connect(addresses, plan.limit)?;
    let verdict = measure(&mut station, address);
    tell(line, &station.finish());
    verdict
}

/// Lets `measure` use a courier with so many mailboxes. All that it needs is allocated once.
fn over_datagrams(
    count: usize,
    line: &Line,
    interface: Interface,
    measure: impl FnOnce(Courier<'_, '_>) -> Result<Verdict>,
) -> Result<Verdict> {
    let datagrams = line.socket.datagrams;
    let mut storage: Vec<_> = (0..count).map(|_| SocketStorage::EMPTY).collect();
    let (mut rings, mut places) =
        (Rings::new(&line.socket, count)?, rings::places(&line.socket, count)?);
    let rings = rings.each().zip(places.chunks_exact_mut(datagrams));
    let mailboxes = storage.iter_mut().zip(rings);
    let mailboxes = mailboxes.map(|(storage, ((receive, send), places))| {
        let (received, sent) = places.as_flattened_mut().split_at_mut(datagrams);
        let receive = PacketBuffer::new(received, receive);
        Mailbox::new(storage, receive, PacketBuffer::new(sent, send))
    });
    let mut mailboxes: Vec<_> = mailboxes.collect();
    let mut frames = frames();
    let mut assemblies = frames.each_mut().map(|frame| Assembly::new(frame));
    let courier = Courier::new(interface, &mut mailboxes, line.seed);
    measure(courier.reassemble(&mut assemblies))
}

fn subject<'s>(
    trial: &Trial<'s>,
    target: &Target,
    address: SocketAddr,
    plan: &'s Plan,
) -> Subject<'s> {
    Subject {
        program: "tap-demo",
        command: trial.command,
        name: target.called(address),
        address,
        sources: Vec::new(),
        payload: trial.payload.to_string(),
        labels: &trial.load.label,
        hosts: None,
        plan,
    }
}

/// Tells which faults of the wire frames have met, and how many were lost on this side.
fn tell(line: &Line, waiter: &Waiter) {
    if line.manner.counts() {
        remark(&format!("wire faults: {}", waiter.met()));
    }
    waiter.losses().for_each(|lost| note(&lost));
}
