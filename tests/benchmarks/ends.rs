//! Both ends of a benchmark: in a network namespace of its own, each pinned to a core.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_setaffinity};

const INSIDE: &str = "TAP_DEMO_BENCH_NAMESPACE";

/// The client's core.
pub(crate) const CLIENT: usize = 0;

/// From here on the program runs in a network namespace of its own.
pub(crate) fn enter() -> Result<()> {
    if env::var_os(INSIDE).is_none() {
        let program = env::current_exe()?;
        let mut inside = Command::new("unshare");
        inside
            .args(["-n", "--kill-child"])
            .arg(program)
            .args(env::args().skip(1))
            .env(INSIDE, "yes");
        return Err(inside.exec()).context("cannot make a network namespace");
    }
    command("ip link set lo up")
}

/// What is started here, threads and processes, runs on this core; then we are
/// back on the client's.
pub(crate) fn pinned<T>(core: usize, start: impl FnOnce() -> Result<T>) -> Result<T> {
    pin(core)?;
    let started = start();
    pin(CLIENT)?;
    started
}

pub(crate) fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).context("cannot pin")
}

pub(crate) struct TapDemo {
    child: Child,
    pub(crate) address: SocketAddr,
    /// It ends when nobody reads its log any more.
    _log: BufReader<ChildStdout>,
}

impl TapDemo {
    pub(crate) fn start(core: usize, arguments: &[&str]) -> Result<Self> {
        let mut child = pinned(core, || {
            Command::new(env::current_exe()?)
                .args(["tap-demo", "--iface", "tap0", "-q"])
                .args(arguments)
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start tap-demo")
        })?;
        let mut log = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let mut lines = log.by_ref().lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("mode ")), "tap-demo does not start");
        Ok(Self { child, address: SocketAddr::from(([192, 168, 69, 1], 2333)), _log: log })
    }
}

impl Drop for TapDemo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn command(line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let program = words.next().context("an empty command")?;
    let status = Command::new(program).args(words).status().context("cannot run ip")?;
    anyhow::ensure!(status.success(), "{line}: {status}");
    Ok(())
}
