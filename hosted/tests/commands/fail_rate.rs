//! `hosted fail-rate`: goes on after failures, and distinguishes them.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use serde_json::Value;
use socket2::SockRef;

use crate::support::{Ended, at_once, loopback, message, peer, run};

const LENGTH: usize = 1000;

/// Echoes this many messages, or until the client leaves.
fn echo(mut stream: &TcpStream, messages: usize) {
    for _ in 0..messages {
        let Some(message) = message(stream, LENGTH) else { return };
        let _ = stream.write_all(&message);
    }
}

/// A peer that fails in another way on each of the first connections: the second message of each.
fn villain() -> String {
    peer(|number, mut stream| {
        echo(&stream, 1);
        let Some(mut message) = message(&stream, LENGTH) else { return };
        let sent = match number {
            0 => Ok(()),
            1 => stream.write_all(&message[..999]),
            2 => {
                message[42] ^= 1;
                stream.write_all(&message)
            }
            3 => {
                message.extend(b"more");
                stream.write_all(&message)
            }
            4 => io::copy(&mut stream, &mut io::sink()).map(|_| ()),
            _ => {
                let _ = stream.write_all(&message);
                echo(&stream, usize::MAX);
                Ok(())
            }
        };
        sent.expect("sent");
        // The client decides when it is over.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = io::copy(&mut stream, &mut io::sink());
    })
    .to_string()
}

/// The parts are in the report. Of bytes it says no more than is sure: those of
/// a run are its own, and a wrong one may be like the right one by chance.
fn says(ended: &Ended, parts: &[&str]) {
    for part in parts {
        assert!(ended.stdout.contains(part), "{part:?} is not in {}", ended.stdout);
    }
}

#[test]
fn failures_are_counted_by_reason_and_do_not_stop_it() {
    let ended = run(&["fail-rate", &villain(), "-c", "20", "--timeout", "5s"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    says(
        &ended,
        &[
            "20 sent, 15 echoed, 5 failed (fail rate 25.0 %; ",
            "\nfailed: 1 timed out, 2 closed early, 1 differed, 1 with extra bytes\n",
            ": closed by the peer with 0 of 1000 bytes echoed\n",
            ": closed by the peer with 999 of 1000 bytes echoed\n",
            " differs at byte 42: 0x",
            "; the bytes after it are right\n",
            "\nmessages with wrong bytes:\n   1 with bits flipped (first in message ",
            " came back with at least 4 extra bytes\n",
            ": timed out with 0 of 1000 bytes echoed\n",
        ],
    );
    assert!(!ended.stdout.contains("stopped at"), "{}", ended.stdout);
}

#[test]
fn so_many_failures_may_be_allowed() {
    at_once([("4", 1), ("5", 0)], |(allowed, code)| {
        let args = ["-c", "20", "--timeout", "5s", "--max-fail", allowed, "-J"];
        let ended = run(&[&["fail-rate", &villain()], &args[..]].concat());
        assert_eq!(ended.code, Some(code), "{ended:?}");
        let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(report["command"], "fail-rate");
        assert_eq!(report["complete"], true);
        assert_eq!(report["fail_rate"], 0.25);
        assert_eq!(report["failed"]["closed_early"], 2);
    });
}

#[test]
fn nothing_failed_is_an_upper_bound() {
    for connections in ["1", "5"] {
        let ended = run(&["fail-rate", "--local", "-c", "300", "-P", connections, "--no-plot"]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let all = "300 sent, 300 echoed, 0 failed (fail rate below 1.00 % at 95 % confidence)";
        assert!(ended.stdout.contains(all), "{}", ended.stdout);
    }
}

#[test]
fn an_echo_of_an_earlier_message_is_traced() {
    let target = peer(|_, mut stream| {
        let first = message(&stream, LENGTH).expect("a message");
        let _ = stream.write_all(&first);
        while message(&stream, LENGTH).is_some() {
            let _ = stream.write_all(&first);
        }
    })
    .to_string();
    let ended = run(&["fail-rate", &target, "-c", "2"]);
    assert_eq!(ended.code, Some(1));
    says(
        &ended,
        &[
            ": message 1 differs at byte ",
            ", stale: byte ",
            " of message 0 on connection 0\n",
            "wrong bytes:\n   1 stale (first in message 1 at byte ",
            ": from message k-1 at byte ",
        ],
    );
}

#[test]
fn a_shifted_echo_is_traced() {
    let target = peer(|_, mut stream| {
        while let Some(message) = message(&stream, LENGTH) {
            let _ = stream.write_all(&[&message[..100], &message[104..], &[0; 4]].concat());
        }
    })
    .to_string();
    let ended = run(&["fail-rate", &target, "-c", "1"]);
    says(
        &ended,
        &[
            ": message 0 differs at byte 10",
            "; 4 bytes are missing\n",
            "wrong bytes:\n   1 with bytes missing (first in message 0 at byte 10",
            ": 4 bytes missing)\n",
        ],
    );
}

#[test]
fn a_server_that_is_gone_is_tried_again() {
    let listener = loopback();
    let target = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        // Ends it even if a program that another test starts has a copy for a moment.
        SockRef::from(&listener).shutdown(Shutdown::Both).expect("it listens");
        echo(&stream, 2);
    });
    let ended = run(&["fail-rate", &target, "-c", "6"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("6 sent, 2 echoed, 4 failed"), "{}", ended.stdout);
    assert!(ended.stdout.contains("3 refused"), "{}", ended.stdout);
}

#[test]
fn it_is_said_that_zeros_do_not_tell_everything() {
    let ended = run(&["fail-rate", "--local", "-c", "1", "--payload", "zero"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.starts_with("note: with --payload zero a late"), "{}", ended.stderr);
}
