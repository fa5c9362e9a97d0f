//! Opens the interface, prepares both of its sides, and runs the server or a measurement on it.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use echo_instruments::check::{self, Check, datagrams};
use echo_instruments::files::Output;
use echo_instruments::signals::{Stop, survive_file_size_limit};
use echo_instruments::trial::Trial;
use echo_instruments::verdict::Verdict;
use echo_smoltcp::smoltcp::phy::{Device, PcapMode, PcapWriter};

use crate::cli::{Cli, Command};
use crate::host_side::HostSide;
use crate::measure::Measuring;
use crate::plan::{Line, Serving};
use crate::record::Record;
use crate::serve::serve;
use crate::tap::{self, Tap};
use crate::wait::{UnixClock, Waiter};
use crate::wire::Wire;

/// Runs the program.
///
/// # Errors
///
/// If something could not be resolved, connected to, opened, prepared or written (exit code 3), or
/// if addresses cannot work (exit code 2).
pub fn run(cli: &Cli) -> Result<Verdict> {
    if let Some(Command::About(about)) = &cli.command {
        return Cli::line().tell(about);
    }
    if let Some(Command::Check(args)) = &cli.command
        && args.list
    {
        return check::list(args);
    }
    survive_file_size_limit().context("cannot catch signals")?;
    let stop = Stop::on_signals().context("cannot catch signals")?;
    let own = !cli.iface.as_deref().is_some_and(tap::exists);
    let mut line = Line::of(cli, own)?;
    let work = Work::of(cli, &line, &stop)?;
    let pcap = cli.pcap.as_deref().map(Output::open).transpose()?;
    let mut tap = Tap::open(&line.iface)?;
    let host = HostSide::prepare(&line)?;
    tap.set_mtu(host.mtu());
    line.addresses = host.reachable().into();
    tap.set_offload(line.offload)?;
    // Not earlier: a start that fails must not destroy an older record.
    let clock = UnixClock::start();
    let record = Record::new(pcap, clock)?;
    let loss = record.loss();

    let watch = tap.watch();
    let spin = work.spin(&line);
    let waiter = Waiter::new(&tap, &line.iface, Rc::clone(&watch), clock, &stop, spin)?;
    let verdict = if !line.manner.is_faultless() {
        let recorded = PcapWriter::new(tap, record, PcapMode::Both);
        let wire = Wire::new(recorded, line.manner, line.seed, move || clock.now(), watch);
        work.run(&line, wire, waiter, &stop)
    } else if record.is_wanted() {
        work.run(&line, PcapWriter::new(tap, record, PcapMode::Both), waiter, &stop)
    } else {
        work.run(&line, tap, waiter, &stop)
    }?;
    Rc::into_inner(loss).and_then(OnceCell::into_inner).map_or(Ok(verdict), Err)
}

/// The server or a measurement, on any device.
enum Work<'c> {
    Serve(Box<Serving>),
    Measure(Box<Measuring<'c>>),
}

impl<'c> Work<'c> {
    fn of(cli: &'c Cli, line: &Line, stop: &'c Stop) -> Result<Self> {
        Ok(match &cli.command {
            None | Some(Command::About(_)) => Self::Serve(Serving::of(&cli.server, line)?.into()),
            Some(Command::Rate(args)) => {
                Self::measure(Measuring::of(Trial::from(args), &args.way, line)?)
            }
            Some(Command::FailRate(args)) => {
                Self::measure(Measuring::of(Trial::from(args), &args.way, line)?)
            }
            Some(Command::Check(args)) if args.udp => {
                let check = datagrams::Check::new(args, stop)?;
                Self::measure(Measuring::of((check, args), &args.way, line)?)
            }
            Some(Command::Check(args)) => {
                Self::measure(Measuring::of(Check::new(args, stop)?, &args.way, line)?)
            }
        })
    }

    fn measure(measuring: Measuring<'c>) -> Self {
        Self::Measure(Box::new(measuring))
    }

    /// How long to busy-wait for frames before sleeping.
    fn spin(&self, line: &Line) -> Duration {
        match self {
            Self::Serve(_) => line.spin,
            Self::Measure(measuring) => measuring.plan.spin,
        }
    }

    fn run(self, line: &Line, device: impl Device, waiter: Waiter, stop: &Stop) -> Result<Verdict> {
        match self {
            Self::Serve(plan) => serve(*plan, line, device, waiter, stop).map(|()| Verdict::Well),
            Self::Measure(measuring) => measuring.run(line, device, waiter, stop),
        }
    }
}
