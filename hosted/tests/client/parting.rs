//! How it ends: by the word, by the end of the input, by either side leaving, by a signal.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitOptions, kill_process, waitpid};

use crate::support::{
    Client, HELLO, PATIENCE, Server, assert_failed, assert_well, client, cue, echo, echo_hello,
    receive,
};

#[test]
fn exit_ends_it_with_a_server_that_knows_the_word() {
    for word in ["exit", "exit\n", "exit\r\n"] {
        let server = Server::start(|mut stream| {
            let mut seen = vec![0; 100];
            let n = stream.read(&mut seen)?;
            // A FIN right behind the word would make it data.
            stream.set_read_timeout(Some(Duration::from_millis(200)))?;
            let fin = stream.read(&mut [0]);
            assert!(fin.is_err(), "the client did not wait: {fin:?}");
            seen.truncate(n);
            Ok(seen)
        });
        let input = [word.as_bytes(), b"never sent\n"].concat();
        // Without its newline the word is the last line.
        let input = if word.ends_with('\n') { &input } else { word.as_bytes() };
        let output = client(&server, &[], input);
        assert_well(&output);
        assert_eq!(output.stdout, b"");
        assert_eq!(server.saw(), word.as_bytes());
    }
}

#[test]
fn exit_ends_it_with_a_server_that_echoes_the_word() {
    let server = Server::start(echo);
    let output = client(&server, &[], b"hello\nexit\nnever sent\n");
    assert_well(&output);
    assert_eq!(output.stdout, b"hello\n");
    assert_eq!(server.saw(), b"hello\nexit\n");
}

#[test]
fn exit_ends_it_with_a_server_that_does_nothing() {
    let server = Server::start(|mut stream| {
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen)?;
        Ok(seen)
    });
    let started = Instant::now();
    let output = client(&server, &[], b"exit\n");
    assert_well(&output);
    assert!(started.elapsed() < PATIENCE / 2);
}

#[test]
fn the_end_of_input_does_not_wait_for_ever_for_the_servers() {
    let (leave, told_to_leave) = cue();
    let server = Server::start(move |stream| {
        let seen = echo(stream.try_clone()?)?;
        told_to_leave()?;
        drop(stream);
        Ok(seen)
    });
    assert_well(&client(&server, &[], HELLO));
    leave();
}

#[test]
fn the_end_of_input_is_a_fin_and_the_server_may_still_speak() {
    let server = Server::start(|stream| {
        let seen = echo(stream.try_clone()?)?;
        (&stream).write_all(b"too late")?;
        Ok(seen)
    });
    let output = client(&server, &[], HELLO);
    assert_failed(&output, r#"the server sent more than it was sent: "too late""#);
}

#[test]
fn a_server_that_closes_after_the_last_reply_is_no_failure() {
    let server = Server::start(|mut stream| echo_hello(&mut stream));
    let output = client(&server, &["--message", "hello\n"], b"");
    assert_well(&output);
    assert_eq!(output.stdout, b"hello\n");

    let server = Server::start(|mut stream| echo_hello(&mut stream));
    let output = client(&server, &[], b"hello\nand more\n");
    assert_eq!(output.status.code(), Some(1), "there was more to say");
    assert_eq!(output.stdout, b"hello\n");
}

#[test]
fn a_server_that_leaves_when_the_input_ends_is_no_failure() {
    let (leave, told_to_leave) = cue();
    let server = Server::start(move |mut stream| {
        let message = echo_hello(&mut stream)?;
        told_to_leave()?;
        Ok(message)
    });
    let mut client = Client::start(&server, &[]);
    client.enter(HELLO);
    client.expect(HELLO);
    // Asleep, the client finds both ends at once.
    let pid = client.pid();
    kill_process(pid, Signal::STOP).expect("it runs");
    waitpid(Some(pid), WaitOptions::UNTRACED).expect("it stops");
    leave();
    client.end_input();
    server.saw();
    kill_process(pid, Signal::CONT).expect("it sleeps");
    assert_well(&client.finish());
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let server = Server::start(echo);
    let mut client = Client::start(&server, &[]);
    client.stop_reading();
    client.enter(HELLO);
    assert_well(&client.finish());
}

#[test]
fn a_signal_ends_it_at_once_and_quietly() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (tell, the_message_came) = cue();
        let server = Server::start(move |mut stream| {
            let message = receive(&mut stream, HELLO.len())?;
            tell();
            stream.read_to_end(&mut Vec::new())?;
            Ok(message)
        });
        let mut client = Client::start(&server, &[]);
        client.enter(HELLO);
        the_message_came().expect("the client sends");
        kill_process(client.pid(), signal).expect("it runs");
        assert_well(&client.finish());
    }
}
