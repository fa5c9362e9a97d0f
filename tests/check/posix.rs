//! The list on `posix.c`: the core behind its C interface, on BSD sockets.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use echo_core::Rules;
use rustix::process::Signal;

use crate::c::{self, Recipe, SANITIZERS};
#[cfg(target_os = "linux")]
use crate::peers::it_sleeps_beside;
use crate::program::{Program, echoes_ten_thousand_messages};
use crate::sockets::over_sockets;
use crate::{list, program};

fn build(flags: &[&str]) -> Option<PathBuf> {
    let recipe = Recipe { files: &["examples/posix.c"], libraries: &[], packages: "gcc" };
    c::build("cc", &[&["-std=c99"], flags].concat(), &recipe)
}

fn start(program: &Path, rules: Rules) -> Program {
    Program::start(program, rules, "0", Ipv4Addr::LOCALHOST.into())
}

fn passes(flags: &[&str], signal: Signal) {
    let Some(program) = build(flags) else { return };
    list::all_pass(&[], |needs, check| {
        let server = start(&program, needs.rules());
        over_sockets(needs, server.address, check);
        server.stop(signal);
    });
}

#[test]
fn the_core_behind_its_c_interface_passes() {
    passes(&["-O2"], Signal::INT);
}

#[test]
fn it_passes_with_all_of_its_memory_watched() {
    passes(SANITIZERS, Signal::TERM);
}

#[test]
fn ten_thousand_messages_come_back() {
    let Some(program) = build(&["-O2"]) else { return };
    echoes_ten_thousand_messages(&start(&program, Rules::default()));
}

#[test]
fn no_message_waits_for_an_ack() {
    let Some(program) = build(&["-O2"]) else { return };
    program::no_message_waits_for_an_ack(&start(&program, Rules::default()));
}

#[test]
#[cfg(target_os = "linux")]
fn it_sleeps_whatever_its_peers_do() {
    let Some(program) = build(&["-O2"]) else { return };
    it_sleeps_beside(&start(&program, Rules::default()));
}
