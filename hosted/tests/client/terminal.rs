//! On a terminal it is a dialogue.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{PATIENCE, Server, command, cue, echo, finish};

#[test]
fn a_terminal_shows_a_dialogue() {
    let server = Server::start(echo);
    let mut terminal = Terminal::start(&server, &[]);
    terminal.expect("To server < ");
    terminal.enter("hello\n");
    terminal.expect("From server > hello\r\nTo server < ");
    terminal.enter("\n");
    terminal.expect("To server < ");
    terminal.enter("gr\u{fc}\u{df}e \x16\x1b[2J\n");
    terminal.expect("From server > gr\u{fc}\u{df}e \\x1b[2J\r\nTo server < ");
    terminal.enter("unended\x04");
    terminal.enter("\x04");
    terminal.expect("\r\nFrom server > unended\r\n");
    assert_eq!(terminal.finish(), (Some(0), String::new()));
    assert_eq!(server.saw(), "hellogr\u{fc}\u{df}e \x1b[2Junended".as_bytes(), "no newlines");
}

#[test]
fn a_terminal_is_told_at_once_that_the_server_left() {
    let (leave, told_to_leave) = cue();
    let server = Server::start(move |stream| {
        told_to_leave()?;
        drop(stream);
        Ok(vec![])
    });
    let mut terminal = Terminal::start(&server, &[]);
    terminal.expect("To server < ");
    leave();
    terminal.expect("\r\nerror: the server closed the connection\r\n");
    assert_eq!(terminal.finish().0, Some(1));
}

#[test]
fn a_terminal_is_left_by_exit_and_by_the_end_of_input() {
    // A server that does not know the word echoes it.
    for (keys, rest) in [("exit\n", "exit\r\nFrom server > exit\r\n"), ("\x04", "\r\n")] {
        let server = Server::start(echo);
        let mut terminal = Terminal::start(&server, &[]);
        terminal.expect("To server < ");
        terminal.enter(keys);
        assert_eq!(terminal.finish(), (Some(0), rest.into()));
    }
}

#[test]
fn one_shot_on_a_terminal_is_one_prompt() {
    let server = Server::start(echo);
    let mut terminal = Terminal::start(&server, &["--one-shot"]);
    terminal.expect("To server < ");
    terminal.enter("hi\n");
    assert_eq!(terminal.finish(), (Some(0), "hi\r\nFrom server > hi\r\n".into()));
}

#[test]
fn a_message_on_a_terminal_gets_a_line_and_no_prompt() {
    let server = Server::start(echo);
    let terminal = Terminal::start(&server, &["--message", "a\tb"]);
    assert_eq!(terminal.finish(), (Some(0), "a\\tb\r\n".into()));
}

#[test]
fn a_stream_is_shown_line_by_line_and_made_harmless() {
    let server = Server::start(echo);
    let terminal = Terminal::fed(&server, b"a\n\x1b[2J\nexit\n\nb");
    assert_eq!(terminal.finish(), (Some(0), "a\r\n\\x1b[2J\r\nexit\r\n\r\nb\r\n".into()));
    assert_eq!(server.saw(), b"a\n\x1b[2J\nexit\n\nb");
}

/// `hosted client` on a terminal of its own, which echoes what is typed.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    /// Shown, and not yet expected.
    shown: String,
}

impl Terminal {
    fn start(server: &Server, flags: &[&str]) -> Self {
        Self::open(command(server, flags), None)
    }

    /// Its input is `text`, and not what is typed.
    fn fed(server: &Server, text: &[u8]) -> Self {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text).and_then(|()| file.rewind()).expect("space");
        Self::open(command(server, &[]), Some(file.into()))
    }

    fn open(mut command: Command, stdin: Option<Stdio>) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("ours");
        let path = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
        // Not our controlling terminal: it is opened where there is no session to lead.
        let theirs =
            rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
                .map(File::from)
                .expect("the other side");
        let stdio = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        let child = command
            .stdin(stdin.unwrap_or_else(stdio))
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("it starts");
        let keyboard = File::from(ours);
        let mut glass = keyboard.try_clone().expect("a descriptor");
        let (show, screen) = mpsc::channel();
        // Ends when nobody has the other side open any more.
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = glass.read(&mut buffer) {
                let _ = show.send(buffer[..n].to_vec());
            }
        });
        Self { child, keyboard, screen, shown: String::new() }
    }

    /// Types `keys`, of which nothing is to be seen before they are expected.
    fn enter(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("somebody reads");
    }

    /// Waits until `text` is shown; what is typed is shown before it.
    fn expect(&mut self, text: &str) {
        while !self.shown.contains(text) {
            let more = self.screen.recv_timeout(PATIENCE);
            let more = more.unwrap_or_else(|_| panic!("no {text:?} after {:?}", self.shown));
            self.shown += &String::from_utf8_lossy(&more);
        }
        let (_, rest) = self.shown.split_once(text).expect("contained");
        self.shown = rest.into();
    }

    /// The exit code, and the rest of what is shown.
    fn finish(mut self) -> (Option<i32>, String) {
        let output = finish(self.child);
        while let Ok(more) = self.screen.recv_timeout(PATIENCE) {
            self.shown += &String::from_utf8_lossy(&more);
        }
        (output.status.code(), self.shown)
    }
}
