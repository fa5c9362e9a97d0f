//! What comes through a pipe is a stream: sent as it comes, however long, and owed byte for byte.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, WaitOptions, kill_process, waitpid};

use crate::support::{
    Client, HELLO, Server, Service, assert_failed, assert_well, client, command_to, cue, echo,
    piped, receive, reset,
};

/// Lines, and the word that ends a session as one of them.
fn lines_with_exit() -> Vec<u8> {
    let line = |i: usize| if i == 20_000 { "exit\n".into() } else { format!("line {i}\n") };
    (0..20_101).map(line).collect::<String>().into_bytes()
}

/// Bytes of which no two neighbourhoods are alike.
fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[test]
fn a_file_with_a_line_exit_comes_back_identical() {
    let file = lines_with_exit();
    let server = Server::start(echo);
    let output = client(&server, &[], &file);
    assert_well(&output);
    assert!(output.stdout == file && server.saw() == file);

    for flags in [&[][..], &["--rfc862"]] {
        let service = Service::start(flags);
        for text in [&file[..], b"a\nexit", b"exit\nexit\n"] {
            let output = piped(command_to(service.target(), &[]), text);
            assert_well(&output);
            assert!(output.stdout == text, "{flags:?}: {} bytes", output.stdout.len());
        }
    }
}

#[test]
fn the_servers_rule_alone_decides_what_exit_is() {
    let pure = Service::start(&["--rfc862"]);
    let output = piped(command_to(pure.target(), &[]), b"exit\n");
    assert_well(&output);
    assert_eq!(output.stdout, b"exit\n");

    let service = Service::start(&[]);
    let output = piped(command_to(service.target(), &[]), b"exit\n");
    let hint = "(the message `exit` ends a session, unless the server runs with --rfc862)";
    let nothing = format!("the server closed the connection; 0 of 5 bytes came back {hint}");
    assert_failed(&output, &nothing);

    let mut client = Client::start_at(service.target(), &[]);
    client.enter(HELLO);
    client.expect(HELLO);
    // Its silence ends the session; the client goes on to wait for its input.
    client.enter(b"exit\n");
    let half = format!("the server closed the connection; 6 of 11 bytes came back {hint}");
    assert_failed(&client.finish(), &half);
}

#[test]
fn a_stream_waits_for_no_echo() {
    let server = Server::start(|mut stream| {
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen)?;
        stream.write_all(&seen)?;
        Ok(seen)
    });
    let output = client(&server, &[], b"one\ntwo\nthree");
    assert_well(&output);
    assert_eq!(output.stdout, b"one\ntwo\nthree");
}

#[test]
fn an_echo_that_is_shorter_is_told() {
    let server = Server::start(|mut stream| {
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen)?;
        stream.write_all(&seen[..seen.len() - 101])?;
        Ok(seen)
    });
    let output = client(&server, &[], &noise(100_000));
    assert_failed(&output, "the server closed the connection; 99 899 of 100 000 bytes came back");
    assert!(output.stdout == noise(100_000)[..99_899], "what came is written");
}

#[test]
fn an_echo_that_differs_is_told_and_written() {
    // Once the server closes after the last byte, once after our FIN.
    for waits in [false, true] {
        let (release, may_end) = cue();
        let server = Server::start(move |mut stream| {
            let mut seen = receive(&mut stream, 100_000)?;
            seen[54_321] ^= 1;
            stream.write_all(&seen)?;
            if waits {
                stream.read_to_end(&mut Vec::new())?;
            } else {
                stream.shutdown(Shutdown::Write)?;
                may_end()?;
            }
            Ok(seen)
        });
        let output = client(&server, &[], &noise(100_000));
        assert_failed(&output, "100 000 bytes came back, as many as were sent, but not the same");
        if !waits {
            release();
        }
        assert!(output.stdout == server.saw());
    }
}

#[test]
fn a_server_that_leaves_before_the_end_of_the_input_is_told() {
    let (leave, told_to_leave) = cue();
    let server = Server::start(move |mut stream| {
        let message = receive(&mut stream, HELLO.len())?;
        stream.write_all(&message)?;
        told_to_leave()?;
        Ok(message)
    });
    let mut client = Client::start(&server, &[]);
    client.enter(HELLO);
    client.expect(HELLO);
    leave();
    let reason = "the server closed the connection; 6 bytes came back, but there is more input";
    assert_failed(&client.finish(), reason);
}

#[test]
fn megabytes_pass_small_buffers_both_ways() {
    let text = noise(16 << 20);
    let server = Server::start(|stream| {
        let socket = socket2::SockRef::from(&stream);
        socket.set_recv_buffer_size(64 << 10)?;
        socket.set_send_buffer_size(64 << 10)?;
        let writer = stream.try_clone()?;
        // More than the buffers of both ends is in flight, before any of it comes back.
        let mut head = vec![0; 256 << 10];
        (&stream).read_exact(&mut head)?;
        (&writer).write_all(&head)?;
        io::copy(&mut &stream, &mut &writer)?;
        writer.shutdown(Shutdown::Write)?;
        Ok(head)
    });
    let output = client(&server, &["--buffer", "65536"], &text);
    assert_well(&output);
    assert!(output.stdout == text);
}

#[test]
fn a_slow_reader_holds_the_stream_up_and_costs_no_memory() {
    const LENGTH: usize = 64 << 20;
    let server = Server::start(|stream| {
        let writer = stream.try_clone()?;
        io::copy(&mut &stream, &mut &writer)?;
        writer.shutdown(Shutdown::Write)?;
        Ok(vec![])
    });
    let mut client = Client::start(&server, &["--buffer", "65536"]);
    let entered = Arc::new(AtomicUsize::new(0));
    let piece = noise(1 << 20);
    let writer = client.enter_in_pieces(&piece, LENGTH / piece.len(), Arc::clone(&entered));
    // Nobody reads: all buffers fill up. A machine that is merely slow passes, too.
    let mut before = usize::MAX;
    while entered.load(Ordering::Relaxed) != before {
        before = entered.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(500));
    }
    assert!(before < LENGTH, "all was taken, and none of it read");
    let status = fs::read_to_string(format!("/proc/{}/status", client.pid().as_raw_pid()));
    let status = status.expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(peak < 24 << 10, "{peak} kB");

    for _ in 0..LENGTH / piece.len() {
        client.expect(&piece);
    }
    writer.join().expect("all was taken");
    client.end_input();
    assert_well(&client.finish());
}

#[test]
fn a_reader_whose_pipe_does_not_block_gets_everything() {
    let server = Server::start(echo);
    let mut client = Client::start_unblocked(&server);
    let text = noise(4 << 20);
    let writer = client.enter_in_pieces(&text, 1, Arc::default());
    client.expect(&text);
    writer.join().expect("all was taken");
    client.end_input();
    assert_well(&client.finish());
}

#[test]
fn what_came_before_the_connection_broke_is_written() {
    let (echo_and_reset, told_to) = cue();
    let (tell, received) = cue();
    let server = Server::start(move |mut stream| {
        let message = receive(&mut stream, HELLO.len())?;
        tell();
        told_to()?;
        stream.write_all(&message)?;
        reset(&stream)?;
        Ok(message)
    });
    let mut client = Client::start(&server, &[]);
    // Far more than is taken: the client has something to send all the time.
    let writer = client.enter_in_pieces(HELLO, 10 << 20, Arc::default());
    received().expect("the client sends");
    // Asleep, it finds the echo and the end of the connection at once.
    let pid = client.pid();
    kill_process(pid, Signal::STOP).expect("it runs");
    waitpid(Some(pid), WaitOptions::UNTRACED).expect("it stops");
    echo_and_reset();
    server.saw();
    kill_process(pid, Signal::CONT).expect("it sleeps");
    client.expect(HELLO);
    let output = client.finish();
    drop(writer);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: the connection broke: "), "{stderr}");
    assert!(stderr.contains("; 6 of "), "{stderr}");
}
