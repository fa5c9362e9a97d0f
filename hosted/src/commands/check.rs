//! `hosted check`: turns flags into sockets over which the cases are carried out.

use anyhow::{Context, Result};
use echo_cases::Needs;
use echo_instruments::args::CheckArgs;
use echo_instruments::check::{self, Check, Subject, datagrams};
use echo_instruments::descriptors;
use echo_instruments::signals::Stop;
use echo_instruments::verdict::Verdict;

use crate::address::{self, Opened};
use crate::cli::WayArgs;
use crate::datagrams::Unconnected;
use crate::server::Local;
use crate::sockets::Sockets;

/// Carries out the cases, and prints the results.
///
/// # Errors
///
/// If a name is unknown, or no server can be connected to.
pub(super) fn main(args: &CheckArgs<WayArgs>) -> Result<Verdict> {
    if args.list {
        return check::list(args);
    }
    let stop = Stop::on_signals().context("cannot catch signals")?;
    if args.udp {
        return over_udp(args, &stop);
    }
    let check = Check::new(args, &stop)?;
    if args.way.local { own(check.unpaced(), args, &stop) } else { anybody(check, args, &stop) }
}

/// A server is started for each of the rules that a case needs.
fn own(mut check: Check<'_>, args: &CheckArgs<WayArgs>, stop: &Stop) -> Result<Verdict> {
    let (mut subject, mut sources) = (None, args.way.bind.clone());
    for needs in check.servers() {
        let local = Local::with(needs.rules())?;
        let address = local.address();
        let addresses = address::reachable(vec![address], &sources)?;
        let first = address::connect_from(&sources, &addresses, args.timeout.0)?;
        // From now on only those of its family, so that the others are named once.
        sources = address::used(&sources, address);
        let mut sockets = sockets(&check, first, 2)?.from(sources.clone());
        stop.arm();
        check.run(needs, &mut sockets)?;
        subject.get_or_insert(Subject { name: "this process".into(), address });
    }
    check.finish(&subject.context("there is no case to run")?)
}

fn anybody(mut check: Check<'_>, args: &CheckArgs<WayArgs>, stop: &Stop) -> Result<Verdict> {
    let way = &args.way;
    way.to.family.admit_all(&way.bind)?;
    let addresses = address::reachable(way.to.resolve()?, &way.bind)?;
    let first = address::connect_from(&way.bind, &addresses, args.timeout.0)?;
    let address = first.stream.peer_addr().context("the connection was lost at once")?;
    let sources = address::used(&way.bind, address);
    let mut sockets = sockets(&check, first, 1)?.from(sources);
    stop.arm();
    check.run(Needs::Echo, &mut sockets)?;
    check.finish(&Subject { name: way.to.target().called(address), address })
}

/// As many as are open at once; so many `ends` of each are here.
fn sockets(check: &Check<'_>, first: Opened, ends: u64) -> Result<Sockets> {
    let plan = check.plan();
    descriptors::suffice_for(
        plan.connections.into(),
        "connection",
        ends,
        "leave cases out with --skip",
    )?;
    Sockets::new(&plan, first)
}

/// The cases of UDP.
fn over_udp(args: &CheckArgs<WayArgs>, stop: &Stop) -> Result<Verdict> {
    let mut check = datagrams::Check::new(args, stop)?;
    let way = &args.way;
    way.to.family.admit_all(&way.bind)?;
    let local = if way.local { Some(Local::start()?) } else { None };
    let addresses = match &local {
        Some(local) => vec![local.address()],
        None => address::reachable(way.to.resolve()?, &way.bind)?,
    };
    let sockets = datagrams::Check::SOCKETS.max(addresses.len()) as u64;
    descriptors::suffice_for(sockets, "local port", 1, "leave cases out with --skip")?;
    let mut sockets = Unconnected::new(way.bind.clone());
    let address = datagrams::reach(&mut sockets, &addresses, args.timeout.0, stop)?;
    let server = datagrams::Server::new(address, args)?;
    stop.arm();
    check.run(&server, &mut sockets)?;
    let name = match local {
        Some(_) => "this process".into(),
        None => way.to.target().called(address),
    };
    check.finish(&Subject { name, address })
}
