//! Sockets that the server inherits, a service manager that wants to hear of it, and a server that is the
//! first process of a container.

use std::fs;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram, UnixListener};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use socket2::{Domain, SockRef, Socket, Type};

use crate::support::{PATIENCE, Program, at_once, connect, hosted, ping, rest, skip};

/// `hosted server` with this socket as descriptor 3, passed as systemd passes it.
pub(crate) fn activated(socket: impl Into<OwnedFd>, args: &[&str]) -> Command {
    passed(socket, "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=echo", args)
}

fn passed(socket: impl Into<OwnedFd>, variables: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("exec 3<&0 </dev/null; export {variables}; exec \"$@\""));
    command.args(["sh", env!("CARGO_BIN_EXE_hosted"), "server"]).args(args);
    command.stdin(socket.into());
    command
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// A connection: the client's end, and the one that a server is to get.
fn accepted() -> (TcpStream, TcpStream) {
    let (listener, address) = listener();
    let client = connect(address);
    (client, listener.accept().expect("it has come").0)
}

#[test]
fn a_socket_that_listens_is_taken_over() {
    let (listener, address) = listener();
    // It has come before the server, as whoever wakes it does.
    let mut early = connect(address);
    let mut server = Program::start(&mut activated(listener, &[]));
    assert_eq!(server.address(), address);
    server.stdout_line(&format!("        port     {}", address.port()));
    server.stdout_line("        listen   sockets inherited from systemd (echo)");
    ping(&mut early, b"early");
    ping(&mut connect(address), b"late");
    drop(early);
    for _ in 0..2 {
        server.stdout_line(" disconnected!");
    }
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.contains("\n2 connections, 9 bytes echoed: 2 disconnected"), "{ended:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_inherited_is_not_handed_on_and_never_waits() {
    const NONBLOCK_CLOEXEC: u32 = 0o2_004_000;
    let (listener, _) = listener();
    let mut server = Program::start(&mut activated(listener, &[]));
    server.stdout_line("        mode     ");
    let info = fs::read_to_string(format!("/proc/{}/fdinfo/3", server.id())).expect("it is open");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
    let flags = u32::from_str_radix(flags.trim(), 8).expect("octal");
    assert_eq!(flags & NONBLOCK_CLOEXEC, NONBLOCK_CLOEXEC, "{info}");
}

#[test]
fn a_connection_is_served_as_the_only_one() {
    for threads in ["1", "3"] {
        let (mut client, server) = accepted();
        let peer = client.local_addr().expect("connected");
        let mut server = Program::start(&mut activated(server, &["--threads", threads]));
        ping(&mut client, b"hello");
        assert!(server.is_running());
        drop(client);
        let ended = server.wait();
        let lines = format!(
            "Client {peer} connected!\nClient {peer} disconnected!\n\
             --- echo server statistics ---\n1 connection, 5 bytes echoed: 1 disconnected\n"
        );
        assert_eq!((ended.code, ended.stdout), (Some(0), lines));
        assert_eq!(ended.stderr, "");
    }
}

/// A balancer that only looks whether somebody is there.
#[test]
fn a_connection_that_is_reset_before_it_is_served_is_no_error() {
    let (client, server) = accepted();
    SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).expect("an option");
    drop(client);
    let ended = Program::start(&mut activated(server, &[])).wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
}

/// As an inetd passes it: all standard streams are the connection.
#[test]
fn on_the_connection_of_an_inetd_nothing_goes_but_the_echo() {
    for args in [&["--inetd"][..], &["--inetd", "--verbose", "--fault", "flip=0"]] {
        let (mut client, server) = accepted();
        let streams = [server.try_clone(), server.try_clone()].map(|it| it.expect("a descriptor"));
        let [stdout, stderr] = streams.map(|stream| Stdio::from(OwnedFd::from(stream)));
        let mut command = hosted();
        command.arg("server").args(args).stdin(OwnedFd::from(server));
        let mut program = Program::writing(&mut command, stdout, stderr);
        // The test must not keep it open either.
        drop(command);
        client.write_all(b"hello").expect("sent");
        client.shutdown(Shutdown::Write).expect("half-closed");
        assert_eq!(rest(&client), b"hello", "{args:?}");
        drop(client);
        assert_eq!(program.code(), Some(0), "{args:?}");
    }
}

#[test]
fn what_cannot_be_served_is_named_and_nothing_else_is_served_instead() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let unbound = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let bound = unbound();
    bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let no_socket = "it is not a TCP or UDP socket";
    let idle = "it neither listens nor is connected";
    let cases: [(OwnedFd, &str); 6] = [
        (unbound().into(), idle),
        (bound.into(), idle),
        (fs::File::open("/dev/null").expect("it exists").into(), no_socket),
        (io::pipe().expect("a pipe").0.into(), no_socket),
        (UnixListener::bind(path).expect("a socket").into(), no_socket),
        (UnixDatagram::unbound().expect("a socket").into(), no_socket),
    ];
    at_once(cases, |(socket, reason)| {
        let as_stdin = socket.try_clone().expect("a descriptor");
        let ended = Program::start(&mut activated(socket, &[])).wait();
        let said = "error: cannot take over descriptor 3 (echo) from systemd: ";
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{reason}: {ended:?}");
        assert!(ended.stderr.starts_with(&format!("{said}{reason}")), "{ended:?}");

        let ended = Program::start(hosted().args(["server", "--inetd"]).stdin(as_stdin)).wait();
        let said =
            "error: cannot serve standard input (--inetd is for the configuration of an inetd): ";
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{reason}: {ended:?}");
        assert!(ended.stderr.starts_with(&format!("{said}{reason}")), "{ended:?}");
    });
    for (variables, said) in [
        ("LISTEN_PID=$$ LISTEN_FDS=2", "descriptor 4 (unknown) from systemd: bad file descriptor"),
        ("LISTEN_PID=$$ LISTEN_FDS=some", "sockets from systemd: LISTEN_FDS is \"some\": invalid"),
        ("LISTEN_PID=me LISTEN_FDS=1", "sockets from systemd: LISTEN_PID is \"me\": invalid"),
    ] {
        let ended = Program::start(&mut passed(listener().0, variables, &["--quiet"])).wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
        let said = format!("error: cannot take over {said}");
        assert!(ended.stderr.to_lowercase().starts_with(&said.to_lowercase()), "{ended:?}");
    }
}

/// As `wait = yes` passes it, and as systemd does.
#[test]
#[cfg(target_os = "linux")]
fn a_socket_for_datagrams_is_taken_over() {
    for inetd in [false, true] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("bound");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        client.connect(address).expect("a peer");
        // It has come before the server.
        client.send(b"hello").expect("sent");
        let mut command = if inetd {
            let mut command = hosted();
            command.args(["server", "--inetd"]).stdin(OwnedFd::from(socket));
            command
        } else {
            activated(socket, &[])
        };
        command.args(["--fault", "duplicate=100%"]);
        let mut server = Program::start(&mut command);
        server.stdout_line(&format!("Echo server on {address} over UDP"));
        let mut echo = [0; 10];
        assert_eq!(client.recv(&mut echo).expect("an echo"), 5, "{inetd}");
        server.signal(Signal::TERM);
        let ended = server.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        assert!(ended.stdout.ends_with("\nfaults planted: 1 duplicate\n"), "{ended:?}");
    }
    let ended = Program::start(&mut activated(listener().0, &["--fault", "lose=1%"])).wait();
    let said = "--fault lose is a fault of datagrams: systemd (echo) passes no socket of UDP";
    assert!(ended.code == Some(2) && ended.stderr.contains(said), "{ended:?}");
}

#[test]
fn sockets_for_another_process_mean_nothing() {
    for variables in ["LISTEN_PID=1 LISTEN_FDS=1", "LISTEN_FDS=1", "LISTEN_PID=$$"] {
        let (listener, address) = listener();
        let args = ["--ip", "127.0.0.1", "--port", "0"];
        let mut server = Program::start(&mut passed(listener, variables, &args));
        assert_ne!(server.address(), address, "{variables}");
        server.stdout_line("        listen   100 waiting connections");
    }
}

#[test]
fn a_port_beside_inherited_sockets_is_a_usage_error() {
    for [flag, value] in [["--port", "2333"], ["--ip", "127.0.0.1"], ["--listen", "100"]] {
        let ended = Program::start(&mut activated(listener().0, &[flag, value])).wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        let said = "cannot be used: the sockets are inherited from systemd (echo)";
        assert_eq!(ended.stderr, format!("error: {flag} {said}\n"));
        let mut command = hosted();
        let ended = Program::start(command.args(["server", "--inetd", flag, value])).wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("'--inetd' cannot be used with"), "{ended:?}");
    }
}

fn hear(socket: &UnixDatagram) -> String {
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut message = [0; 4096];
    let length = socket.recv(&mut message).expect("a message");
    String::from_utf8(message[..length].to_vec()).expect("text")
}

#[test]
fn a_service_manager_hears_of_the_beginning_and_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let mut sockets = vec![(
        path.to_str().expect("text").to_owned(),
        UnixDatagram::bind(&path).expect("a socket"),
    )];
    #[cfg(target_os = "linux")]
    {
        let name = format!("hosted-test-{}", std::process::id());
        let address = net::SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        sockets.push((format!("@{name}"), socket));
    }
    for (name, socket) in sockets {
        let mut command = hosted();
        command.args(["server", "--ip", "127.0.0.1", "--port", "0", "--drain", "7s"]);
        command.args(["--metrics", "0", "--drain-notice", "1ms"]);
        let mut server = Program::start(command.env("NOTIFY_SOCKET", &name));
        let ready = hear(&socket);
        // It is there before anything is asked for.
        let address = server.address();
        assert_eq!(ready, format!("READY=1\nSTATUS=on {address}"), "{name}");
        let mut client = connect(address);
        ping(&mut client, b"hello");
        server.signal(Signal::TERM);
        let stopping = "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=12001000";
        assert_eq!(hear(&socket), stopping, "{name}");
        drop(client);
        assert_eq!(server.wait().code, Some(0), "{name}");
    }
}

#[test]
fn a_service_manager_that_is_not_there_does_not_keep_it_from_serving() {
    let mut command = hosted();
    command.args(["server", "--ip", "127.0.0.1", "--port", "0"]);
    let mut server = Program::start(command.env("NOTIFY_SOCKET", "/nonexistent/notify"));
    let address = server.address();
    server.stderr_line(
        "cannot reach the service manager at NOTIFY_SOCKET=/nonexistent/notify: no such file",
    );
    ping(&mut connect(address), b"hello");
}

/// Such a process ends by no signal that it does not handle.
#[test]
fn the_first_process_of_a_container_ends_within_its_drain() {
    let ways = ["--pid", "-Urp"];
    let works = |way: &&str| {
        let tried = Command::new("unshare").args([way, "--fork", "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(way) = ways.into_iter().find(works) else {
        return skip("the first process of a container: cannot make a process namespace");
    };
    for signal in [Signal::TERM, Signal::INT] {
        let mut command = Command::new("unshare");
        // The shell's own number for it is that outside. On stderr: what comes first on one pipe is not known.
        command.args([way, "sh", "-c", "\"$@\" & echo \"pid $!\" >&2; wait $!", "sh"]);
        command.args(["env", "--default-signal=HUP,INT", env!("CARGO_BIN_EXE_hosted"), "server"]);
        command.args(["--ip", "127.0.0.1", "--port", "0", "--drain", "100ms"]);
        let mut shell = Program::start(&mut command);
        let pid = shell.stderr_line("pid ").trim_start_matches("pid ").parse().expect("a number");
        // One client idles, and would do so for ever.
        let mut client = connect(shell.address());
        ping(&mut client, b"hello");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let inside = status.lines().find(|line| line.starts_with("NSpid:")).expect("its numbers");
        assert!(inside.ends_with("\t1"), "{inside}");
        let process = rustix::process::Pid::from_raw(pid).expect("a process id");
        rustix::process::kill_process(process, signal).expect("it runs");
        let ended = shell.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("\n1 connection, 5 bytes echoed: 1 cut off"), "{ended:?}");
    }
}
