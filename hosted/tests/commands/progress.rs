//! What is seen of a run while it is prepared: on a terminal only.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};
use socket2::{Domain, Socket, Type};

use crate::pty::{Shown, terminal};
use crate::support::{PATIENCE, at_once, hosted, run};

#[test]
fn connections_that_are_slow_to_open_are_counted_on_a_terminal() {
    at_once([true, false], |on_a_terminal| {
        let (_server, target) = full_after_two();
        if on_a_terminal {
            let shown = shown_on_a_terminal(&load(&target));
            assert!(shown.contains("opening connections: 2 of 20"), "{shown}");
        } else {
            let ended = run(&load(&target));
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{ended:?}");
        }
    });
}

fn load(target: &str) -> [&str; 9] {
    ["rate", target, "--no-plot", "-P", "20", "-c", "1", "--timeout", "4s"]
}

/// A server that accepts nobody, with a queue for two.
fn full_after_two() -> (Socket, String) {
    let server = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    server.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    server.listen(1).expect("it listens");
    let address = server.local_addr().expect("bound").as_socket().expect("IPv4");
    (server, address.to_string())
}

/// Ctrl+Z and `fg`: the shell finds no line of the panel, which comes again when the job goes on.
/// However many were drawn one after another before, that is one stop.
#[test]
fn a_panel_is_gone_while_its_job_is_stopped() {
    let loads = [
        ("rate --local --no-plot", "Ctrl+C ends"),
        ("check --local --only zeros,ones,silence-ends --expect-timeout 1h", " 3 of 3 "),
    ];
    at_once(loads, |(arguments, line)| stopped_and_continued(arguments, line));
}

/// Of `hosted` with these arguments, once it has drawn the `line`.
fn stopped_and_continued(arguments: &str, line: &str) {
    const CLEARED: &str = "\r\x1b[J";
    let (ours, theirs) = terminal();
    let stdio = || Stdio::from(theirs.try_clone().expect("a descriptor"));
    let mut session = std::process::Command::new("setsid");
    session.args(["--ctty", "--wait", "sh", "-c"]);
    // A shell with job control, which starts hosted and goes on when it is stopped.
    session.arg(format!(
        r#"set -m; "$0" {arguments} >/dev/null; echo "stopped: $?"; read -r key; fg >/dev/null"#,
    ));
    session.arg(env!("CARGO_BIN_EXE_hosted")).env("TERM", "xterm");
    let mut child =
        session.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().expect("a shell");
    drop((session, theirs));
    let mut keys = ours.try_clone().expect("a descriptor");
    let (show, screen) = mpsc::channel();
    thread::spawn(move || {
        let (mut ours, mut piece) = (Shown(ours), [0; 4096]);
        while let Ok(n @ 1..) = ours.read(&mut piece) {
            let _ = show.send(String::from_utf8_lossy(&piece[..n]).into_owned());
        }
    });
    // What is shown until something is.
    let shown = |until: &str| {
        let mut shown = String::new();
        while !shown.contains(until) {
            let piece = screen.recv_timeout(PATIENCE);
            shown.push_str(&piece.unwrap_or_else(|_| panic!("no {until:?} in {shown:?}")));
        }
        shown
    };
    shown(line);
    keys.write_all(b"\x1a").expect("Ctrl+Z");
    let stopping = shown("stopped: ");
    let (_, after) = stopping.rsplit_once(CLEARED).expect("it is cleared");
    assert!(!after.contains(line), "{stopping:?}");
    keys.write_all(b"\n").expect("a line");
    shown(line);
    keys.write_all(b"\x03").expect("Ctrl+C");
    let mut rest = String::new();
    while let Ok(piece) = screen.recv_timeout(PATIENCE) {
        rest.push_str(&piece);
    }
    let ended = child.wait();
    assert!(rest.ends_with(CLEARED), "{rest:?}");
    assert!(ended.is_ok_and(|status| status.success()), "{arguments}: {rest:?}");
}

/// It shows control characters again, whatever ends the run.
#[test]
fn a_signal_that_is_no_request_leaves_the_terminal_as_it_was() {
    let (ours, theirs) = terminal();
    let stdio = || Stdio::from(theirs.try_clone().expect("a descriptor"));
    let shows = || {
        let modes = tcgetattr(&theirs).expect("a terminal").local_modes;
        modes.contains(LocalModes::ECHOCTL)
    };
    assert!(shows());
    let mut session = std::process::Command::new("setsid");
    session.args(["--ctty", "sh", "-c", "ulimit -c 0; exec \"$@\"", "sh"]);
    session.args([env!("CARGO_BIN_EXE_hosted"), "rate", "--local", "--no-plot"]);
    session.env("TERM", "xterm").stdin(stdio()).stdout(stdio()).stderr(stdio());
    let mut child = session.spawn().expect("it starts");
    let (show, drawn) = mpsc::channel();
    thread::spawn(move || {
        let (mut ours, mut shown, mut piece) = (Shown(ours), Vec::new(), [0; 4096]);
        while let Ok(n @ 1..) = ours.read(&mut piece) {
            shown.extend_from_slice(&piece[..n]);
            if String::from_utf8_lossy(&shown).contains("Ctrl+C ends") {
                let _ = show.send(());
            }
        }
    });
    drawn.recv_timeout(PATIENCE).expect("the panel");
    assert!(!shows());
    kill_process(Pid::from_child(&child), Signal::QUIT).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), None);
    assert!(shows());
}

/// What a terminal shows of `hosted` in its foreground, from beginning to end.
pub(crate) fn shown_on_a_terminal(args: &[&str]) -> String {
    let (ours, theirs) = terminal();
    let stdio = || Stdio::from(theirs.try_clone().expect("a descriptor"));
    let hosted = hosted();
    let mut session = std::process::Command::new("setsid");
    session.args(["--ctty", "--wait"]).arg(hosted.get_program()).args(hosted.get_args()).args(args);
    session.env("TERM", "xterm").stdin(stdio()).stdout(stdio()).stderr(stdio());
    let mut child = session.spawn().expect("it starts");
    drop((session, theirs));
    let (show, screen) = mpsc::channel();
    thread::spawn(move || {
        let (mut ours, mut shown) = (Shown(ours), Vec::new());
        // Ends with an error when nobody has the other side open any more.
        let _ = ours.read_to_end(&mut shown);
        let _ = show.send(String::from_utf8_lossy(&shown).into_owned());
    });
    let shown = screen.recv_timeout(PATIENCE);
    let _ = child.kill();
    let _ = child.wait();
    shown.expect("it ends")
}
