//! What goes wrong is reported, with the missing bytes and the exit code; what is only slow is not.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::support::{
    Client, HELLO, PATIENCE, Server, assert_failed, assert_well, client, command, command_to, cue,
    echo, echo_hello, finish, receive, reset, stderr,
};

#[test]
fn a_slow_server_that_makes_progress_does_not_time_out() {
    let server = Server::start(|mut stream| {
        for byte in receive(&mut stream, HELLO.len())? {
            // Longer in all than the limit.
            thread::sleep(Duration::from_millis(900));
            stream.write_all(&[byte])?;
        }
        echo(stream)
    });
    let output = client(&server, &["--timeout", "5"], HELLO);
    assert_well(&output);
    assert_eq!(output.stdout, b"hello\n");
}

#[test]
fn a_server_that_reads_slowly_and_answers_last_does_not_time_out() {
    const LIMIT: Duration = Duration::from_secs(2);
    let (tell_pause, pause) = mpsc::channel();
    let server = Server::start(move |mut stream| {
        socket2::SockRef::from(&stream).set_recv_buffer_size(4096)?;
        // Each takes all that its system holds, or that would be read in silence at the end.
        let (mut seen, mut piece) = (Vec::new(), [0; 20_000]);
        let mut longest = Duration::ZERO;
        loop {
            let before = Instant::now();
            // All of it takes longer than the limit; nothing of it is echoed meanwhile.
            thread::sleep(LIMIT / 20);
            let Ok(n @ 1..) = stream.read(&mut piece) else { break };
            seen.extend_from_slice(&piece[..n]);
            longest = longest.max(before.elapsed());
        }
        tell_pause.send(longest).expect("the test waits");
        stream.write_all(&seen)?;
        Ok(seen)
    });
    let text = [b'x'; 300_000];
    let output = client(&server, &["--timeout", "2"], &text);
    if output.status.success() {
        assert!(output.stdout == text);
    } else {
        // Only if this machine did not let the server read the client may be right.
        let pause = pause.recv_timeout(PATIENCE).expect("the server comes to the end");
        assert!(pause >= LIMIT, "{}", stderr(&output));
    }
}

#[test]
fn a_server_that_takes_nothing_times_out() {
    let (leave, told_to_leave) = cue();
    let server = Server::start(|stream| {
        socket2::SockRef::from(&stream).set_recv_buffer_size(4096)?;
        told_to_leave()?;
        Ok(vec![])
    });
    let output = client(&server, &["--timeout", "1"], &[b'x'; 200_000]);
    leave();
    assert_failed(&output, "no answer for 1s (--timeout); 0 of 200 000 bytes came back");
}

#[test]
fn a_server_that_stops_answering_times_out() {
    let (leave, told_to_leave) = cue();
    let server = Server::start(|mut stream| {
        let message = receive(&mut stream, HELLO.len())?;
        stream.write_all(&message[..2])?;
        told_to_leave()?;
        Ok(message)
    });
    let output = client(&server, &["--timeout", "5s"], HELLO);
    leave();
    assert_failed(&output, "no answer for 5s (--timeout); 2 of 6 bytes came back");
    assert_eq!(output.stdout, b"he", "what came is written");
}

#[test]
fn the_limit_is_no_limit_for_the_user() {
    let server = Server::start(echo);
    let mut client = Client::start(&server, &["--timeout", "5s"]);
    client.enter(b"one\n");
    client.expect(b"one\n");
    // Longer than the limit, which is long enough for a busy server to answer.
    thread::sleep(Duration::from_millis(2500));
    client.enter(b"two\n");
    client.end_input();
    let output = client.finish();
    assert_well(&output);
    assert_eq!(output.stdout, b"two\n");
}

#[test]
fn a_server_that_closes_early_is_told_with_what_is_owed() {
    let server = Server::start(|mut stream| {
        let message = receive(&mut stream, HELLO.len())?;
        stream.write_all(&message[..5])?;
        Ok(message)
    });
    let output = client(&server, &[], HELLO);
    assert_failed(&output, "the server closed the connection; 5 of 6 bytes came back");
    assert_eq!(output.stdout, b"hello");
}

#[test]
fn a_server_that_resets_is_told_with_what_is_owed() {
    let server = Server::start(|mut stream| {
        let message = receive(&mut stream, HELLO.len())?;
        reset(&stream)?;
        Ok(message)
    });
    let output = client(&server, &[], HELLO);
    assert_failed(
        &output,
        "the connection broke: connection reset by peer; 0 of 6 bytes came back",
    );
}

#[test]
fn a_server_that_leaves_is_told_while_the_input_waits() {
    for (resets, reason) in [
        (false, "the server closed the connection; 6 of 11 bytes came back"),
        (true, "the connection broke: connection reset by peer; 6 of 11 bytes came back"),
    ] {
        let (leave, told_to_leave) = cue();
        let server = Server::start(move |mut stream| {
            let message = echo_hello(&mut stream)?;
            // Unread, it would make the end a reset.
            receive(&mut stream, 5)?;
            told_to_leave()?;
            if resets {
                reset(&stream)?;
            }
            Ok(message)
        });
        let mut client = Client::start(&server, &[]);
        client.enter(b"hello\nunfin");
        client.expect(HELLO);
        leave();
        assert_failed(&client.finish(), reason);
    }
}

#[test]
fn bytes_that_were_never_sent_are_told_and_made_harmless() {
    let server = Server::start(|mut stream| {
        let message = receive(&mut stream, 3)?;
        stream.write_all(b"hi\n\x1b[2Jhow are you?")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(message)
    });
    let output = client(&server, &[], b"hi\n");
    assert_failed(&output, r#"the server sent more than the echo: "\x1b[2Jhow are you?""#);
    assert_eq!(output.stdout, b"hi\n");
}

#[test]
fn who_cannot_be_reached_is_exit_code_3() {
    // Bound, it keeps its port, at which nobody listens.
    let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    deaf.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    let refused = deaf.local_addr().expect("bound").as_socket().expect("IPv4").to_string();
    // Two dots in a row: no name server need be asked.
    for (target, reason) in
        [(refused.as_str(), "connection refused"), ("no..such", "cannot resolve")]
    {
        let mut command = command_to(target, &[]);
        let output = command.stdin(Stdio::null()).output().expect("it ran");
        assert_eq!(output.status.code(), Some(3), "{target}");
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1);
    }
}

#[test]
fn an_input_that_cannot_be_read_is_told() {
    let server = Server::start(echo);
    let mut command = command(&server, &[]);
    let output = command.stdin(File::open("/").expect("a folder")).output().expect("it ran");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stderr(&output), "error: cannot read stdin: is a directory\n");
}

#[test]
fn a_complaint_that_nobody_can_hear_is_still_an_exit_code() {
    let (deaf, nobody) = UnixStream::pair().expect("two sockets");
    nobody.shutdown(Shutdown::Both).expect("open");
    let full = File::options().write(true).open("/dev/full").expect("a device");
    for stderr in [OwnedFd::from(deaf).into(), Stdio::from(full)] {
        let server = Server::start(|mut stream| receive(&mut stream, HELLO.len()));
        let mut command = command(&server, &["--message", "hello\n"]);
        let child = command.stdin(Stdio::null()).stderr(stderr).spawn().expect("it starts");
        assert_eq!(finish(child).status.code(), Some(1));
    }
}
