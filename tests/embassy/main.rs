//! The list on embassy-net: `core/async/examples/embassy`, which has a TAP to itself in a network
//! namespace. Its many crates are fetched and built only by its own `run`; where that was not done,
//! one line says so.

#![cfg(target_os = "linux")]

#[path = "../check/list.rs"]
mod list;
#[path = "../namespace.rs"]
mod namespace;
#[path = "../check/program.rs"]
#[expect(dead_code, reason = "it ends without a word")]
mod program;
#[path = "../check/sockets.rs"]
#[expect(dead_code, reason = "the server is another")]
mod sockets;

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use echo_core::Rules;

use crate::program::{Program, echoes_ten_thousand_messages};
use crate::sockets::over_sockets;

/// For all tests together; they take about 30 s.
const LIMIT: Duration = Duration::from_secs(600);

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/async/examples/embassy");
const TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../embassy");
const SERVER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../embassy/debug/echo-embassy");

#[test]
fn on_a_real_tap() {
    let what = "embassy-net on a real TAP";
    if !Path::new(SERVER).exists() {
        return namespace::skip(what, "core/async/examples/embassy/run has not built it");
    }
    // It may have changed since.
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--locked"]).current_dir(FOLDER).env("CARGO_TARGET_DIR", TARGET);
    let built = command.output().expect("it runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    namespace::run_inside(what, LIMIT);
}

/// Inside of the namespace.
fn start(rules: Rules) -> Program {
    static TAP: Once = Once::new();
    TAP.call_once(|| {
        namespace::assert_inside();
        let commands =
            ["tuntap add tap0 mode tap", "addr add 192.168.69.100/24 dev tap0", "link set tap0 up"];
        for command in commands {
            let status = Command::new("ip").args(command.split(' ')).status().expect("it is there");
            assert!(status.success(), "ip {command}");
        }
    });
    Program::start(Path::new(SERVER), rules, "tap0", Ipv4Addr::new(192, 168, 69, 1).into())
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn it_passes() {
    list::all_pass(&[], |needs, check| {
        let server = start(needs.rules());
        over_sockets(needs, server.address, check);
    });
}

/// Over fewer connections than it has sockets: it would refuse the others.
#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn ten_thousand_messages_come_back() {
    echoes_ten_thousand_messages(&start(Rules::default()));
}
