//! On a terminal, where it edits no lines: one that cannot (`TERM=dumb`), and what is no dialogue.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, Winsize, tcgetattr,
    tcsetattr, tcsetwinsize,
};

use crate::pty::{Shown, terminal};
use crate::support::{PATIENCE, Server, command, cue, echo, finish};

#[test]
fn a_terminal_shows_a_dialogue() {
    let server = Server::start(echo);
    let mut terminal = Terminal::dumb(&server, &[]);
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
    let mut terminal = Terminal::dumb(&server, &[]);
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
        let mut terminal = Terminal::dumb(&server, &[]);
        terminal.expect("To server < ");
        terminal.enter(keys);
        assert_eq!(terminal.finish(), (Some(0), rest.into()));
    }
}

#[test]
fn the_prompt_is_shown_again_after_a_stop() {
    let server = Server::start(echo);
    let mut terminal = Terminal::dumb(&server, &[]);
    terminal.expect("To server < ");
    terminal.stop();
    terminal.signal(Signal::CONT);
    terminal.expect("To server < ");
    terminal.enter("\x04");
    assert_eq!(terminal.finish(), (Some(0), "\r\n".into()));
}

#[test]
fn one_shot_on_a_terminal_is_one_prompt() {
    let server = Server::start(echo);
    let mut terminal = Terminal::dumb(&server, &["--one-shot"]);
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

/// `hosted client` on a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    /// The program's side: it stays open, so that its modes can be looked at.
    device: File,
    screen: mpsc::Receiver<Vec<u8>>,
    /// Shown, and not yet expected.
    shown: Vec<u8>,
    found: Termios,
}

impl Terminal {
    pub(crate) fn start(server: &Server, flags: &[&str]) -> Self {
        Self::open(command(server, flags), None)
    }

    fn dumb(server: &Server, flags: &[&str]) -> Self {
        Self::dumb_of(command(server, flags))
    }

    pub(crate) fn dumb_of(mut command: Command) -> Self {
        command.env("TERM", "dumb");
        Self::open(command, None)
    }

    /// Its input is `text`, and not what is typed.
    fn fed(server: &Server, text: &[u8]) -> Self {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text).and_then(|()| file.rewind()).expect("space");
        Self::open(command(server, &[]), Some(file.into()))
    }

    /// What a shell does with the command: `$@` in `script`.
    pub(crate) fn shell(server: &Server, script: &str) -> Self {
        let client = command(server, &[]);
        let mut shell = Command::new("sh");
        shell.args(["-mc", script, "sh"]).arg(client.get_program()).args(client.get_args());
        Self::open(shell, None)
    }

    fn open(command: Command, stdin: Option<Stdio>) -> Self {
        let (keyboard, device) = terminal();
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&keyboard, size).expect("a terminal");
        let stdio = || Stdio::from(device.try_clone().expect("a descriptor"));
        let found = tcgetattr(&device).expect("a terminal");
        // It is that of the program, whose keys are signals there.
        let mut session = Command::new("setsid");
        if stdin.is_none() {
            session.arg("--ctty");
        }
        session.arg(command.get_program()).args(command.get_args()).env("TERM", "xterm");
        for (name, value) in command.get_envs() {
            session.env(name, value.expect("none is removed"));
        }
        let child = session
            .stdin(stdin.unwrap_or_else(stdio))
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("it starts");
        let mut glass = Shown(keyboard.try_clone().expect("a descriptor"));
        let (show, screen) = mpsc::channel();
        // Ends when nobody has the other side open any more.
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = glass.read(&mut buffer) {
                let _ = show.send(buffer[..n].to_vec());
            }
        });
        Self { child, keyboard, device, screen, shown: Vec::new(), found }
    }

    /// Types `keys`, of which nothing is to be seen before they are expected.
    pub(crate) fn enter(&mut self, keys: impl AsRef<[u8]>) {
        self.keyboard.write_all(keys.as_ref()).expect("somebody reads");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Stops it, and waits until it has stopped.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED).expect("it stops");
    }

    /// Whether the terminal edits lines, and shows what is typed.
    pub(crate) fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.device).expect("a terminal");
        tracked(&modes) == tracked(&self.found)
    }

    /// Sets the modes that it was found in, as a shell does.
    pub(crate) fn cook(&self) {
        tcsetattr(&self.device, OptionalActions::Now, &self.found).expect("a terminal");
    }

    /// Another size of the window.
    pub(crate) fn resize(&self, columns: u16) {
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keyboard, size).expect("a terminal");
    }

    /// Waits until `text` is shown, and returns what is before it.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> String {
        loop {
            let rows = rows(&self.shown);
            if let Some((before, rest)) = rows.split_once(text) {
                self.shown = rest.into();
                return before.into();
            }
            let Ok(more) = self.screen.recv_timeout(PATIENCE) else {
                panic!("no {text:?} after {rows:?}");
            };
            self.shown.extend_from_slice(&more);
        }
    }

    /// The exit code, and the rest of what is shown. The terminal is as it was.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let output = finish(self.child);
        let modes = tcgetattr(&self.device).expect("a terminal");
        assert_eq!(tracked(&modes), tracked(&self.found));
        drop(self.device);
        while let Ok(more) = self.screen.recv_timeout(PATIENCE) {
            self.shown.extend_from_slice(&more);
        }
        let shown = String::from_utf8_lossy(&self.shown).into_owned();
        let (on, off) = (shown.rfind("\x1b[?2004h"), shown.rfind("\x1b[?2004l"));
        assert!(on <= off, "pastes are marked to the end: {shown:?}");
        (output.status.code(), rows(&self.shown))
    }
}

/// What of the modes a program changes.
fn tracked(modes: &Termios) -> (LocalModes, InputModes, [u8; 4]) {
    use SpecialCodeIndex as Code;
    let codes = [Code::VSUSP, Code::VQUIT, Code::VMIN, Code::VTIME];
    (modes.local_modes, modes.input_modes, codes.map(|code| modes.special_codes[code]))
}

/// What is to be seen of it: a row that is emptied is not, nor is the marking of pastes.
fn rows(shown: &[u8]) -> String {
    let text = String::from_utf8_lossy(shown).replace("\x1b[?2004h", "");
    let text = text.replace("\x1b[?2004l", "");
    let mut rows = String::new();
    for (nth, row) in text.split("\r\x1b[J").enumerate() {
        if nth > 0 {
            rows.truncate(rows.rfind('\n').map_or(0, |end| end + 1));
        }
        rows += row;
    }
    rows
}
