//! A network namespace of its own, in which TAP interfaces can be made.

use std::env;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::ip;

/// Set inside the namespace.
const INSIDE: &str = "ECHO_BENCHMARK_NAMESPACE";

/// From here on this program runs in a namespace that ends with it.
pub(crate) fn enter() -> Result<()> {
    if env::var_os(INSIDE).is_some() {
        return ip("link set lo up");
    }
    let tun = File::options().read(true).write(true).open("/dev/net/tun");
    tun.context("cannot open /dev/net/tun (be root)")?;
    for flags in ["-n", "-Urn"] {
        let tried = Command::new("unshare").args([flags, "true"]).stderr(Stdio::null()).status();
        if tried.context("cannot run unshare (Debian package util-linux)")?.success() {
            let mut inside = Command::new("unshare");
            inside.args([flags, "--kill-child"]);
            inside.arg(env::current_exe()?).args(env::args_os().skip(1)).env(INSIDE, "yes");
            return Err(inside.exec()).context("cannot run unshare");
        }
    }
    bail!("cannot make a network namespace (be root)")
}
