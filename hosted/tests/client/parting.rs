//! How it ends: by the word, by the end of the input, by either side leaving, by a signal.

use std::io::{Read, Write};

use rustix::process::{Signal, WaitOptions, kill_process, waitpid};

use crate::support::{
    Client, HELLO, Server, assert_failed, assert_well, client, cue, echo, echo_hello, receive,
};

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
    assert_failed(&output, r#"the server sent more than the echo: "too late""#);
}

#[test]
fn a_server_that_closes_after_the_last_reply_is_no_failure() {
    let server = Server::start(|mut stream| echo_hello(&mut stream));
    let output = client(&server, &["--message", "hello\n"], b"");
    assert_well(&output);
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
