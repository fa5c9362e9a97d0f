//! Output that is not read.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::station::{SOON, V4, connect};

fn start(arguments: &[&str], stdout: impl Into<Stdio>) -> Child {
    crate::assert_inside();
    Command::new(env!("CARGO_BIN_EXE_tap-demo"))
        .args(["--iface", "tap0"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test")
}

/// How it ended, and what it said on stderr.
fn end(child: Child) -> (Option<i32>, String) {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    let output: Output = end.recv_timeout(SOON).expect("it ends").expect("it is our child");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_reader_that_has_left_ends_it_quietly() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(end(start(&[], writer)), (Some(0), String::new()));
}

#[test]
#[ignore = "runs in the namespace of `on_a_real_tap`"]
fn a_log_that_nobody_reads_stops_nobody() {
    let (_reader, writer) = io::pipe().expect("a pipe");
    let child = start(&["-v"], writer);
    let late = Instant::now() + SOON;
    // There is no line that would tell when it serves.
    while TcpStream::connect(V4).is_err() {
        assert!(Instant::now() < late, "it does not serve");
        thread::yield_now();
    }
    let mut old = connect(V4);
    let mut echo = vec![0; 16 << 10];
    for _ in 0..100 {
        // Each makes 64 KiB of output.
        old.write_all(&[0xff; 16 << 10]).expect("a connection");
        old.read_exact(&mut echo).expect("the echo");
    }
    let mut new = connect(V4);
    new.write_all(b"hello").expect("a connection");
    new.read_exact(&mut [0; 5]).expect("the echo");
    drop((old, new));
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), Signal::TERM).expect("it is our child");
    let (code, said) = end(child);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stdout is not being read: "), "{said}");
}
