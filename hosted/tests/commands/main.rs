//! The commands of `hosted` from outside: the binary and its output, or the
//! library's server, with real sockets on the loopback.
//!
//! Every wait is bounded by [`support::PATIENCE`]; nothing is asserted on speed.

mod activation;
mod arrivals;
mod check;
mod compare;
mod completions;
mod datagrams;
mod draining;
mod effort;
mod exports;
mod fail_rate;
mod fairness;
mod faulty;
mod files;
#[cfg(target_os = "linux")]
mod icmp;
mod inetds;
mod limits;
mod loss;
mod merge;
mod metrics;
mod network;
mod passages;
mod piping;
mod ports;
mod progress;
mod pty;
mod rate;
mod repeat;
mod restarting;
mod search;
mod server;
mod slow_readers;
mod standard_output;
mod stopping;
mod support;
mod suspended;
mod udp;
mod unread;
mod usage;
