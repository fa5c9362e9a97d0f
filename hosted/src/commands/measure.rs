//! `hosted rate` and `hosted fail-rate`: turns flags into sockets to measure over.

use anyhow::{Context, Result};
use echo_instruments::descriptors;
use echo_instruments::plan::Protocol;
use echo_instruments::report::Subject;
use echo_instruments::signals::Stop;
use echo_instruments::trial::Trial;
use echo_instruments::verdict::Verdict;

use crate::address;
use crate::cli::WayArgs;
use crate::datagrams::UdpSockets;
use crate::server::Local;
use crate::sockets::Sockets;

/// Measures, prints the report and writes the files.
///
/// # Errors
///
/// If something could not be resolved, connected to, opened or written.
pub(super) fn main(way: &WayArgs, trial: &Trial<'_>) -> Result<Verdict> {
    let stop = Stop::on_signals().context("cannot catch signals")?;
    way.to.family.admit_all(&way.bind)?;
    let plan = trial.plan()?;
    let local = way.local.then(Local::start).transpose()?;
    let addresses = match &local {
        Some(local) => vec![local.address()],
        None => way.to.resolve()?,
    };
    let addresses = address::reachable(addresses, &way.bind)?;
    let subject = |address| Subject {
        program: "hosted",
        command: trial.command,
        name: if local.is_some() { "this process".into() } else { way.to.target().called(address) },
        address,
        sources: address::used(&way.bind, address),
        payload: trial.payload.to_string(),
        labels: &trial.load.label,
        hosts: None,
        plan: &plan,
    };
    // Both ends of a connection may be here; over UDP a server has one socket for all.
    let (links, ends) = match plan.protocol {
        Protocol::Tcp => ("connection", if way.local { 2 } else { 1 }),
        Protocol::Udp => ("local port", 1),
    };
    let suffice = || descriptors::suffice_for(plan.links() as u64, links, ends, "lower --parallel");
    if plan.protocol == Protocol::Udp {
        let address = address::route(&way.bind, &addresses)?;
        let exports = trial.exports()?;
        suffice()?;
        if trial.load.start_at.is_some() {
            trial.approach(&plan)?;
        }
        trial.arm(&stop);
        let subject = subject(address);
        let mut sockets = UdpSockets::new(&plan, address, subject.sources.clone())?;
        return trial.run_datagrams(&subject, &mut sockets, exports, &stop);
    }
    let connect = || address::connect_from(&way.bind, &addresses, plan.limit);
    let first = connect()?;
    let exports = trial.exports()?;
    suffice()?;
    let first = if trial.load.start_at.is_some() {
        // The server would not keep it for ever.
        drop(first);
        trial.approach(&plan)?;
        connect()?
    } else {
        first
    };
    trial.arm(&stop);
    let subject = subject(first.stream.peer_addr().context("the connection was lost at once")?);
    let mut sockets = Sockets::new(&plan, first)?.from(subject.sources.clone());
    trial.run(&subject, &mut sockets, exports, &stop)
}
