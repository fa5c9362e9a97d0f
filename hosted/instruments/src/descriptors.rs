//! How many sockets this process may have.

use std::fs;

use anyhow::{Result, bail};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::quantity::count;

/// What a run opens beside its connections: files of results, and what tells of the machine.
const OTHERS: u64 = 16;

/// Allows as many as the system gives without special rights: usual is 1024,
/// for the sake of old programs, and a load may be more connections than that.
///
/// Where it cannot be raised, [`suffice_for`] tells.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Whether there are enough for so many connections, of which both ends may be here. Otherwise
/// fewer connections would help: `or` says how.
///
/// # Errors
///
/// If there are not: what the limit is, and how many files it would have to allow.
pub fn suffice_for(connections: u64, ends: u64, or: &str) -> Result<()> {
    // Where the system does not tell, the limit shows when it is reached.
    let Some(limit) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return Ok(()) };
    let needed = open.count() as u64 + connections * ends + OTHERS;
    if needed > limit {
        let [connections, needed, limit] = [connections, needed, limit].map(count);
        bail!(
            "cannot open {connections} connections: {needed} open files are needed, and the limit \
             is {limit} (raise it with ulimit -n, or {or})"
        );
    }
    Ok(())
}
