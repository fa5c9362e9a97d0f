//! Servers in processes of their own, on a processor of their own, whose time and memory the kernel accounts.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::ON;

/// The processors of the two ends.
pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

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
        Self::until(processor, words, |line| {
            let mut words = line.split_whitespace().map(|word| word.trim_end_matches(','));
            words.find_map(|word| word.parse().ok())
        })
    }

    /// `hosted server`, with these flags as well.
    pub(crate) fn hosted(processor: usize, flags: &[&str]) -> Result<Self> {
        let usual = ["hosted", "server", "--ip", "127.0.0.1", "--port", "0", "--quiet"];
        Self::start(processor, &[&usual, flags].concat())
    }

    /// `tap-demo`, with these flags as well.
    pub(crate) fn tap_demo(processor: usize, flags: &[&str]) -> Result<Self> {
        let usual = ["tap-demo", "--iface", "tap0", "--quiet"];
        let address = SocketAddr::from((Ipv4Addr::new(192, 168, 69, 1), 2333));
        let serves = |line: &str| line.contains("mode ").then_some(address);
        Self::until(processor, &[&usual, flags].concat(), serves)
    }

    /// A line of its output tells its address.
    fn until(
        processor: usize,
        words: &[&str],
        address: impl Fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args([ON, &processor.to_string()]).args(words).stdout(Stdio::piped());
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
