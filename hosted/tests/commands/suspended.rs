//! An instrument that is stopped by its user, as Ctrl+Z does, and goes on later.

use std::io::Write;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::rate::{LENGTH, json};
use crate::support::{PATIENCE, Program, at_once, hosted, message, peer};

/// Longer than the limit of a message.
const STOPPED: Duration = Duration::from_millis(4_500);

/// As short as delays of a busy machine are.
const BRIEFLY: Duration = Duration::from_millis(300);

/// `timeout` sends both, to a program that runs. It is stopped here so that they come together.
#[test]
fn to_be_ended_and_continued_is_no_stop() {
    let (held, holds) = mpsc::channel();
    let target = peer(move |_, mut stream| {
        let Some(first) = message(&stream, LENGTH) else { return };
        let _ = stream.write_all(&first);
        if message(&stream, LENGTH).is_some() {
            held.send(()).expect("the test waits");
        }
        // The second message is not answered.
        let _ = message(&stream, 1);
    });
    let mut command = hosted();
    command.args(["rate", &target.to_string(), "--no-plot", "-J"]);
    let program = Program::start(&mut command);
    holds.recv_timeout(PATIENCE).expect("a message");
    program.signal(Signal::STOP);
    program.signal(Signal::TERM);
    program.signal(Signal::CONT);
    let ended = program.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let report = json(&ended);
    assert_eq!(report["interrupted"]["stops"], 0, "{report}");
    assert_eq!(report["interrupted"]["messages"], 0, "{report}");
    assert_eq!(report["under_way"]["messages"], 1, "{report}");
}

#[test]
fn what_is_in_flight_while_it_is_stopped_is_neither_echoed_nor_failed() {
    at_once([(1, STOPPED), (4, STOPPED), (1, BRIEFLY), (4, BRIEFLY)], |(connections, stopped)| {
        let (held, holds) = mpsc::channel();
        let free = Arc::new(Barrier::new(connections + 1));
        let target = peer({
            let free = free.clone();
            move |number, mut stream| {
                for turn in 0.. {
                    let Some(message) = message(&stream, LENGTH) else { return };
                    let last = number < connections && turn == 3;
                    if last {
                        held.send(()).expect("the test waits");
                        free.wait();
                    }
                    let _ = stream.write_all(&message);
                    // As a server with an idle limit closes who says nothing.
                    if last {
                        return;
                    }
                }
            }
        });
        let mut command = hosted();
        command.args(["rate", &target.to_string(), "--no-plot", "-J", "-c", "100"]);
        command.args(["--timeout", "4s", "-P", &connections.to_string()]);
        let program = Program::start(&mut command);
        for _ in 0..connections {
            holds.recv_timeout(PATIENCE).expect("a message");
        }
        program.signal(Signal::STOP);
        free.wait();
        thread::sleep(stopped);
        program.signal(Signal::CONT);
        let ended = program.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
        let report = json(&ended);
        let told = |key: &str| report["interrupted"][key].as_u64().expect("a number");
        assert!(told("messages") >= connections as u64, "{report}");
        assert_eq!(report["echoed"].as_u64().expect("a number") + told("messages"), 100);
        assert_eq!((&report["complete"], &report["sent"]), (&true.into(), &100.into()));
        assert_eq!(report["closed_while_idle"], connections);
        assert!(told("stops") >= 1, "{report}");
        assert!(u128::from(told("stopped_ns")) >= stopped.as_nanos() / 2, "{report}");
        // Nor does anybody wait for them.
        assert!(report["elapsed_s"].as_f64() < Some(60.0), "{report}");
    });
}
