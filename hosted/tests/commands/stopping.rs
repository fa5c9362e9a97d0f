//! How `hosted rate` stops before its time: on signals, and when its output is not read.

use std::fs;
use std::io::{self, Write};
#[cfg(target_os = "linux")]
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::mpsc;
#[cfg(target_os = "linux")]
use std::thread;
#[cfg(target_os = "linux")]
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::Value;
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::rate::{LENGTH, json};
use crate::support::{PATIENCE, Program, hosted, message, peer};

#[test]
fn a_signal_ends_it_with_the_whole_report() {
    let folder = tempfile::tempdir().expect("a folder");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let figure = folder.path().join(format!("{}.png", signal.as_raw()));
        let (served, messages) = mpsc::channel();
        let target = peer(move |_, mut stream| {
            while let Some(message) = message(&stream, LENGTH) {
                let _ = stream.write_all(&message);
                let _ = served.send(());
            }
        });
        let mut command = hosted();
        command.args(["rate", &target.to_string(), "-J", "-o"]).arg(&figure);
        let program = Program::start(&mut command);
        for _ in 0..50 {
            messages.recv_timeout(PATIENCE).expect("a message");
        }
        program.signal(signal);
        let ended = program.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{signal:?}");
        let report = json(&ended);
        assert_eq!(report["complete"], false, "{signal:?}");
        let told = |number: &Value| number.as_u64().expect("a number");
        let [sent, echoed] = ["sent", "echoed"].map(|key| told(&report[key]));
        assert!(echoed >= 49, "{report}");
        assert_eq!(sent, echoed + told(&report["under_way"]["messages"]), "{report}");
        assert!(fs::read(&figure).expect("a figure").starts_with(b"\x89PNG"));
    }
}

#[test]
fn a_signal_is_heard_while_the_server_is_silent() {
    for connections in ["1", "4"] {
        let (arrived, messages) = mpsc::channel();
        let target = peer(move |_, stream| {
            while message(&stream, LENGTH).is_some() {
                let _ = arrived.send(());
            }
        })
        .to_string();
        let args = ["rate", &target, "--no-plot", "--timeout", "-1", "-P", connections];
        let program = Program::start(hosted().args(args));
        messages.recv_timeout(PATIENCE).expect("a message");
        program.signal(Signal::INT);
        let ended = program.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        // The others may be on their way to it.
        let sent = format!("\n{connections} sent, 0 echoed, 0 failed, ");
        assert!(ended.stdout.contains(&sent), "{ended:?}");
    }
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let mut command = hosted();
    command.args(["rate", "--local", "--no-plot", "-c", "10"]);
    let program = Program::writing(&mut command, writer.into(), Stdio::piped());
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_figure_is_made_and_the_verdict_stands_even_if_the_reader_has_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let figure = folder.path().join("rate.svg");
    for (bound, code, said) in [("max>100s", 0, ""), ("max>1ns", 1, "failed: max>1ns: it was ")] {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let mut command = hosted();
        command.args(["rate", "--local", "-c", "10", "-J", "--fail-if", bound, "-o"]).arg(&figure);
        let ended = Program::writing(&mut command, writer.into(), Stdio::piped()).wait();
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stderr.starts_with(said) && ended.stderr.lines().count() as i32 == code);
        assert!(fs::read(&figure).expect("a figure").starts_with(b"<svg"));
    }
}

/// While nothing is measured there is nothing to finish, and a handler of our own says so: by
/// itself the system would not end the first process of a container.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_it_while_it_connects() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    listener.listen(0).expect("it listens");
    let address = listener.local_addr().expect("bound").as_socket().expect("IPv4");
    // Nobody accepts: the first fills the backlog, the others are not answered.
    let _waiting = [(); 4].map(|()| {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        client.set_nonblocking(true).expect("an option");
        let _ = client.connect(&address.into());
        client
    });
    let folder = tempfile::tempdir().expect("a folder");
    let figure = folder.path().join("new/rate.png").display().to_string();
    let target = address.to_string();
    for args in
        [&["rate", &target, "--timeout", "-1", "--output", &figure][..], &["client", &target]]
    {
        let before = unanswered(address);
        let program = Program::start(hosted().args(args));
        let end = Instant::now() + PATIENCE;
        while unanswered(address) == before {
            assert!(Instant::now() < end, "it does not connect");
            thread::yield_now();
        }
        program.signal(Signal::INT);
        let ended = program.wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(130), ""), "{ended:?}");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "it leaves nothing behind");
    }
}

#[test]
fn a_signal_ends_it_while_it_waits_for_its_payload() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("payload");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).expect("a named pipe");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let payload = format!("file:{}", pipe.display());
        let program =
            Program::start(hosted().args(["fail-rate", "--local", "--payload", &payload]));
        // This returns when the program has opened its end: now it waits for bytes.
        let writer = fs::OpenOptions::new().write(true).open(&pipe).expect("a reader came");
        program.signal(signal);
        let ended = program.wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(130), ""), "{signal:?} {ended:?}");
        drop(writer);
    }
}

/// How many connections to this address wait for the first answer (`SYN_SENT` is 02).
#[cfg(target_os = "linux")]
fn unanswered(address: SocketAddr) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").expect("the system's table");
    let waiting = format!(":{:04X} 02 ", address.port());
    table.lines().filter(|line| line.contains(&waiting)).count()
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_full_is_told_in_one_way() {
    for flags in [&["--no-plot"][..], &["--no-plot", "-J"]] {
        let full = fs::File::create("/dev/full").expect("Linux has it");
        let mut command = hosted();
        command.args(["rate", "--local", "-c", "9"]).args(flags);
        let ended = Program::writing(&mut command, full.into(), Stdio::piped()).wait();
        assert_eq!(ended.code, Some(3), "{flags:?}");
        assert_eq!(ended.stderr, "error: cannot write to stdout: no space left on device\n");
    }
}
