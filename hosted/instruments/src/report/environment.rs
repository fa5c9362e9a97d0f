//! The machine on which a run was made.

use serde_json::{Value, json};

/// The name of the machine.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The operating system, its kernel and the processor, as far as they are known.
pub(super) fn environment() -> Value {
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    json!({
        "os": text(system.sysname()),
        "kernel": text(system.release()),
        "arch": text(system.machine()),
        "cpu": processor(),
        "cpus": std::thread::available_parallelism().ok().map(usize::from),
    })
}

/// The name of the processor, as Linux reports it.
fn processor() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
