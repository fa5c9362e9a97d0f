//! The number of sockets that this process may have.

use std::fs;

use anyhow::{Result, bail};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::quantity::{count, counted};

/// The files that a run opens beside its connections: for results, and to read about the machine.
const OTHERS: u64 = 16;

/// Raises the limit as far as the system allows without special rights: the default is
/// usually 1024, for the sake of old programs, and a load may have more connections.
///
/// If it cannot be raised far enough, [`suffice_for`] reports it.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Checks that there are enough for `n` of these (connections, local ports), of each of which both
/// ends may be here. If there are not, fewer would help: `or` says how.
///
/// # Errors
///
/// If there are not, with the limit and the number of files that it would have to allow.
pub fn suffice_for(n: u64, these: &str, ends: u64, or: &str) -> Result<()> {
    // If the system does not report a limit, it shows when it is reached.
    let Some(limit) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return Ok(()) };
    let needed = open.count() as u64 + n * ends + OTHERS;
    if needed > limit {
        let [needed, limit] = [needed, limit].map(count);
        bail!(
            "cannot open {}: {needed} open files are needed, and the limit is {limit} (raise it with \
             ulimit -n, or {or})",
            counted(n, these)
        );
    }
    Ok(())
}
