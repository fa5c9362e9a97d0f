//! Through a pipe: what goes in comes out, as it is, and nothing else.

use std::fs::File;
use std::io::{Read, Write};

use crate::support::{Client, Server, assert_well, client, command, echo};

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
        b"exit",
        b"exit\n",
        b"exit\r\n",
        b"a\nexit\nb",
        b"a\nexit\n",
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
