//! The other direction: this stack asks, a server on the host answers, and the
//! report is that of `hosted`.

use std::net::SocketAddr;
use std::slice;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use echo_core::{Endpoint, Failure, IdleTimer, Instant, Payload, Probe};
use echo_instruments::measurement::{Ended, Measurement, Sample};
use echo_instruments::plan::Plan;
use echo_instruments::quantity::given::{Limit, Time};
use echo_instruments::report::{self, Subject};
use echo_instruments::target::Target;
use echo_instruments::terminal::notes::note;
use echo_instruments::verdict::Verdict;
use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::smoltcp::phy::Device;
use echo_smoltcp::{Client, Connection};

use crate::run::Task;
use crate::serve::interface;

/// How long connecting, and each message, may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How long the peer has to answer our FIN.
const FAREWELL: Duration = Duration::from_secs(1);

/// The window from which a message is written, in bytes.
const WINDOW: usize = 4096;

/// Measures until the plan or a signal says that it is enough, and prints the
/// report.
///
/// # Errors
///
/// If there is no connection, the interface disappears, or stdout is gone.
pub(crate) fn probe(task: Task<'_>, mut device: impl Device, target: &Target) -> Result<Verdict> {
    let cli = task.cli;
    let address = resolve(target, cli.port)?;
    let interface = interface(&task, &mut device)?;
    let mut storage = SocketStorage::EMPTY;
    let mut rings = [vec![0; cli.rx_buffer as usize], vec![0; cli.tx_buffer as usize]];
    let [receive, send] = &mut rings;
    let mut client = Client::new(interface, slice::from_mut(&mut storage), task.seed);
    let connection = client.add(receive, send);
    let run = task.seed as u16;
    let plan = Plan {
        payload: Payload::Seq { run, connection: 0 },
        length: cli.load.length,
        limit: cli.timeout.map_or(Some(LIMIT), |Limit(limit)| limit),
        count: cli.load.count,
        time: cli.load.time.map(|Time(time)| time),
        ..Plan::new()
    };
    let payload = Payload::Seq { run, connection: 0 };
    let probe = Probe::new(payload, plan.length, plan.limit, [0; WINDOW]);
    let mut measuring =
        Measuring { task, device, client, connection, probe, plan: &plan, server: address };

    measuring.connect()?;
    let subject = Subject {
        command: "rate",
        name: address.to_string(),
        address,
        sources: Vec::new(),
        payload: "seq".into(),
        plan: &plan,
    };
    print(&report::header(&subject))?;
    let measurement = measuring.measure()?;
    print(&report::text(&subject, &measurement))?;
    for (count, what) in measuring.task.losses() {
        if count > 0 {
            note(&format!("{count} {what}"));
        }
    }
    Ok(if measurement.tally.failures() == 0 { Verdict::Well } else { Verdict::Failed })
}

/// One connection and what is asked over it.
struct Measuring<'t, 'b, D> {
    task: Task<'t>,
    device: D,
    client: Client<'b>,
    connection: Connection,
    probe: Probe<'static, [u8; WINDOW]>,
    plan: &'t Plan,
    server: SocketAddr,
}

impl<D: Device> Measuring<'_, '_, D> {
    fn connect(&mut self) -> Result<()> {
        let server = self.server;
        let cannot = || format!("cannot connect to {server}");
        self.client.connect(&mut self.connection, server.into()).with_context(cannot)?;
        let mut patience = IdleTimer::new(self.plan.limit);
        patience.restart(self.task.waiter.now());
        while !self.connection.is_open() {
            let now = self.task.waiter.now();
            self.turn(now).with_context(cannot)?;
            if patience.expired(now) {
                bail!("{}: no answer", cannot());
            }
            if self.task.stop.requested() {
                bail!("{}: interrupted", cannot());
            }
            let next = self.client.send(now, &mut self.device);
            self.wait(now, [next, patience.deadline()])?;
        }
        Ok(())
    }

    fn measure(&mut self) -> Result<Measurement> {
        let mut measurement = Measurement::new();
        let start = self.task.waiter.now();
        let mut messages = 0;
        self.probe.begin(start, messages);
        loop {
            let now = self.task.waiter.now();
            if let Err(failure) = self.turn(now) {
                self.probe.fail(now, failure);
            }
            let elapsed = now.saturating_duration_since(start);
            measurement.elapsed = elapsed;
            if let Some(end) = self.probe.end() {
                measurement.record(&Sample::new(elapsed, 0, end));
                messages += 1;
                let enough = self.plan.count.is_some_and(|count| messages >= count)
                    || self.plan.time.is_some_and(|time| elapsed >= time);
                if end.is_err() {
                    measurement.ended = Ended::Failed;
                }
                if enough || end.is_err() {
                    break;
                }
                self.probe.begin(now, messages);
                continue;
            }
            if self.task.stop.requested() {
                measurement.ended = Ended::Stopped;
                break;
            }
            let next = self.client.send(now, &mut self.device);
            self.wait(now, [next, self.probe.deadline()])?;
        }
        self.part()?;
        Ok(measurement)
    }

    /// Says goodbye, as TCP should.
    fn part(&mut self) -> Result<()> {
        self.client.close(&self.connection);
        let mut farewell = IdleTimer::new(Some(FAREWELL));
        farewell.restart(self.task.waiter.now());
        while !self.client.is_closed(&self.connection) {
            let now = self.task.waiter.now();
            self.client.receive(now, &mut self.device);
            let next = self.client.send(now, &mut self.device);
            if farewell.expired(now) {
                break;
            }
            self.wait(now, [next, farewell.deadline()])?;
        }
        Ok(())
    }

    /// Takes in what came and moves bytes.
    fn turn(&mut self, now: Instant) -> Result<(), Failure> {
        self.client.receive(now, &mut self.device);
        self.client.pump(&mut self.connection, &mut self.probe, now)
    }

    fn wait(&mut self, now: Instant, deadlines: [Option<Instant>; 2]) -> Result<()> {
        self.task.check()?;
        self.task.waiter.wait(now, deadlines.into_iter().flatten().min())
    }
}

fn resolve(target: &Target, port: u16) -> Result<SocketAddr> {
    let addresses = target.resolve(port)?;
    addresses.first().copied().context("the name has no address")
}

fn print(text: &str) -> Result<()> {
    echo_instruments::terminal::streams::print(format!("{text}\n"))
        .context("cannot write to stdout")
}
