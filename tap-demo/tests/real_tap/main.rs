//! `tap-demo` on a real TAP interface, in a network namespace that the test
//! makes itself: no frame leaves it.

mod datagrams;
mod host_side;
#[path = "../../../tests/check/list.rs"]
mod list;
#[path = "../../../tests/check/list_udp.rs"]
mod list_udp;
mod measuring;
#[path = "../../../tests/namespace.rs"]
mod namespace;
mod raw;
#[path = "../../../tests/check/sockets.rs"]
mod sockets;
mod station;
mod stopping;
mod tests;
mod unread;

use std::time::Duration;

/// For all tests together; they take about 30 s unoptimised.
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn on_a_real_tap() {
    namespace::run_inside("tap-demo on a real TAP", LIMIT);
}

pub(crate) use namespace::assert_inside;
