//! `tap-demo rate`, `fail-rate` and `check`: turns flags into a station to measure over.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use echo_cases::Needs;
use echo_instruments::check::{self, Check};
use echo_instruments::plan::{Plan, Protocol};
use echo_instruments::report::Subject;
use echo_instruments::signals::Stop;
use echo_instruments::target::Target;
use echo_instruments::terminal::notes::{note, remark};
use echo_instruments::trial::Trial;
use echo_instruments::verdict::{Misuse, Verdict};
use echo_smoltcp::smoltcp::iface::{Interface, SocketStorage};
use echo_smoltcp::smoltcp::phy::Device;
use echo_smoltcp::smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use echo_smoltcp::{Client, Connection, Courier, Mailbox};

use crate::addressing;
use crate::cli::WayArgs;
use crate::plan::Line;
use crate::serve::UNFIT;
use crate::station::{Post, Station};
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

impl<'c> Measuring<'c> {
    /// The measurement that the flags ask for.
    ///
    /// # Errors
    ///
    /// If the payload cannot be read, the name is unknown, or none of its addresses can be reached.
    pub(crate) fn of(
        instrument: impl Into<Instrument<'c>>,
        way: &'c WayArgs,
        line: &Line,
    ) -> Result<Self> {
        let instrument = instrument.into();
        let mut plan = match &instrument {
            Instrument::Trial(trial) => trial.plan()?,
            Instrument::Check(check) => check.plan(),
        };
        if plan.spin.is_zero() {
            plan.spin = line.spin;
        }
        let mut addresses = way.family.resolve(&way.target, way.port)?;
        let reason = |address: &SocketAddr| addressing::unreachable(line, address.ip().into());
        let reasons: Vec<_> = addresses.iter().filter_map(reason).collect();
        addresses.retain(|address| reason(address).is_none());
        if addresses.is_empty() {
            let reasons = reasons.join(", and ");
            return Err(Misuse(format!(
                "{reasons}: no server can be reached there (give the address of another host, like \
                 this machine's on {})",
                line.iface
            ))
            .into());
        }
        Ok(Self { instrument, plan, target: &way.target, addresses })
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
        if self.plan.protocol == Protocol::Udp {
            return self.over_datagrams(line, interface, device, waiter, stop);
        }
        // All that measuring needs is allocated once.
        let count = Station::<()>::connections(&self.plan);
        let (rx, tx) = (line.socket.receive, line.socket.send);
        let mut storage: Vec<_> = (0..count).map(|_| SocketStorage::EMPTY).collect();
        let (mut receive, mut send) = (vec![0; count * rx], vec![0; count * tx]);
        let rings = receive.chunks_exact_mut(rx).zip(send.chunks_exact_mut(tx));
        let connections = storage.iter_mut().zip(rings).map(|(storage, (receive, send))| {
            let mut connection = Connection::new(storage, receive, send);
            connection.set_nagle(line.socket.nagle);
            connection.set_ack_delay(line.socket.ack_delay);
            connection
        });
        let mut connections: Vec<_> = connections.collect();
        let client = Client::new(interface, &mut connections, line.seed);
        let mut station = Station::new(&self.plan, client, device, waiter);

        let address = station.connect(&self.addresses, self.plan.limit)?;
        let verdict = self.over(&mut station, address, stop);
        tell(station.finish());
        verdict
    }

    /// The same over UDP, to the first address: whether somebody answers there is measured.
    fn over_datagrams(
        self,
        line: &Line,
        interface: Interface,
        device: impl Device,
        waiter: Waiter,
        stop: &Stop,
    ) -> Result<Verdict> {
        let Instrument::Trial(trial) = self.instrument else {
            bail!("the conformance cases of UDP need sockets: `hosted check --udp` has them");
        };
        let (count, datagrams) = (self.plan.links(), line.socket.datagrams);
        let (rx, tx) = (line.socket.receive, line.socket.send);
        let mut storage: Vec<_> = (0..count).map(|_| SocketStorage::EMPTY).collect();
        let (mut receive, mut send) = (vec![0; count * rx], vec![0; count * tx]);
        let mut metadata = vec![[PacketMetadata::EMPTY; 2]; count * datagrams];
        let rings = receive.chunks_exact_mut(rx).zip(send.chunks_exact_mut(tx));
        let rings = rings.zip(metadata.chunks_exact_mut(datagrams));
        let mailboxes = storage.iter_mut().zip(rings);
        let mailboxes = mailboxes.map(|(storage, ((receive, send), metadata))| {
            let (received, sent) = metadata.as_flattened_mut().split_at_mut(datagrams);
            let receive = PacketBuffer::new(received, receive);
            Mailbox::new(storage, receive, PacketBuffer::new(sent, send))
        });
        let mut mailboxes: Vec<_> = mailboxes.collect();
        let address = self.addresses[0];
        let courier = Courier::new(interface, &mut mailboxes, address.into(), line.seed);
        let mut post = Post::new(&self.plan, courier, device, waiter);
        let exports = trial.exports()?;
        trial.arm(stop);
        let subject = subject(&trial, self.target, address, &self.plan);
        let verdict = trial.run_datagrams(&subject, &mut post, exports, stop);
        tell(post.losses());
        verdict
    }

    fn over(
        self,
        station: &mut Station<'_, '_, impl Device>,
        address: SocketAddr,
        stop: &Stop,
    ) -> Result<Verdict> {
        let trial = match self.instrument {
            Instrument::Trial(trial) => trial,
            Instrument::Check(mut check) => {
                stop.arm();
                check.run(Needs::Echo, station)?;
                let name = self.target.called(address);
                return check.finish(&check::Subject { name, address });
            }
        };
        let exports = trial.exports()?;
        trial.arm(stop);
        let subject = subject(&trial, self.target, address, &self.plan);
        trial.run(&subject, station, exports, stop)
    }
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

/// Tells how many frames were lost on this side, and why.
fn tell(losses: [(u64, String); 2]) {
    for (count, what) in losses {
        if count > 0 {
            note(&format!("{count} {what}"));
        }
    }
}
