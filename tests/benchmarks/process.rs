//! Servers in processes of their own, on a processor of their own, whose time and memory the kernel accounts.

use std::collections::HashMap;
use std::env;
use std::fs::{self, DirEntry};
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{ANY, ON};

/// The processors of the two ends.
pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// `hosted server`, and what each is told.
const HOSTED: [&str; 7] = ["hosted", "server", "--ip", "127.0.0.1", "--port", "0", "--quiet"];

/// A server, until it is dropped.
pub(crate) struct Process {
    child: Child,
    clock: ClockId,
    /// Kept open: a server whose output nobody reads ends.
    _output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// What this program is with these words, on this processor. It prints its address.
    pub(crate) fn start(processor: usize, words: &[&str]) -> Result<Self> {
        Self::until(&processor.to_string(), words, named)
    }

    /// `hosted server`, with these flags as well.
    pub(crate) fn hosted(processor: usize, flags: &[&str]) -> Result<Self> {
        Self::start(processor, &[&HOSTED, flags].concat())
    }

    /// The same, pinned to no processor.
    pub(crate) fn hosted_anywhere(flags: &[&str]) -> Result<Self> {
        Self::until(ANY, &[&HOSTED, flags].concat(), named)
    }

    /// `tap-demo`, with these flags as well.
    pub(crate) fn tap_demo(processor: usize, flags: &[&str]) -> Result<Self> {
        let usual = ["tap-demo", "--iface", "tap0", "--quiet"];
        let address = SocketAddr::from((Ipv4Addr::new(192, 168, 69, 1), 2333));
        let serves = |line: &str| line.contains("mode ").then_some(address);
        Self::until(&processor.to_string(), &[&usual, flags].concat(), serves)
    }

    /// A line of its output tells its address.
    fn until(
        processor: &str,
        words: &[&str],
        address: impl Fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args([ON, processor]).args(words).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a server")?;
        let mut output = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut lines = output.by_ref().lines().map_while(Result::ok);
        let Some(address) = lines.find_map(|line| address(&line)) else {
            child.wait()?;
            anyhow::bail!("{} does not serve", words.join(" "));
        };
        let clock = clock_getcpuclockid(Pid::from_raw(child.id().try_into()?))?;
        Ok(Self { child, clock, _output: output, address })
    }

    /// User and system time so far, of threads that have ended as well.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        Ok(self.clock.now()?.into())
    }

    /// The processor time of each of its threads so far, in seconds.
    pub(crate) fn threads(&self) -> Result<HashMap<PathBuf, f64>> {
        let time = |thread: io::Result<DirEntry>| {
            let thread = thread?.path();
            let times = fs::read_to_string(thread.join("schedstat"))?;
            let running = times.split(' ').next().context("schedstat is empty")?;
            let seconds = running.parse::<f64>()? / 1e9;
            Ok((thread, seconds))
        };
        fs::read_dir(format!("/proc/{}/task", self.child.id()))?.map(time).collect()
    }

    /// The bytes that are resident, and the most that were.
    pub(crate) fn memory(&self) -> Result<[f64; 2]> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kilobytes = |name| {
            let mut lines = status.lines();
            let value = lines.find_map(|line: &str| line.strip_prefix(name))?;
            value.trim().trim_end_matches(" kB").parse::<f64>().ok()
        };
        let both = kilobytes("VmRSS:").zip(kilobytes("VmHWM:"));
        let (now, most) = both.context("the kernel does not tell the memory of a process")?;
        Ok([now * 1024.0, most * 1024.0])
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has no state that a kill could harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps a processor from sleeping, until it is dropped: it takes no time that anybody else wants.
///
/// A virtual machine gives a processor back that sleeps. What that costs is neither end's, and where both wait for each other it takes
/// longer than all that they do.
pub(crate) struct Awake(Child);

impl Awake {
    pub(crate) fn start(processor: usize) -> Result<Self> {
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(env::current_exe()?);
        command.args([ON, &processor.to_string(), "awake"]);
        Ok(Self(command.spawn().context("cannot run chrt (Debian package util-linux)")?))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The address that a line names.
fn named(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace().map(|word| word.trim_end_matches(','));
    words.find_map(|word| word.parse().ok())
}

/// Lets this thread, and those that it starts, run on one processor only.
pub(crate) fn pin(processor: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(processor);
    sched_setaffinity(None, &set)
        .with_context(|| format!("cannot run on processor {processor}: two are needed"))
}

/// Runs `ip` with these words.
pub(crate) fn ip(words: &str) -> Result<()> {
    let status = Command::new("ip").args(words.split(' ')).status();
    let status = status.context("cannot run ip (Debian package iproute2)")?;
    anyhow::ensure!(status.success(), "ip {words}: {status}");
    Ok(())
}
