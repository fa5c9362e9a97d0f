//! The load of all servers: that of `hosted rate`.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use echo_instruments::load::{self, Observer};
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, percentile};
use echo_instruments::plan::{Plan, Protocol};
use echo_instruments::signals::Stop;
use hosted::datagrams::UdpSockets;
use hosted::sockets;

use crate::process::Process;

/// The message of the original programs.
pub(crate) const LENGTH: usize = 1000;

/// Messages on so many connections for this long.
pub(crate) fn plan(connections: u16, time: Duration) -> Plan {
    let limit = Some(Duration::from_secs(10));
    Plan { connections, length: LENGTH as u64, limit, time: Some(time), ..Plan::new() }
}

pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Carries out the plan; no message may fail.
pub(crate) fn offer(address: SocketAddr, plan: &Plan) -> Result<Measurement> {
    observed(address, plan, &mut |_: &Measurement| {})
}

/// The same, while somebody observes it.
pub(crate) fn observed(
    address: SocketAddr,
    plan: &Plan,
    observer: &mut dyn Observer,
) -> Result<Measurement> {
    let stop = Stop::new()?;
    let out = match plan.protocol {
        Protocol::Tcp => sockets::measure(plan, connect(address)?, &stop, observer)?,
        Protocol::Udp => {
            let mut sockets = UdpSockets::new(plan, address, Vec::new())?;
            load::run_datagrams(plan, &mut sockets, &stop, observer)?
        }
    };
    ensure!(out.tally.failures() == 0, "{address}: {:?}", out.incidents);
    ensure!(out.tally.echoed() > 0, "{address}: nothing came back");
    Ok(out)
}

/// The same, and the seconds that an echo cost the server.
pub(crate) fn costs(server: &Process, plan: &Plan) -> Result<(Measurement, f64)> {
    let mut meter = Meter { server, readings: Vec::new() };
    let out = observed(server.address, plan, &mut meter)?;
    meter.read(out.tally.echoed());
    let readings = meter.readings.into_iter().collect::<Result<Vec<_>>>()?;
    let [first, second, ..] = *readings else { bail!("{}: the run did not begin", server.address) };
    let last = *readings.last().expect("there are two");
    // The eighth of a second at the beginning is left out: the server may still be accepting connections.
    let (time, echoed) = if 2 * second.1 > last.1 { first } else { second };
    Ok((out, (last.0 - time).as_secs_f64() / (last.1 - echoed) as f64))
}

/// Reads the clock of the server, and the number of echoes: when the first message is about to start, and at every look.
struct Meter<'a> {
    server: &'a Process,
    readings: Vec<Result<(Duration, u64)>>,
}

impl Meter<'_> {
    fn read(&mut self, echoed: u64) {
        self.readings.push(self.server.processor_time().map(|time| (time, echoed)));
    }
}

impl Observer for Meter<'_> {
    fn ready(&mut self) {
        self.read(0);
    }

    fn look(&mut self, so_far: &Measurement) {
        self.read(so_far.tally.echoed());
    }
}

/// The median round trip in seconds.
pub(crate) fn median(out: &Measurement) -> Result<f64> {
    Ok(percentile(&out.times, MEDIAN).context("too few came back")?.as_secs_f64())
}

pub(crate) fn per_second(out: &Measurement) -> Result<f64> {
    out.messages_per_second().context("nothing came back")
}
