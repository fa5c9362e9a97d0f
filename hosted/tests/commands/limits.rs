//! As many clients as allowed, and as many as the system has descriptors for.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use hosted::server::Config;
use rustix::process::Signal;

use crate::metrics;
use crate::support::{Echo, Program, config, connect, expect, ping, pipe};

#[test]
fn beyond_the_limit_clients_wait_for_one_to_leave() {
    for threads in [1, 4] {
        let echo = Echo::start(Config { max_conns: Some(2), threads, ..config() });
        let [mut first, mut second] = [(); 2].map(|()| connect(echo.address));
        ping(&mut first, b"1");
        ping(&mut second, b"2");
        let mut third = connect(echo.address);
        third.write_all(b"3").expect("sent");
        for _ in 0..10 {
            ping(&mut first, b"1");
            ping(&mut second, b"2");
        }
        assert!(is_silent(&third), "{threads} threads: the third is not served yet");
        // With several threads, another than the one that accepts.
        drop(second);
        expect(&mut third, b"3");
        ping(&mut first, b"1");
    }
}

#[test]
fn a_limit_holds_up_nobody_for_ever() {
    for threads in [1, 4] {
        let echo = Echo::start(Config { max_conns: Some(3), threads, ..config() });
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        assert_eq!(pipe(echo.address, b"hello"), b"hello");
                    }
                });
            }
        });
        assert_eq!(echo.stop().connections(), 200);
    }
}

#[test]
fn several_threads_serve_all() {
    let (server, address) = Program::server(&["--threads", "4", "--drain", "60s"]);
    let mut clients: Vec<_> = (0..16).map(|_| connect(address)).collect();
    for round in 0..10 {
        for client in &mut clients {
            ping(client, &[b'0' + round; 1000]);
        }
    }
    drop(clients);
    server.signal(Signal::TERM);
    let said = server.wait().stdout;
    assert!(said.contains("16 connections, 160 000 bytes echoed: 16 disconnected"), "{said}");
}

#[test]
fn out_of_descriptors_the_server_goes_on_and_recovers() {
    for threads in ["1", "3"] {
        let (mut server, address) = server_with_descriptors(40, &["--threads", threads]);
        let mut clients: Vec<_> = (0..60).map(|_| sender(address)).collect();
        server.stderr_line("cannot accept connections for now: too many open files");
        expect(&mut clients[0], b"hello");
        ping(&mut clients[0], b"still there");
        for mut client in clients.drain(1..) {
            expect(&mut client, b"hello");
            // The server sees the end even if a program that starts has a copy for a moment.
            client.shutdown(Shutdown::Both).expect("connected");
        }
        ping(&mut clients[0], b"still there");
        ping(&mut connect(address), b"hello");
        server.signal(Signal::TERM);
        drop(clients);
        let ended = server.wait();
        assert_eq!(ended.code, Some(0));
        let told = ended.stderr.matches("cannot accept").count();
        assert_eq!(told, 1, "{threads} threads: {}", ended.stderr);
    }
}

/// There is room for a few of them only, whatever they do.
#[test]
fn scrapers_that_hold_on_leave_descriptors_to_clients() {
    let (mut server, address) = server_with_descriptors(64, &["--metrics", "0"]);
    let page = metrics::page(&mut server);
    let held: Vec<_> = (0..100).map(|_| connect(page)).collect();
    // Who asks now has come behind all of them.
    assert_eq!(metrics::get(page, "/ready").0, "200");
    let mut clients: Vec<_> = (0..20).map(|_| connect(address)).collect();
    clients.iter_mut().for_each(|client| ping(client, b"hello"));
    drop((held, clients));
    server.signal(Signal::TERM);
    assert_eq!(server.wait().stderr.matches("cannot accept").count(), 0);
}

#[test]
fn a_limit_of_descriptors_that_may_be_raised_is_raised() {
    let few = "ulimit -S -n 64; exec \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", few, "sh", env!("CARGO_BIN_EXE_hosted"), "rate", "--local", "--no-plot"]);
    shell.args(["-P", "100", "-c", "1000"]);
    let ended = Program::start(shell.stdin(Stdio::null())).wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("1000 echoed, 0 failed"), "{ended:?}");
}

#[test]
fn too_few_descriptors_for_the_load_are_no_failure_of_the_server() {
    let few = "ulimit -n 40; exec \"$@\"";
    for (load, many, or) in [
        ("rate --local --no-plot -P 100 -c 1", "100 connections", "lower --parallel"),
        ("rate -u --local --no-plot -P 100 -c 1", "400 local ports", "lower --parallel"),
        ("check --local --only many-at-once", "24 connections", "leave cases out with --skip"),
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", few, "sh", env!("CARGO_BIN_EXE_hosted")]).args(load.split(' '));
        let ended = Program::start(shell.stdin(Stdio::null())).wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
        let said = format!("the limit is 40 (raise it with ulimit -n, or {or})");
        assert!(ended.stderr.contains(&said), "{ended:?}");
        assert!(ended.stderr.contains(&format!("cannot open {many}: ")), "{ended:?}");
    }
}

/// A server that may have no more than this many descriptors open.
fn server_with_descriptors(limit: u32, args: &[&str]) -> (Program, SocketAddr) {
    let limited = format!("ulimit -n {limit}; exec \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_hosted"), "server"]);
    shell.args(["--ip", "127.0.0.1", "--port", "0", "--drain", "60s"]).args(args);
    let mut server = Program::start(shell.stdin(Stdio::null()));
    let address = server.address();
    (server, address)
}

fn sender(address: SocketAddr) -> TcpStream {
    let mut client = connect(address);
    client.write_all(b"hello").expect("sent");
    client
}

fn is_silent(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("an option");
    let silent = stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).expect("an option");
    silent
}
