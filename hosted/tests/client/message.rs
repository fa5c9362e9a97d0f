//! One message: `--message`, and `--one-shot` through a pipe.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Server, assert_failed, assert_well, client, echo, receive};

#[test]
fn a_message_is_one_exchange_of_exactly_its_bytes() {
    for message in ["hello", "", "two\nlines\n", "Grüße", "exit", "exit\n"] {
        let server = Server::start(echo);
        let output = client(&server, &["--message", message], b"not read\n");
        assert_well(&output);
        assert_eq!(output.stdout, message.as_bytes());
        assert_eq!(server.saw(), message.as_bytes());
    }
}

#[test]
fn an_echo_that_differs_is_written_and_told() {
    for flags in [&["--message", "hello\n"][..], &["--one-shot"]] {
        let server = Server::start(|mut stream| {
            let mut seen = receive(&mut stream, 6)?;
            seen[4] ^= 1;
            stream.write_all(&seen)?;
            stream.read_to_end(&mut Vec::new())?;
            Ok(seen)
        });
        let output = client(&server, flags, b"hello\n");
        assert_failed(&output, "6 bytes came back, as many as were sent, but not the same");
        assert_eq!(output.stdout, b"helln\n");
    }
}

#[test]
fn one_shot_is_one_line_or_the_message() {
    for (flags, input, sent) in [
        (&["--one-shot"][..], "one\ntwo\n", "one\n"),
        (&["-1"], "one\ntwo\n", "one\n"),
        (&["-1"], "exit\ntwo\n", "exit\n"),
        (&["-1", "--message", "text"], "one\ntwo\n", "text"),
    ] {
        let server = Server::start(echo);
        let output = client(&server, flags, input.as_bytes());
        assert_well(&output);
        assert_eq!(output.stdout, sent.as_bytes());
        assert_eq!(server.saw(), sent.as_bytes());
    }
}

#[test]
fn a_message_that_is_exit_ends_it_with_a_server_that_knows_the_word() {
    for (flags, input) in [
        (&["--message", "exit"][..], ""),
        (&["--message", "exit\n"], ""),
        (&["--message", "exit\r\n"], ""),
        // Whoever gives one message means it, however it is given.
        (&["--one-shot"], "exit\n"),
    ] {
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
        let output = client(&server, flags, input.as_bytes());
        assert_well(&output);
        assert_eq!(output.stdout, b"");
        let word = flags.get(1).unwrap_or(&input);
        assert_eq!(server.saw(), word.as_bytes());
    }
}

#[test]
fn the_message_exit_ends_it_with_a_server_that_does_nothing() {
    let server = Server::start(|mut stream| {
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen)?;
        Ok(seen)
    });
    let started = Instant::now();
    assert_well(&client(&server, &["--message", "exit"], b""));
    assert!(started.elapsed() < PATIENCE / 2);
}
