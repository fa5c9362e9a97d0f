//! One list of cases on every stack: the operating system's over the loopback, from Rust with and
//! without tasks and from C; lwIP, from C; in virtual time smoltcp, and connections in memory. The list of UDP over the loopback and from another host.
//! `tap-demo` runs the same list over a real TAP. And the list itself: servers that are wrong in a
//! known way fail the right cases, and no others.

#[path = "../../core/async/examples/sockets.rs"]
#[expect(dead_code, reason = "its own command line")]
mod async_sockets;
mod asynchronous;
#[cfg(unix)]
mod c;
#[path = "../../core/smoltcp/tests/simulation/cable.rs"]
#[expect(dead_code, reason = "its own tests do more to it")]
mod cable;
#[cfg(target_os = "linux")]
mod guide;
#[cfg(target_os = "linux")]
mod hosts;
mod list;
mod list_udp;
mod loopback;
#[cfg(target_os = "linux")]
mod lwip;
#[cfg(unix)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no TAP"))]
#[path = "../namespace.rs"]
mod namespace;
mod pair;
#[cfg(target_os = "linux")]
mod peers;
mod planted;
mod planted_udp;
#[cfg(unix)]
mod posix;
#[cfg(unix)]
mod program;
mod servers;
mod simulated;
mod sockets;
mod tasks;
