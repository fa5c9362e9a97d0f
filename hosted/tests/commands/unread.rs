//! Output that is not read: a full pipe, a full disk, a terminal that stands still.
//! Service and measurements go on.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::io::{ioctl_fionbio, ioctl_fionread};
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use rustix::process::Signal;
use rustix::termios::{Action, tcflow};
use socket2::{Domain, Socket, Type};

use crate::pty::{Shown, terminal};
use crate::support::{PATIENCE, Program, at_once, connect, hosted, patient, ping};

/// A pipe that takes one page.
fn small_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().expect("a pipe");
    fcntl_setpipe_size(&writer, 4096).expect("a size");
    (reader, writer)
}

/// A pipe that takes nothing any more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = small_pipe();
    let size = fcntl_getpipe_size(&writer).expect("a size");
    writer.write_all(&vec![b'\n'; size]).expect("it is empty");
    (reader, writer)
}

/// A server on a port that the test knows beforehand: nobody else can have it, and the
/// server may listen on it, because both ask for that.
struct Server {
    program: Program,
    address: SocketAddr,
    _port: Socket,
}

impl Server {
    fn start(args: &[&str], stdout: Stdio, stderr: Stdio) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("an option");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let address = socket.local_addr().expect("bound").as_socket().expect("IPv4");
        let mut command = hosted();
        command.args(["server", "--ip", "127.0.0.1", "--port", &address.port().to_string()]);
        let program = Program::writing(command.args(args), stdout, stderr);
        Self { program, address, _port: socket }
    }

    /// The first client, as soon as it listens.
    fn connect(&self) -> TcpStream {
        let end = Instant::now() + PATIENCE;
        loop {
            match TcpStream::connect_timeout(&self.address, PATIENCE) {
                Ok(stream) => return patient(stream),
                Err(error) => assert!(Instant::now() < end, "it does not listen: {error}"),
            }
            thread::yield_now();
        }
    }
}

/// Makes the server tell more than it keeps, and sees that it serves on.
fn flood(server: &Server) {
    let mut old = server.connect();
    for _ in 0..40 {
        // Each makes 256 KiB of output.
        ping(&mut old, &[0xff; 64 << 10]);
    }
    ping(&mut connect(server.address), b"a new client");
    ping(&mut old, b"the old one");
}

const TELLING: [&str; 3] = ["-v", "--buffer", "65536"];

#[test]
fn a_log_that_nobody_reads_stops_nobody_and_tells_later_what_is_missing() {
    let (mut reader, writer) = small_pipe();
    let server = Server::start(&TELLING, writer.into(), Stdio::piped());
    flood(&server);
    let (told, text) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut piece = [0; 64 << 10];
        while let Ok(n @ 1..) = reader.read(&mut piece) {
            let _ = told.send(String::from_utf8_lossy(&piece[..n]).into_owned());
        }
    });
    let mut log = String::new();
    while !log.contains(" not written\n") {
        log += &text.recv_timeout(PATIENCE).expect("what is missing is told");
    }
    server.program.signal(Signal::TERM);
    while let Ok(more) = text.recv_timeout(PATIENCE) {
        log += &more;
    }
    let ended = server.program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(log.starts_with("Echo server on 127.0.0.1:"), "{log:.99}");
    assert!(log.contains("2 connections, "), "the totals are told");
    let missing = log.lines().find(|line| line.ends_with(" not written")).expect("found before");
    let missing: usize = missing.split(' ').next().expect("a word").parse().expect("a number");
    // Two clients came and went, and sent 42 messages, in one piece each or in several.
    let told = log.lines().filter(|line| line.starts_with("Client 127.0.0.1:")).count();
    assert!(missing > 0 && told + missing >= 2 + 2 + 42, "{told} and {missing}");
}

#[test]
fn a_server_whose_log_is_stuck_ends_when_it_is_told_to() {
    let (_reader, writer) = full_pipe();
    let server = Server::start(&TELLING, writer.into(), Stdio::piped());
    flood(&server);
    server.program.signal(Signal::TERM);
    let ended = server.program.wait();
    assert_eq!(ended.code, Some(0));
    let (what, how) = ended.stderr.split_once(": ").expect("two parts");
    assert!(what.ends_with("stdout is not being read"), "{}", ended.stderr);
    assert!(how.ends_with(" lines lost\n"), "{}", ended.stderr);
}

#[test]
fn a_log_on_a_full_disk_stops_nobody() {
    at_once([&[][..], &["-q"]], |flags| {
        let full = File::create("/dev/full").expect("Linux has it");
        let server = Server::start(flags, full.into(), Stdio::piped());
        let mut client = server.connect();
        for _ in 0..3 {
            ping(&mut client, b"hello");
            ping(&mut connect(server.address), b"hello");
        }
        drop(client);
        server.program.signal(Signal::TERM);
        let ended = server.program.wait();
        assert_eq!(ended.code, Some(0), "{flags:?}: {}", ended.stderr);
        assert!(ended.stderr.ends_with(" lines lost\n"), "{flags:?}: {}", ended.stderr);
    });
}

#[test]
fn a_standard_error_that_nobody_reads_stops_no_server() {
    let (_reader, writer) = full_pipe();
    let server = Server::start(&["--drain", "60s"], Stdio::piped(), writer.into());
    let mut client = server.connect();
    ping(&mut client, b"before");
    server.program.signal(Signal::TERM);
    // Nobody is accepted any more once it has said what cannot be read.
    while TcpStream::connect(server.address).is_ok() {}
    ping(&mut client, b"after");
    drop(client);
    let ended = server.program.wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains(" 11 bytes echoed: "), "{}", ended.stdout);
}

#[test]
fn a_standard_error_that_nobody_reads_stops_no_measurement() {
    let (_reader, writer) = full_pipe();
    let mut command = hosted();
    // There are notes before and after.
    command.args(["fail-rate", "--local", "-c", "9", "--payload", "zero", "--fail-if", "max>1ns"]);
    let ended = Program::writing(&mut command, Stdio::piped(), writer.into()).wait();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("9 sent, 9 echoed, 0 failed"), "{}", ended.stdout);
}

#[test]
fn a_report_passes_through_a_non_blocking_pipe() {
    let (mut reader, writer) = small_pipe();
    ioctl_fionbio(&writer, true).expect("an option");
    let mut command = hosted();
    command.args(["rate", "--local", "-t", "300ms", "--no-plot", "-J"]);
    let program = Program::writing(&mut command, writer.into(), Stdio::piped());
    drop(command);
    let end = Instant::now() + PATIENCE;
    // Nobody reads before it is full.
    while ioctl_fionread(&reader).expect("a number") < 4096 {
        assert!(Instant::now() < end, "it writes nothing");
        thread::yield_now();
    }
    let mut report = String::new();
    reader.read_to_string(&mut report).expect("text");
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    serde_json::from_str::<serde_json::Value>(&report).expect("the whole of it");
}

/// `hosted rate` in the foreground of a terminal that shows what it does.
fn watched_rate(terminal: &File) -> Program {
    let side = || Stdio::from(terminal.try_clone().expect("a descriptor"));
    let mut command = Command::new("setsid");
    command.args(["--ctty", env!("CARGO_BIN_EXE_hosted"), "rate", "--local", "--no-plot"]);
    command.args(["-t", "600ms"]).env("TERM", "xterm").stdin(side());
    Program::writing(&mut command, Stdio::piped(), side())
}

#[test]
fn a_terminal_that_stands_still_stops_no_measurement() {
    let (_ours, theirs) = terminal();
    // What Ctrl+S does.
    tcflow(&theirs, Action::OOff).expect("it stops");
    let ended = watched_rate(&theirs).wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains(" 0 failed "), "{}", ended.stdout);
}

#[test]
fn a_terminal_shows_a_panel_that_goes_before_the_report() {
    let (ours, theirs) = terminal();
    let program = watched_rate(&theirs);
    drop(theirs);
    let (mut ours, mut shown, mut piece) = (Shown(ours), Vec::new(), [0; 4096]);
    // Ends when nobody has the other side open any more.
    while let Ok(n @ 1..) = ours.read(&mut piece) {
        shown.extend_from_slice(&piece[..n]);
    }
    let shown = String::from_utf8(shown).expect("text");
    assert_eq!(program.wait().code, Some(0));
    let frames = shown.strip_suffix("\r\x1b[J").expect("the last thing is to clear it");
    assert!(frames.contains("this process   1.00 kB"), "{shown:?}");
    // Each begins where the one before it did, three lines further up.
    assert_eq!(frames.matches('\n').count(), 2 * frames.matches("\r\x1b[2A").count(), "{shown:?}");
}

/// The run is over when its report comes, and one request has to end what waits for a reader.
#[test]
fn a_report_that_nobody_reads_ends_with_one_request() {
    let (mut reader, writer) = small_pipe();
    let mut command = hosted();
    // Its JSON takes several pages.
    command.args(["rate", "--local", "--no-plot", "-J", "-c", "10"]);
    let program = Program::writing(&mut command, writer.into(), Stdio::piped());
    reader.read_exact(&mut [0]).expect("the report begins");
    program.signal(Signal::TERM);
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

/// Whoever comes next would find a server that is about to end.
#[test]
fn a_reader_that_leaves_ends_a_server_that_has_nothing_to_tell() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let server = Server::start(&[], writer.into(), Stdio::piped());
    let mut line = [0; 10];
    (&reader).read_exact(&mut line).expect("it tells where it listens");
    drop(reader);
    let ended = server.program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn what_cannot_be_printed_is_an_error_also_if_it_is_help() {
    for args in [&["--help"][..], &["rate", "-h"], &["--version"], &["man"], &["check", "--list"]] {
        let full = File::create("/dev/full").expect("Linux has it");
        let ended = Program::writing(hosted().args(args), full.into(), Stdio::piped()).wait();
        assert_eq!(ended.code, Some(3), "{args:?}: {ended:?}");
        let error = "error: cannot write to stdout: no space left on device\n";
        assert_eq!(ended.stderr, error, "{args:?}");

        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let ended = Program::writing(hosted().args(args), writer.into(), Stdio::piped()).wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}
