//! An echo server made of C, while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use echo_core::Rules;
use echo_instruments::verdict::Verdict;
use hosted::cli::Cli;
use rustix::process::{Pid, Signal, kill_process};

/// For whatever has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program, while it runs.
pub(crate) struct Program {
    pub(crate) child: Child,
    /// What it prints.
    lines: Receiver<String>,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Starts it with these rules and this last argument. It listens on this address; on which
    /// port, it says.
    pub(crate) fn start(program: &Path, rules: Rules, last: &str, ip: IpAddr) -> Self {
        let mut command = Command::new(program);
        command.stdout(Stdio::piped());
        command.args((!rules.exit).then_some("--rfc862"));
        command.args(rules.one_shot.then_some("--one-shot"));
        if let Some(idle) = rules.idle {
            command.args(["--timeout", &idle.as_millis().to_string()]);
        }
        let mut child = command.arg(last).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let mut program = Self { child, lines, address: (ip, 0).into() };
        let line = program.lines.recv_timeout(PATIENCE).expect("a first line");
        let port = line.strip_prefix("Echo server on port ").expect("the port");
        program.address.set_port(port.parse().expect("a number"));
        program
    }

    /// It ends successfully on request, without a report about its memory.
    pub(crate) fn stop(mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
        assert_eq!(self.lines.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
        assert!(self.child.wait().expect("a child").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ten thousand messages come back, over 64 connections.
pub(crate) fn echoes_ten_thousand_messages(program: &Program) {
    let server = program.address.to_string();
    let flags = ["hosted", "fail-rate", &server, "-c", "10000", "-P", "64", "--timeout", "60"];
    let cli = Cli::parse_from(flags);
    assert_eq!(hosted::run(cli).expect("it runs"), Verdict::Well);
}

/// A message of several segments comes back at once. Where Nagle's algorithm is left on, its end
/// waits for an ACK, which its peer puts off for 40 ms, in 95 of 100 messages. On a busy machine others
/// wait as well, but not all.
pub(crate) fn no_message_waits_for_an_ack(program: &Program) {
    let mut stream = TcpStream::connect(program.address).expect("it listens");
    stream.set_nodelay(true).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    let mut message = [7; 5000];
    let mut times: Vec<_> = (0..99)
        .map(|_| {
            let start = Instant::now();
            stream.write_all(&message).expect("a connection");
            stream.read_exact(&mut message).expect("the echo");
            start.elapsed()
        })
        .collect();
    times.sort();
    assert!(times[9] < Duration::from_millis(20), "{times:?}");
}
