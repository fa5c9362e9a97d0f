//! The list on `lwip.c`: the core behind its C interface, under the callbacks of lwIP, which has a
//! TAP to itself in a network namespace.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use echo_core::Rules;
use rustix::process::Signal;

use crate::c::{self, Recipe, SANITIZERS};
use crate::peers::{connect, fill, it_sleeps_beside};
use crate::program::{PATIENCE, Program, echoes_ten_thousand_messages};
use crate::sockets::over_sockets;
use crate::{list, namespace, program};

/// For all tests together; they take about 20 s.
const LIMIT: Duration = Duration::from_secs(600);

const LIBRARIES: &[&str] = &["-isystem", "/usr/include/lwip", "-llwip"];
const PACKAGES: &str = "gcc liblwip-dev";

/// lwIP for one thing after the other.
const PLAIN: Recipe<'_> = Recipe {
    files: &["examples/lwip.c", "examples/lwip_tap.c"],
    libraries: LIBRARIES,
    packages: PACKAGES,
};

/// lwIP whose memory is now and then used up.
const SHORT: Recipe<'_> = Recipe {
    files: &["examples/lwip.c", "examples/lwip_tap.c", "tests/lwip_short.c"],
    libraries: LIBRARIES,
    packages: PACKAGES,
};

const WRAPPED: &str = "-Wl,--wrap=tcp_write,--wrap=tcp_shutdown,--wrap=tcp_close";

fn build(flags: &[&str], recipe: &Recipe<'_>) -> Option<PathBuf> {
    // With lwIP's headers strict C99 lacks `ssize_t`.
    c::build("cc", &[&["-std=gnu99"], flags].concat(), recipe)
}

#[test]
fn on_a_real_tap() {
    // What is missing is said once, and out here the library can be built.
    if build(&["-O2"], &PLAIN).is_some() {
        namespace::run_inside("lwip.c", LIMIT);
    }
}

fn start(program: &Path, rules: Rules) -> Program {
    static TAP: Once = Once::new();
    TAP.call_once(make_tap);
    Program::start(program, rules, "tap0", Ipv4Addr::new(192, 168, 69, 1).into())
}

/// Once in the namespace: programs come and go behind it.
fn make_tap() {
    namespace::assert_inside();
    for command in [
        "tuntap add tap0 mode tap",
        "addr add 192.168.69.100/24 dev tap0",
        "addr add fdaa::100/64 dev tap0 nodad",
        "link set tap0 up",
    ] {
        let status = Command::new("ip").args(command.split(' ')).status().expect("it is there");
        assert!(status.success(), "ip {command}");
    }
}

fn start_plain(rules: Rules) -> Program {
    start(&build(&["-O2"], &PLAIN).expect("it was there a moment ago"), rules)
}

fn passes(flags: &[&str], recipe: &Recipe<'_>, signal: Signal) {
    let program = build(flags, recipe).expect("it was there a moment ago");
    list::all_pass(&[], |needs, check| {
        let server = start(&program, needs.rules());
        over_sockets(needs, server.address, check);
        server.stop(signal);
    });
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_passes() {
    passes(&["-O2"], &PLAIN, Signal::INT);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_passes_with_all_of_its_memory_watched() {
    passes(SANITIZERS, &PLAIN, Signal::TERM);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_passes_when_memory_is_short() {
    passes(&[SANITIZERS, &[WRAPPED]].concat(), &SHORT, Signal::TERM);
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn ten_thousand_messages_come_back() {
    echoes_ten_thousand_messages(&start_plain(Rules::default()));
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn no_message_waits_for_an_ack() {
    program::no_message_waits_for_an_ack(&start_plain(Rules::default()));
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_sleeps_whatever_its_peers_do() {
    it_sleeps_beside(&start_plain(Rules::default()));
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_speaks_ipv6() {
    let server = start_plain(Rules::default());
    let address = (Ipv6Addr::new(0xfdaa, 0, 0, 0, 0, 0, 0, 1), server.address.port());
    let mut stream = connect(address.into());
    stream.write_all(b"hello").expect("a connection");
    stream.shutdown(Shutdown::Write).expect("a connection");
    let mut echo = String::new();
    stream.read_to_string(&mut echo).expect("a connection");
    assert_eq!(echo, "hello");
}

/// lwIP would keep what nobody takes for as long as the peer answers its probes.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_peer_that_reads_nothing_is_reset_at_the_idle_limit() {
    let idle = Some(Duration::from_secs(1));
    let server = start_plain(Rules { idle, ..Rules::default() });
    let mut stuck = fill(connect(server.address));
    stuck.set_write_timeout(Some(PATIENCE)).expect("a time");
    let error = stuck.write_all(&[7; 1 << 20]).expect_err("nothing more is taken");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
