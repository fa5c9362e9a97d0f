//! What the tables were measured on.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// The machine, its kernel and the compiler, in one sentence.
pub(crate) fn described(quick: bool) -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let find = |name| info.lines().find(|line| line.starts_with(name))?.split_once(':');
    let model = find("model name").map_or("unknown processor", |(_, name)| name.trim());
    let guest = find("flags").is_some_and(|(_, flags)| flags.contains(" hypervisor"));
    let system = rustix::system::uname();
    let told = |words: &[&str]| {
        let out = Command::new(words[0]).args(&words[1..]).output().ok()?;
        let text = String::from_utf8(out.stdout).ok()?;
        Some(text.split(" (").next()?.trim().to_owned())
    };
    let mut parts = vec![
        model.to_owned(),
        format!("{} processors", available_parallelism().map_or(1, usize::from)),
        format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy()),
        told(&["rustc", "--version"]).unwrap_or_else(|| "unknown compiler".into()),
    ];
    if guest {
        parts.insert(2, "a virtual machine".into());
    }
    if cfg!(debug_assertions) {
        parts.push("not optimised".into());
    }
    if quick {
        parts.push("one short round, which says nothing".into());
    }
    parts.join(", ")
}
