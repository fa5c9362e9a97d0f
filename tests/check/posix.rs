//! The list on `posix.c`: the core behind its C interface, on BSD sockets.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use echo_core::Rules;
use rustix::process::{Pid, Signal, kill_process};

use crate::c::{self, SANITIZERS};
use crate::list;
use crate::sockets::over_sockets;

const PATIENCE: Duration = Duration::from_secs(60);

/// The program, while it runs.
struct Server {
    child: Child,
    /// What it prints.
    lines: Receiver<String>,
    address: SocketAddr,
}

impl Server {
    fn start(program: &Path, rules: Rules) -> Self {
        let mut command = Command::new(program);
        command.arg("0").stdout(Stdio::piped());
        command.args((!rules.exit).then_some("--rfc862"));
        command.args(rules.one_shot.then_some("--one-shot"));
        if let Some(idle) = rules.idle {
            command.args(["--timeout", &idle.as_millis().to_string()]);
        }
        let mut child = command.spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let mut server = Self { child, lines, address: (Ipv4Addr::LOCALHOST, 0).into() };
        let line = server.lines.recv_timeout(PATIENCE).expect("a first line");
        let port = line.strip_prefix("Echo server on port ").expect("the port");
        server.address.set_port(port.parse().expect("a number"));
        server
    }

    /// It ends successfully on request, without a report about its memory.
    fn stop(mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
        assert_eq!(self.lines.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
        assert!(self.child.wait().expect("a child").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn passes(flags: &[&str], signal: Signal) {
    let flags = [&["-std=c99"], flags].concat();
    let Some(program) = c::build("cc", &flags, "examples/posix.c") else { return };
    list::all_pass(&[], |needs, check| {
        let server = Server::start(&program, needs.rules());
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
