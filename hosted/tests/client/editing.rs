//! On a terminal the client edits the lines itself, and leaves the terminal as it was.

use std::io::{Read, Write};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{HELLO, Server, cue, echo, receive, reset};
use crate::terminal::Terminal;

/// Ctrl+C, Ctrl+D, Ctrl+Z.
const INTERRUPT: &str = "\x03";
const END: &str = "\x04";
const SUSPEND: &str = "\x1a";

#[test]
fn lines_go_back_and_forth() {
    let server = Server::start(echo);
    let mut terminal = Terminal::start(&server, &[]);
    terminal.expect("To server < ");
    terminal.enter("hello\r");
    terminal.expect("To server < hello\r\nFrom server > hello\r\nTo server < ");
    terminal.enter("\n");
    terminal.expect("To server < \r\nTo server < ");
    // Quoted, a key is text.
    terminal.enter("gr\u{fc}\u{df}e\t\x16\x1b[2J\r");
    let line = "gr\u{fc}\u{df}e\\t\\x1b[2J";
    terminal.expect(&format!("< {line}\r\nFrom server > {line}\r\nTo server < "));
    terminal.enter(b"\xfc\r");
    terminal.expect("To server < \\xfc\r\nFrom server > \\xfc\r\nTo server < ");
    terminal.enter(END);
    assert_eq!(terminal.finish(), (Some(0), "\r\n".into()));
    assert_eq!(server.saw(), b"hellogr\xc3\xbc\xc3\x9fe\t\x1b[2J\xfc", "no newlines");
}

#[test]
fn arrows_edit_the_line_and_call_back_others() {
    let server = Server::start(echo);
    let mut terminal = Terminal::start(&server, &[]);
    for (keys, line) in [
        ("helo\x1b[Dl\r", "hello"),
        ("two\x1bOH\x1b[Cx\x1b[3~\x1b[F!\r", "txo!"),
        ("\x1b[A\x1b[A\x1b[A\x7fp\r", "hellp"),
        ("new\x1b[A\x1b[B\x1b[5~er\r", "newer"),
    ] {
        terminal.expect("To server < ");
        terminal.enter(keys);
        terminal.expect(&format!("To server < {line}\r\nFrom server > {line}\r\n"));
    }
    terminal.expect("To server < ");
    terminal.enter("exit\r");
    let rest = "To server < exit\r\nFrom server > exit\r\n";
    assert_eq!(terminal.finish(), (Some(0), rest.into()));
    assert_eq!(server.saw(), b"hellotxo!hellpnewerexit");
}

#[test]
fn pastes_arrive_whole_and_line_by_line() {
    let long = "0123456789".repeat(10_000);
    for [begin, end] in [["\x1b[200~", "\x1b[201~"], ["", ""]] {
        let server = Server::start(echo);
        let mut terminal = Terminal::start(&server, &[]);
        terminal.expect("To server < ");
        terminal.enter(format!("{begin}short\r{long}\r\r{long}{end}"));
        for line in ["short", &long] {
            terminal.expect(&format!("To server < {line}\r\nFrom server > {line}\r\n"));
        }
        terminal.expect("To server < \r\nTo server < ");
        // What is edited stays in one row.
        terminal.expect(&long[long.len() - 67..]);
        terminal.enter("\r");
        terminal.expect(&format!("To server < {long}\r\nFrom server > {long}\r\nTo server < "));
        terminal.enter(END);
        assert_eq!(terminal.finish().0, Some(0));
        assert!(server.saw() == ["short", &long, &long].concat().as_bytes());
    }
}

#[test]
fn the_row_follows_the_window() {
    let server = Server::start(echo);
    let mut terminal = Terminal::start(&server, &[]);
    terminal.expect("To server < ");
    terminal.enter("0123456789");
    terminal.expect("0123456789");
    terminal.resize(20);
    terminal.expect("To server < 3456789");
    terminal.enter("\x01\x04");
    terminal.expect("To server < 1234567\x1b[7D");
    terminal.enter("\r");
    terminal.expect("To server < 123456789\r\nFrom server > 123456789\r\nTo server < ");
    terminal.enter(END);
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn what_is_typed_ahead_waits_for_the_echo() {
    let (tell, came) = mpsc::channel();
    let (answer, may_answer) = cue();
    let server = Server::start(move |mut stream| {
        let first = receive(&mut stream, 3)?;
        tell.send(()).expect("the test waits");
        may_answer()?;
        stream.write_all(&first)?;
        echo(stream)
    });
    let mut terminal = Terminal::start(&server, &[]);
    terminal.expect("To server < ");
    terminal.enter("one\r");
    came.recv().expect("the server is there");
    terminal.enter("two\rthree");
    answer();
    terminal
        .expect("From server > one\r\nTo server < two\r\nFrom server > two\r\nTo server < three");
    terminal.enter("\r");
    terminal.expect("From server > three\r\nTo server < ");
    terminal.enter(END);
    assert_eq!(terminal.finish().0, Some(0));
    assert_eq!(server.saw(), b"twothree");
}

#[test]
fn a_server_that_leaves_is_told_below_the_line() {
    for (resets, reason) in [
        (false, "the server closed the connection"),
        (true, "the connection broke: connection reset by peer"),
    ] {
        let (leave, told_to_leave) = cue();
        let server = Server::start(move |stream| {
            told_to_leave()?;
            if resets {
                reset(&stream)?;
            }
            Ok(vec![])
        });
        let mut terminal = Terminal::start(&server, &[]);
        terminal.expect("To server < ");
        terminal.enter("unfinished\x01");
        terminal.expect("To server < unfinished\x1b[10D");
        leave();
        terminal.expect(&format!("\r\nerror: {reason}\r\n"));
        assert_eq!(terminal.finish(), (Some(1), String::new()));
    }
}

#[test]
fn bytes_that_nobody_asked_for_are_told_below_the_line() {
    let (speak, told_to_speak) = cue();
    let server = Server::start(move |mut stream| {
        told_to_speak()?;
        stream.write_all(b"\x1b[2Jboo")?;
        stream.read_to_end(&mut vec![])?;
        Ok(vec![])
    });
    let mut terminal = Terminal::start(&server, &[]);
    terminal.enter("unfinished");
    terminal.expect("To server < unfinished");
    speak();
    let error = "\r\nerror: the server sent more than the echo: \"\\x1b[2Jboo\"\r\n";
    assert_eq!(terminal.finish(), (Some(1), error.into()));
}

#[test]
fn whatever_ends_it_the_terminal_is_as_it_was() {
    type Act = (&'static str, fn(&mut Terminal));
    let acts: [Act; 5] = [
        ("Ctrl+C", |terminal| terminal.enter(INTERRUPT)),
        ("SIGTERM", |terminal| terminal.signal(Signal::TERM)),
        ("SIGHUP", |terminal| terminal.signal(Signal::HUP)),
        // In mid-line it is no end.
        ("Ctrl+D", |terminal| terminal.enter(format!("\x01{END}\x15\x0b{END}"))),
        // A shell that ends a job that is stopped sends both.
        ("SIGTERM and SIGCONT", |terminal| {
            terminal.stop();
            terminal.cook();
            terminal.signal(Signal::TERM);
            terminal.signal(Signal::CONT);
        }),
    ];
    for (name, act) in acts {
        let server = Server::start(echo);
        let mut terminal = Terminal::start(&server, &[]);
        terminal.expect("To server < ");
        assert!(!terminal.is_cooked());
        terminal.enter("line");
        terminal.expect("To server < line");
        act(&mut terminal);
        let (code, rest) = terminal.finish();
        assert_eq!(code, Some(0), "{name}");
        assert!(rest.ends_with("\r\n"), "{name}: the shell has a line of its own: {rest:?}");
    }
}

/// They are no request, but they end it.
#[test]
fn other_signals_leave_the_terminal_as_it_was_as_well() {
    for signal in
        [Signal::QUIT, Signal::ABORT, Signal::ALARM, Signal::USR1, Signal::USR2, Signal::XCPU]
    {
        let server = Server::start(echo);
        let mut terminal = Terminal::shell(&server, "ulimit -c 0; exec \"$@\"");
        terminal.expect("To server < ");
        assert!(!terminal.is_cooked());
        terminal.signal(signal);
        assert_eq!(terminal.finish().0, None, "{signal:?} is told to who waits for it");
    }
}

#[test]
fn a_time_out_and_a_signal_are_heard_while_an_echo_is_due() {
    for interrupted in [false, true] {
        let (tell, came) = mpsc::channel();
        let server = Server::start(move |mut stream| {
            let message = receive(&mut stream, HELLO.len() - 1)?;
            tell.send(()).expect("the test waits");
            stream.read_to_end(&mut vec![])?;
            Ok(message)
        });
        let limit = if interrupted { "-1" } else { "1s" };
        let mut terminal = Terminal::start(&server, &["--timeout", limit]);
        terminal.expect("To server < ");
        terminal.enter("hello\r");
        came.recv().expect("the server is there");
        if interrupted {
            terminal.enter(INTERRUPT);
            assert_eq!(terminal.finish().0, Some(0));
        } else {
            terminal.expect("error: no answer for 1s (--timeout); 0 of 5 bytes came back\r\n");
            assert_eq!(terminal.finish().0, Some(1));
        }
    }
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_shows_the_line_again() {
    let server = Server::start(echo);
    let script = "\"$@\"; echo stopped; read -r answer; fg; echo \"code $?\"";
    let mut terminal = Terminal::shell(&server, script);
    terminal.expect("To server < ");
    terminal.enter("abc\x1b[D");
    terminal.expect("To server < abc\x1b[1D");
    terminal.enter(SUSPEND);
    terminal.expect("stopped\r\n");
    assert!(terminal.is_cooked());
    terminal.enter("go on\n");
    terminal.expect("To server < abc\x1b[1D");
    assert!(!terminal.is_cooked());
    terminal.enter("!\r");
    terminal.expect("To server < ab!c\r\nFrom server > ab!c\r\nTo server < ");
    terminal.enter(END);
    terminal.expect("code 0\r\n");
    assert_eq!(terminal.finish(), (Some(0), String::new()));
    assert_eq!(server.saw(), b"ab!c");
}

#[test]
fn after_a_stop_that_came_from_outside_the_modes_are_set_again() {
    let server = Server::start(echo);
    let mut terminal = Terminal::start(&server, &[]);
    terminal.expect("To server < ");
    terminal.enter("abc");
    terminal.expect("To server < abc");
    terminal.stop();
    terminal.cook();
    terminal.signal(Signal::CONT);
    terminal.expect("To server < abc");
    assert!(!terminal.is_cooked());
    terminal.enter("\x15");
    terminal.expect("To server < ");
    terminal.enter(END);
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn a_job_that_is_stopped_can_be_ended() {
    let script = "sh -c 'echo \"pid $$.\"; exec \"$@\"' sh \"$@\"
        kill %1; kill -CONT %1; code=148
        while [ $code -gt 128 ]; do wait %1; code=$?; done; echo \"code $code\"";
    for from_outside in [false, true] {
        let server = Server::start(echo);
        let mut terminal = Terminal::shell(&server, script);
        terminal.expect("pid ");
        let pid = terminal.expect(".").parse().ok().and_then(Pid::from_raw);
        terminal.expect("To server < ");
        if from_outside {
            kill_process(pid.expect("a number"), Signal::STOP).expect("it runs");
        } else {
            terminal.enter(SUSPEND);
        }
        // In the background it must not touch the modes, or it is stopped again.
        terminal.expect("code 0\r\n");
        terminal.cook();
        assert_eq!(terminal.finish(), (Some(0), String::new()));
    }
}
