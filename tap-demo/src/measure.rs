//! `tap-demo rate`, `fail-rate` and `check`: turns flags into a station to measure over.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use echo_cases::Needs;
use echo_instruments::check::{self, Check};
use echo_instruments::plan::Plan;
use echo_instruments::report::Subject;
use echo_instruments::signals::Stop;
use echo_instruments::target::Target;
use echo_instruments::terminal::notes::{note, remark};
use echo_instruments::trial::Trial;
use echo_instruments::verdict::{Misuse, Verdict};
use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::smoltcp::phy::Device;
use echo_smoltcp::{Client, Connection};

use crate::addressing;
use crate::cli::WayArgs;
use crate::plan::Line;
use crate::serve::UNFIT;
use crate::station::Station;
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

        let faults: Vec<_> =
            line.faults().map(|(name, value)| format!("{name}: {value}")).collect();
        if !faults.is_empty() {
            remark(&faults.join("; "));
        }
        let address = station.connect(&self.addresses, self.plan.limit)?;
        let verdict = self.over(&mut station, address, stop);
        for (count, what) in station.finish() {
            if count > 0 {
                note(&format!("{count} {what}"));
            }
        }
        verdict
    }

    fn over(
        self,
        station: &mut Station<'_, '_, impl Device>,
        address: SocketAddr,
        stop: &Stop,
    ) -> Result<Verdict> {
        let name = self.target.called(address);
        let trial = match self.instrument {
            Instrument::Trial(trial) => trial,
            Instrument::Check(mut check) => {
                stop.arm();
                check.run(Needs::Echo, station)?;
                return check.finish(&check::Subject { name, address });
            }
        };
        let exports = trial.exports()?;
        trial.arm(stop);
        let subject = Subject {
            program: "tap-demo",
            command: trial.command,
            name,
            address,
            sources: Vec::new(),
            payload: trial.payload.to_string(),
            labels: &trial.load.label,
            hosts: None,
            plan: &self.plan,
        };
        trial.run(&subject, station, exports, stop)
    }
}
