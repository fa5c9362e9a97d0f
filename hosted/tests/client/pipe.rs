//! Through a pipe: what goes in comes out, line by line, and nothing else.

use std::fs::File;
use std::io::{Read, Write};
use std::time::Duration;

use crate::support::{Client, PATIENCE, Server, assert_well, client, command, echo, receive};

#[test]
fn a_pipe_comes_back_identical() {
    let every: Vec<u8> = (0..=255).collect();
    let long = vec![b'x'; 200_000];
    for text in [
        &b""[..],
        b"\n",
        b"hello\n",
        b"no newline",
        b"a\n\n\nb\r\n",
        b"\x1b[31m\0\xff\xfe\n\0",
        b"exits\n exit\nexit now\n",
        &every,
        &long,
    ] {
        let server = Server::start(echo);
        let output = client(&server, &[], text);
        assert_well(&output);
        assert!(output.stdout == text, "{:?}", text.escape_ascii().to_string());
        assert_eq!(server.saw(), text, "sent once, then a FIN");
    }
}

#[test]
fn every_size_of_buffer_will_do() {
    let text = b"one\ntwo \xff\nthree".repeat(100);
    for size in ["1", "2", "7", "65536"] {
        let server = Server::start(echo);
        let output = client(&server, &["--buffer", size], &text);
        assert_well(&output);
        assert!(output.stdout == text, "--buffer {size}");
    }
}

#[test]
fn a_line_far_longer_than_all_buffers_is_pumped_both_ways() {
    let line: Vec<u8> =
        (0..8 << 20).map(|i| if i % 251 == 10 { 0 } else { (i % 251) as u8 }).collect();
    let server = Server::start(echo);
    let output = client(&server, &["--buffer", "65536"], &line);
    assert_well(&output);
    assert!(output.stdout == line);
}

#[test]
fn a_reply_in_pieces_of_one_byte_is_gathered() {
    let server = Server::start(|mut stream| {
        stream.set_nodelay(true)?;
        let mut seen = Vec::new();
        let mut byte = [0];
        while stream.read(&mut byte)? > 0 {
            stream.write_all(&byte)?;
            seen.push(byte[0]);
        }
        Ok(seen)
    });
    let output = client(&server, &[], b"first line\nsecond line\n");
    assert_well(&output);
    assert_eq!(output.stdout, b"first line\nsecond line\n");
}

#[test]
fn the_next_line_waits_for_the_reply() {
    let server = Server::start(|mut stream| {
        let first = receive(&mut stream, 4)?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        let early = stream.read(&mut [0]);
        assert!(early.is_err(), "the second line came before the reply: {early:?}");
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&first)?;
        Ok([first, echo(stream)?].concat())
    });
    let output = client(&server, &[], b"one\ntwo\n");
    assert_well(&output);
    assert_eq!(output.stdout, b"one\ntwo\n");
    assert_eq!(server.saw(), b"one\ntwo\n");
}

#[test]
fn a_reply_is_written_before_more_input_comes() {
    let server = Server::start(echo);
    let mut client = Client::start(&server, &[]);
    for line in [b"one\n", b"two\n"] {
        client.enter(line);
        client.expect(line);
    }
    client.end_input();
    assert_well(&client.finish());
}

#[test]
fn a_message_is_one_exchange_of_exactly_its_bytes() {
    for message in ["hello", "", "two\nlines\n", "Grüße"] {
        let server = Server::start(echo);
        let output = client(&server, &["--message", message], b"not read\n");
        assert_well(&output);
        assert_eq!(output.stdout, message.as_bytes());
        assert_eq!(server.saw(), message.as_bytes());
    }
}

#[test]
fn one_shot_is_one_line_or_the_message() {
    for (flags, sent) in
        [(&["--one-shot"][..], "one\n"), (&["-1"], "one\n"), (&["-1", "--message", "text"], "text")]
    {
        let server = Server::start(echo);
        let output = client(&server, flags, b"one\ntwo\n");
        assert_well(&output);
        assert_eq!(output.stdout, sent.as_bytes());
        assert_eq!(server.saw(), sent.as_bytes());
    }
}

#[test]
fn the_input_may_be_a_file_or_nothing() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"a\n\0b").expect("space");
    for (path, text) in [(file.path(), &b"a\n\0b"[..]), ("/dev/null".as_ref(), b"")] {
        let server = Server::start(echo);
        let mut command = command(&server, &[]);
        let output = command.stdin(File::open(path).expect("a file")).output().expect("it ran");
        assert_well(&output);
        assert_eq!(output.stdout, text);
    }
}
