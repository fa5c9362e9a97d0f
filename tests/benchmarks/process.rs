//! Servers in processes of their own, on a processor of their own, whose time the kernel accounts.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{datagrams, server};

/// What serves under this name.
pub(crate) fn minimal(name: &str) -> Option<fn() -> Result<()>> {
    match name {
        server::MINIMAL => Some(server::minimal_server),
        datagrams::SINGLE => Some(datagrams::one_by_one),
        datagrams::MANY => Some(datagrams::in_batches),
        _ => None,
    }
}

/// A server on the first processor, until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Kept open: a server whose output nobody reads ends.
    _output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// What this program is with these words. The first line of each server names the address.
    pub(crate) fn start(words: &[&str]) -> Result<Self> {
        pin(0);
        let mut command = Command::new(env::current_exe()?);
        command.args(words);
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start a server")?;
        let mut output = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(|word| word.trim_end_matches(','));
        let address = words.find_map(|word| word.parse().ok()).context("no address")?;
        Ok(Self { child, _output: output, address })
    }

    /// User and system time so far: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has no state that a kill could harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn pin(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor);
    if sched_setaffinity(None, &set).is_err() {
        eprintln!("cannot pin to processor {processor}: the figures scatter more");
    }
}

/// The middle one of a value of each sample.
pub(crate) fn median<S>(samples: &[S], value: impl Fn(&S) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
