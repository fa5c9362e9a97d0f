//! How a server stops: on signals, and when its output is gone.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::Signal;

use crate::metrics;
use crate::support::{PATIENCE, Program, connect, expect, hosted, ping, rest};

#[test]
fn each_signal_lets_the_sessions_finish() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut server, address) = Program::server(&["--drain", "60s"]);
        let mut client = connect(address);
        ping(&mut client, b"before");
        server.signal(signal);
        server
            .stderr_line("stopping: waiting up to 1m for 1 session to finish; Ctrl+C ends all now");
        assert!(TcpStream::connect(address).is_err(), "{signal:?}: nobody is accepted any more");
        ping(&mut client, b"after");
        client.shutdown(Shutdown::Write).expect("half-closed");
        assert_eq!(rest(&client), b"");
        let ended = server.wait();
        assert_eq!(ended.code, Some(0), "{signal:?}");
        let totals = "1 connection, 11 bytes echoed: 1 disconnected\n";
        assert!(ended.stdout.ends_with(totals), "{signal:?}: {}", ended.stdout);
    }
}

/// A balancer has time to notice.
#[test]
fn clients_are_accepted_until_the_notice_is_over() {
    for threads in ["1", "3"] {
        let flags = ["--threads", threads, "--drain-notice"];
        let (mut server, address, page) = metrics::server(&[&flags[..], &["1h"]].concat());
        server.signal(Signal::TERM);
        server.stderr_line("stopping: not ready any more; accepting clients for another 1h");
        assert_eq!(metrics::get(page, "/ready").0, "503", "{threads} threads");
        let mut clients: Vec<_> = (0..6).map(|_| connect(address)).collect();
        clients.iter_mut().for_each(|client| ping(client, b"hello"));
        while server.is_running() {
            server.signal(Signal::TERM);
            thread::yield_now();
        }
        assert_eq!(server.wait().code, Some(130), "{threads} threads");

        let (server, address, _) = metrics::server(&[&flags[..], &["100ms"]].concat());
        let mut client = connect(address);
        ping(&mut client, b"hello");
        server.signal(Signal::TERM);
        // Nobody is accepted any more once it is over.
        while TcpStream::connect(address).is_ok() {}
        ping(&mut client, b"after");
        drop(client);
        assert_eq!(server.wait().code, Some(0), "{threads} threads");
    }
}

#[test]
fn another_signal_ends_at_once() {
    let (mut server, address) = Program::server(&["--drain", "1h"]);
    let mut client = connect(address);
    ping(&mut client, b"hello");
    server.signal(Signal::INT);
    server.stderr_line("stopping");
    // One that comes at once is taken for the same.
    while server.is_running() {
        server.signal(Signal::INT);
        thread::yield_now();
    }
    assert_eq!(server.wait().code, Some(130));
}

/// `timeout` sends one to the program and one to its group.
#[test]
fn two_signals_at_once_are_one() {
    let (mut server, address) = Program::server(&["--drain", "1h"]);
    let mut client = connect(address);
    ping(&mut client, b"hello");
    // Both wait for it to go on.
    for signal in [Signal::STOP, Signal::TERM, Signal::INT, Signal::CONT] {
        server.signal(signal);
    }
    server.stderr_line("stopping");
    ping(&mut client, b"still there");
    drop(client);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The shell sends one and the system another.
#[test]
fn a_console_that_closes_is_one_signal_however_often_it_comes() {
    let (mut server, address) = Program::server(&["--drain", "1h"]);
    let mut client = connect(address);
    ping(&mut client, b"hello");
    server.signal(Signal::HUP);
    server.stderr_line("stopping");
    server.signal(Signal::HUP);
    drop(client);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn nobody_hangs_up_under_nohup() {
    let mut command = Command::new("nohup");
    command.args([env!("CARGO_BIN_EXE_hosted"), "server", "--ip", "127.0.0.1", "--port", "0"]);
    let mut server = Program::start(command.stdin(Stdio::null()));
    let mut client = connect(server.address());
    server.signal(Signal::HUP);
    ping(&mut client, b"hello");
    // Had it heard the first, this would be the second, which ends it at once.
    server.signal(Signal::TERM);
    server.stderr_line("stopping");
    drop(client);
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn without_a_drain_sessions_are_cut_off() {
    for threads in ["1", "3"] {
        let (server, address) = Program::server(&["--drain", "0", "--threads", threads]);
        let mut clients: Vec<_> = (0..6).map(|_| connect(address)).collect();
        clients.iter_mut().for_each(|client| ping(client, b"hello"));
        server.signal(Signal::TERM);
        let ended = server.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let totals = "6 connections, 30 bytes echoed: 6 cut off\n";
        assert!(ended.stdout.ends_with(totals), "{}", ended.stdout);
    }
}

#[test]
fn the_drain_has_an_end() {
    let (server, address) = Program::server(&["--drain", "100ms"]);
    let mut client = connect(address);
    ping(&mut client, b"hello");
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.ends_with("1 cut off\n"), "{}", ended.stdout);
}

/// None is cut off: those that are idle and the one that never pauses get a FIN, behind whole echoes.
#[test]
fn sessions_are_closed_one_after_another_before_the_end_of_the_drain() {
    for threads in ["1", "3"] {
        let (server, address) = Program::server(&["--drain", "4s", "--threads", threads]);
        let mut clients: Vec<_> = (0..6).map(|_| connect(address)).collect();
        let mut talker = connect(address);
        clients.iter_mut().for_each(|client| ping(client, b"hello"));
        ping(&mut talker, b"hello");
        server.signal(Signal::TERM);
        thread::scope(|scope| {
            for client in clients {
                scope.spawn(move || assert_eq!(rest(&client), b""));
            }
            let mut echo = [0; 5];
            while talker.write_all(b"hello").is_ok() {
                match talker.read(&mut echo).expect("a FIN is not a reset") {
                    0 => break,
                    n => talker.read_exact(&mut echo[n..]).expect("no echo is cut"),
                }
                assert_eq!(&echo, b"hello");
            }
            drop(talker);
        });
        let ended = server.wait();
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.ends_with(": 7 drained\n"), "{threads} threads: {}", ended.stdout);
    }
}

/// The system has told them that they are connected.
#[test]
fn who_waits_to_be_accepted_when_the_server_stops_is_served() {
    for threads in ["1", "3"] {
        let (server, address) = Program::server(&["--drain", "60s", "--threads", threads]);
        server.signal(Signal::STOP);
        let mut clients: Vec<_> = (0..6).map(|_| connect(address)).collect();
        [Signal::TERM, Signal::CONT].into_iter().for_each(|signal| server.signal(signal));
        clients.iter_mut().for_each(|client| ping(client, b"hello"));
        drop(clients);
        let ended = server.wait();
        let totals = "6 connections, 30 bytes echoed: 6 disconnected\n";
        assert!(ended.stdout.ends_with(totals), "{threads} threads: {}", ended.stdout);
    }
}

/// As who waits because there was no time to accept them.
#[test]
fn who_waits_beyond_the_limit_when_the_server_stops_is_served() {
    for threads in ["1", "3"] {
        let flags = ["--drain", "60s", "--max-conns", "2", "--threads", threads];
        let (mut server, address) = Program::server(&flags);
        let mut clients: Vec<_> = (0..2).map(|_| connect(address)).collect();
        clients.iter_mut().for_each(|client| ping(client, b"hello"));
        clients.extend((0..3).map(|_| connect(address)));
        clients[2..].iter_mut().for_each(|client| client.write_all(b"hello").expect("sent"));
        server.signal(Signal::TERM);
        server.stderr_line("waiting up to 1m for 5 sessions to finish");
        clients[2..].iter_mut().for_each(|client| expect(client, b"hello"));
        drop(clients);
        let ended = server.wait();
        let totals = "5 connections, 25 bytes echoed: 5 disconnected\n";
        assert!(ended.stdout.ends_with(totals), "{threads} threads: {}", ended.stdout);
    }
}

#[test]
fn a_reader_of_stdout_that_leaves_ends_the_server_quietly() {
    // Only a signal gives notice.
    for flags in
        [&["--threads", "1"][..], &["--threads", "3"], &["--metrics=0", "--drain-notice=1h"]]
    {
        let mut command = hosted();
        command.args(["server", "--ip", "127.0.0.1", "--port", "0"]).args(flags);
        // A socket: a pipe would stay open while another test starts a program.
        let (reader, writer) = UnixStream::pair().expect("two sockets");
        reader.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let server = Program::writing(&mut command, OwnedFd::from(writer).into(), Stdio::piped());
        let lines: Vec<_> = BufReader::new(&reader)
            .lines()
            .map(|line| line.expect("text"))
            .take_while(|line| !line.starts_with("        mode "))
            .collect();
        let address = lines.first().and_then(|first| first.rsplit(' ').next()?.parse().ok());
        let address: SocketAddr = address.expect("an address");
        reader.shutdown(Shutdown::Both).expect("the server has it open");
        // What it cannot write is the word about this client, who may find it gone.
        let _client = TcpStream::connect_timeout(&address, PATIENCE);
        let ended = server.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{flags:?}");
    }
}

#[test]
fn a_reader_of_stderr_that_leaves_does_no_harm() {
    let mut command = hosted();
    command.args(["server", "--ip", "127.0.0.1", "--port", "0", "--drain", "60s"]);
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let mut server = Program::writing(&mut command, Stdio::piped(), writer.into());
    let address = server.address();
    let mut client = connect(address);
    ping(&mut client, b"before");
    server.signal(Signal::TERM);
    // Nobody is accepted any more once it has said what cannot be read.
    while TcpStream::connect(address).is_ok() {}
    drop(client);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains(" 6 bytes echoed: "), "{}", ended.stdout);
}
