//! Opens the interface, prepares both of its sides, and hands it, in its layers,
//! to the loop.

use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use echo_instruments::files::Output;
use echo_instruments::quantity::given::Time;
use echo_instruments::signals::{Stop, survive_file_size_limit};
use echo_instruments::verdict::Verdict;
use echo_smoltcp::smoltcp::phy::{Device, PcapMode, PcapWriter};

use crate::cli::Cli;
use crate::host_side;
use crate::probe::probe;
use crate::record::Record;
use crate::serve::serve;
use crate::tap::{Tap, Watch};
use crate::wait::Waiter;
use crate::wire::{FRAMES, Wire};

/// Runs the program.
///
/// # Errors
///
/// What could not be opened, prepared or written: exit code 3.
pub fn run(cli: &Cli) -> Result<Verdict> {
    let seed = cli.seed.unwrap_or_else(seed_of_the_day);
    survive_file_size_limit().context("cannot catch signals")?;
    let stop = Stop::on_signals().context("cannot catch signals")?;
    let pcap = cli.pcap.as_deref().map(Output::open).transpose()?;
    stop.arm();
    let mut tap = Tap::open(&cli.iface)?;
    let link = host_side::prepare(cli)?;
    tap.set_mtu(link.mtu());
    tap.set_offload(cli.offload)?;
    // Not before: an older record outlives a start that fails.
    let record = Record::new(pcap)?;

    let watch = tap.watch();
    let spin = cli.spin.map_or(Duration::ZERO, |Time(spin)| spin);
    let waiter = Waiter::new(tap.as_raw_fd(), Rc::clone(&watch), &stop, spin)?;
    let task = Task { cli, seed, waiter, stop, watch };
    if cli.faults.any() {
        let recorded = PcapWriter::new(tap, record, PcapMode::Both);
        let watch = Rc::clone(&task.watch);
        let clock = task.waiter.clock();
        let wire = Wire::new(recorded, cli.faults.manner(), seed, move || clock.now(), watch);
        task.run(wire)
    } else if record.is_wanted() {
        task.run(PcapWriter::new(tap, record, PcapMode::Both))
    } else {
        task.run(tap)
    }
}

/// What is to be done, on whatever device.
pub(crate) struct Task<'c> {
    pub(crate) cli: &'c Cli,
    pub(crate) seed: u64,
    pub(crate) waiter: Waiter,
    pub(crate) stop: Stop,
    pub(crate) watch: Rc<Watch>,
}

impl Task<'_> {
    fn run(self, device: impl Device) -> Result<Verdict> {
        match &self.cli.probe {
            Some(target) => probe(self, device, target),
            None => serve(self, device).map(|()| Verdict::Well),
        }
    }

    /// How many frames were lost on our side of the line, and how.
    pub(crate) fn losses(&self) -> [(u64, String); 2] {
        [
            (self.watch.unsent.get(), "frames were not taken by the interface".into()),
            (self.watch.overrun.get(), format!("frames were lost because {FRAMES} were under way")),
        ]
    }

    /// Whether the interface is still there.
    ///
    /// # Errors
    ///
    /// What the kernel said when it was not.
    pub(crate) fn check(&self) -> Result<()> {
        match self.watch.broken.take() {
            None => Ok(()),
            Some(error) => {
                Err(error).with_context(|| format!("the interface {} is gone", self.cli.iface))
            }
        }
    }
}

fn seed_of_the_day() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_nanos() as u64
}
