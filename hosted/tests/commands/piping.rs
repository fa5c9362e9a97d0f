//! Files that are sent through the server and come back as they were.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use echo_core::{CloseReason, Rules};
use hosted::server::Config;
use socket2::SockRef;

use crate::support::{Echo, config, connect, expect, loopback, noise, ping, pipe, rest};

/// Buffers from one byte to the largest.
const CHUNKS: [usize; 4] = [1, 7, 1024, 65_536];

#[test]
fn random_bytes_come_back_whatever_the_buffer() {
    for (chunk, length) in CHUNKS.into_iter().zip([100_000, 300_000, 4 << 20, 16 << 20]) {
        let echo = Echo::with(Rules { chunk, ..Rules::default() });
        let file = noise(length);
        assert!(pipe(echo.address, &file) == file, "buffer {chunk}");
        let totals = echo.stop();
        assert_eq!(totals.bytes, length as u64, "buffer {chunk}");
        assert_eq!(totals.closed(CloseReason::Disconnected), 1, "buffer {chunk}");
    }
}

#[test]
fn many_files_at_once_do_not_mix() {
    let echo = Echo::start(Config { threads: 4, ..config() });
    let noise = noise(1 << 20);
    thread::scope(|scope| {
        for part in noise.chunks(64 << 10) {
            let address = echo.address;
            scope.spawn(move || assert!(pipe(address, part) == part));
        }
    });
    let totals = echo.stop();
    assert_eq!((totals.connections(), totals.bytes), (16, 1 << 20));
}

/// Starts a server only when the client has sent all that it will: so no pause,
/// however slow the machine, can make a command of a word.
fn at_once(chunk: usize, send: impl FnOnce(&mut TcpStream)) -> (Echo, TcpStream) {
    let listener = loopback();
    let mut client = connect(listener.local_addr().expect("bound"));
    send(&mut client);
    let rules = Rules { chunk, ..Rules::default() };
    (Echo::on(listener, Config { rules, ..config() }), client)
}

fn pipe_at_once(chunk: usize, file: &[u8]) -> Vec<u8> {
    let (_echo, client) = at_once(chunk, |client| {
        client.write_all(file).expect("fits into the system's buffers");
        client.shutdown(Shutdown::Write).expect("half-closed");
    });
    rest(&client)
}

/// All of it lies there before the first read, which ends at the urgent byte: nothing more is
/// to come that would make the server look again.
#[test]
fn what_lies_behind_an_urgent_byte_comes_back_at_once() {
    for chunk in CHUNKS {
        let (_echo, mut client) = at_once(chunk, |client| {
            client.write_all(b"before").expect("sent");
            SockRef::from(&*client).send_out_of_band(b"!").expect("sent");
            client.write_all(b"after").expect("sent");
        });
        expect(&mut client, b"before!after");
        ping(&mut client, b"still there");
    }
}

#[test]
fn a_file_of_exit_lines_comes_back() {
    for line in ["exit\n", "exit\r\n", "exit"] {
        let file = line.repeat(4000).into_bytes();
        for chunk in [1, 2, 3, 4, 5, 6, 7, 1024, 65_536] {
            assert!(pipe_at_once(chunk, &file) == file, "{line:?}, buffer {chunk}");
        }
    }
}

#[test]
fn a_tail_that_is_exit_comes_back() {
    for chunk in CHUNKS {
        for chunks in [1, 2, 16, 17] {
            let body = noise((chunks * chunk).min(65_536));
            for word in ["exit", "exit\n", "exit\r\n"] {
                let file = [&body, word.as_bytes()].concat();
                let echoed = pipe_at_once(chunk, &file);
                assert!(echoed == file, "{word:?} after {} bytes, buffer {chunk}", body.len());
            }
        }
    }
}

#[test]
fn the_word_after_a_full_buffer_is_data_even_if_nothing_follows() {
    for chunk in CHUNKS {
        let file = [&noise(chunk), &b"exit"[..]].concat();
        let (_echo, mut client) = at_once(chunk, |client| client.write_all(&file).expect("sent"));
        expect(&mut client, &file);
        ping(&mut client, b"still there");
    }
}

#[test]
fn a_file_that_is_the_beginning_of_the_word_comes_back() {
    for file in ["e", "ex", "exi", "exit\r"] {
        assert_eq!(pipe_at_once(1024, file.as_bytes()), file.as_bytes());
    }
}

#[test]
fn a_file_that_is_the_word_is_the_command() {
    for file in ["exit", "exit\n", "exit\r\n"] {
        assert_eq!(pipe_at_once(1024, file.as_bytes()), b"", "{file:?}");
    }
}
