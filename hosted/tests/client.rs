//! `hosted client` as its users run it, against small servers of our own.
//!
//! Every wait is bounded: the servers by the time-out of their sockets, the
//! client by [`PATIENCE`].

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Far more than any step needs.
const PATIENCE: Duration = Duration::from_secs(30);

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
        let mut first = [0; 100];
        let n = stream.read(&mut first)?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        let early = stream.read(&mut [0]);
        assert!(early.is_err(), "the second line came before the reply: {early:?}");
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&first[..n])?;
        let rest = echo(stream)?;
        Ok([&first[..n], &rest].concat())
    });
    let output = client(&server, &[], b"one\ntwo\n");
    assert_well(&output);
    assert_eq!(output.stdout, b"one\ntwo\n");
    assert_eq!(server.saw(), b"one\ntwo\n");
}

#[test]
fn a_reply_is_written_before_more_input_comes() {
    let server = Server::start(echo);
    let mut child = spawn(&server, &[]);
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = child.stdout.take().expect("a pipe");
    for line in [b"one\n", b"two\n"] {
        stdin.write_all(line).expect("the client reads");
        let mut reply = [0; 4];
        stdout.read_exact(&mut reply).expect("the client answers");
        assert_eq!(&reply, line);
    }
    drop(stdin);
    assert_well(&finish(child));
}

#[test]
fn a_slow_server_that_makes_progress_does_not_time_out() {
    let server = Server::start(|mut stream| {
        let mut message = [0; 6];
        stream.read_exact(&mut message)?;
        for byte in message {
            // Longer in all than the limit.
            thread::sleep(Duration::from_millis(250));
            stream.write_all(&[byte])?;
        }
        echo(stream)
    });
    let output = client(&server, &["--timeout", "1"], b"hello\n");
    assert_well(&output);
    assert_eq!(output.stdout, b"hello\n");
}

#[test]
fn a_server_that_stops_answering_times_out() {
    let server = Server::start(|mut stream| {
        let mut message = [0; 6];
        stream.read_exact(&mut message)?;
        stream.write_all(&message[..2])?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(message.into())
    });
    let output = client(&server, &["--timeout", "200ms"], b"hello\n");
    assert_failed(&output, "nothing moved for 200ms (--timeout); 4 of 6 bytes did not come back");
    assert_eq!(output.stdout, b"he", "what came is written");
}

#[test]
fn the_limit_is_no_limit_for_the_user() {
    let server = Server::start(echo);
    let mut child = spawn(&server, &["--timeout", "50ms"]);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"one\n").expect("the client reads");
    child.stdout.as_mut().expect("a pipe").read_exact(&mut [0; 4]).expect("an answer");
    thread::sleep(Duration::from_millis(300));
    stdin.write_all(b"two\n").expect("the client reads");
    drop(stdin);
    let output = finish(child);
    assert_well(&output);
    assert_eq!(output.stdout, b"two\n");
}

#[test]
fn a_server_that_closes_early_is_told_with_what_is_owed() {
    let server = Server::start(|mut stream| {
        let mut message = [0; 6];
        stream.read_exact(&mut message)?;
        stream.write_all(&message[..5])?;
        Ok(message.into())
    });
    let output = client(&server, &[], b"hello\n");
    assert_failed(&output, "the server closed the connection; 1 of 6 bytes did not come back");
    assert_eq!(output.stdout, b"hello");
}

#[test]
fn a_server_that_resets_is_told_with_what_is_owed() {
    let server = Server::start(|mut stream| {
        stream.read_exact(&mut [0; 6])?;
        reset(&stream)?;
        Ok(vec![])
    });
    let output = client(&server, &[], b"hello\n");
    assert_failed(
        &output,
        "the connection broke: connection reset by peer; 6 of 6 bytes did not come back",
    );
}

#[test]
fn a_server_that_leaves_is_told_while_the_input_waits() {
    for (resets, reason) in [
        (false, "the server closed the connection"),
        (true, "the connection broke: connection reset by peer"),
    ] {
        let (leave, told) = mpsc::channel::<()>();
        let server = Server::start(move |mut stream| {
            let mut message = [0; 6];
            stream.read_exact(&mut message)?;
            stream.write_all(&message)?;
            told.recv_timeout(PATIENCE).map_err(io::Error::other)?;
            if resets {
                reset(&stream)?;
            }
            Ok(message.into())
        });
        let mut child = spawn(&server, &[]);
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"hello\nunfin").expect("the client reads");
        child.stdout.as_mut().expect("a pipe").read_exact(&mut [0; 6]).expect("an answer");
        leave.send(()).expect("the server waits");
        assert_failed(&finish(child), reason);
        drop(stdin);
    }
}

#[test]
fn a_server_that_closes_after_the_last_reply_is_no_failure() {
    let answer_one = |mut stream: TcpStream| {
        let mut message = [0; 6];
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
        Ok(message.into())
    };
    let server = Server::start(answer_one);
    let output = client(&server, &["--message", "hello\n"], b"");
    assert_well(&output);
    assert_eq!(output.stdout, b"hello\n");

    let server = Server::start(answer_one);
    let output = client(&server, &[], b"hello\nand more\n");
    assert_eq!(output.status.code(), Some(1), "there was more to say");
    assert_eq!(output.stdout, b"hello\n");
}

#[test]
fn bytes_that_were_never_sent_are_told_and_made_harmless() {
    let server = Server::start(|mut stream| {
        let mut message = [0; 3];
        stream.read_exact(&mut message)?;
        stream.write_all(b"hi\n\x1b[2Jhow are you?")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(message.into())
    });
    let output = client(&server, &[], b"hi\n");
    assert_failed(&output, r#"the server sent more than it was sent: "\x1b[2Jhow are you?""#);
    assert_eq!(output.stdout, b"hi\n");
}

#[test]
fn exit_ends_it_with_a_server_that_knows_the_word() {
    for word in ["exit", "exit\n", "exit\r\n"] {
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
        let input = [word.as_bytes(), b"never sent\n"].concat();
        // Without its newline the word is the last line.
        let input = if word.ends_with('\n') { &input } else { word.as_bytes() };
        let output = client(&server, &[], input);
        assert_well(&output);
        assert_eq!(output.stdout, b"");
        assert_eq!(server.saw(), word.as_bytes());
    }
}

#[test]
fn exit_ends_it_with_a_server_that_echoes_the_word() {
    let server = Server::start(echo);
    let output = client(&server, &[], b"hello\nexit\nnever sent\n");
    assert_well(&output);
    assert_eq!(output.stdout, b"hello\n");
    assert_eq!(server.saw(), b"hello\nexit\n");
}

#[test]
fn exit_ends_it_with_a_server_that_does_nothing() {
    let server = Server::start(|mut stream| {
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen)?;
        Ok(seen)
    });
    let started = Instant::now();
    let output = client(&server, &[], b"exit\n");
    assert_well(&output);
    assert!(started.elapsed() < PATIENCE / 2);
}

#[test]
fn the_end_of_input_does_not_wait_for_ever_for_the_servers() {
    let (release, held) = mpsc::channel::<()>();
    let server = Server::start(move |stream| {
        let seen = echo(stream.try_clone()?)?;
        let _ = held.recv_timeout(PATIENCE);
        drop(stream);
        Ok(seen)
    });
    assert_well(&client(&server, &[], b"hello\n"));
    drop(release);
}

#[test]
fn the_end_of_input_is_a_fin_and_the_server_may_still_speak() {
    let server = Server::start(|stream| {
        let seen = echo(stream.try_clone()?)?;
        (&stream).write_all(b"too late")?;
        Ok(seen)
    });
    let output = client(&server, &[], b"hello\n");
    assert_failed(&output, r#"the server sent more than it was sent: "too late""#);
}

#[test]
fn a_server_that_leaves_when_the_input_ends_is_no_failure() {
    let (leave, told) = mpsc::channel::<()>();
    let server = Server::start(move |mut stream| {
        let mut message = [0; 6];
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
        told.recv_timeout(PATIENCE).map_err(io::Error::other)?;
        Ok(message.into())
    });
    let mut child = spawn(&server, &[]);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"hello\n").expect("the client reads");
    child.stdout.as_mut().expect("a pipe").read_exact(&mut [0; 6]).expect("an answer");
    // Asleep, the client finds both ends at once.
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::STOP).expect("it runs");
    waitpid(Some(pid), WaitOptions::UNTRACED).expect("it stops");
    leave.send(()).expect("the server waits");
    drop(stdin);
    server.saw();
    kill_process(pid, Signal::CONT).expect("it sleeps");
    assert_well(&finish(child));
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
fn who_cannot_be_reached_is_exit_code_3() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port").local_addr();
    let refused = port.expect("bound").to_string();
    for (target, reason) in
        [(refused.as_str(), "connection refused"), ("nobody.invalid", "cannot resolve")]
    {
        let output = Command::new(BINARY)
            .args(["client", target])
            .stdin(Stdio::null())
            .output()
            .expect("it ran");
        assert_eq!(output.status.code(), Some(3), "{target}");
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1);
    }
}

#[test]
fn the_input_may_be_a_file_or_nothing() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"a\n\0b").expect("space");
    for (path, text) in [(file.path(), &b"a\n\0b"[..]), ("/dev/null".as_ref(), b"")] {
        let server = Server::start(echo);
        let output = Command::new(BINARY)
            .args(["client", &server.address.to_string()])
            .stdin(File::open(path).expect("a file"))
            .output()
            .expect("it ran");
        assert_well(&output);
        assert_eq!(output.stdout, text);
    }
}

#[test]
fn an_input_that_cannot_be_read_is_told() {
    let server = Server::start(echo);
    let target = server.address.to_string();
    let mut command = Command::new(BINARY);
    command.args(["client", &target]).stdin(File::open("/").expect("a folder"));
    let output = command.output().expect("it ran");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        stderr(&output),
        "error: cannot read the standard input: Is a directory (os error 21)\n"
    );
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let server = Server::start(echo);
    let mut child = spawn(&server, &[]);
    let mut stdin = child.stdin.take().expect("a pipe");
    drop(child.stdout.take());
    stdin.write_all(b"hello\n").expect("the client reads");
    let output = finish(child);
    assert_well(&output);
}

#[test]
fn a_signal_ends_it_at_once_and_quietly() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (got, message) = mpsc::channel();
        let server = Server::start(move |mut stream| {
            stream.read_exact(&mut [0; 6])?;
            got.send(()).map_err(io::Error::other)?;
            stream.read_to_end(&mut Vec::new())?;
            Ok(vec![])
        });
        let mut child = spawn(&server, &[]);
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"hello\n").expect("the client reads");
        message.recv_timeout(PATIENCE).expect("the client sends");
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        assert_well(&finish(child));
        drop(stdin);
    }
}

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
    let (leave, told) = mpsc::channel::<()>();
    let server = Server::start(move |stream| {
        told.recv_timeout(PATIENCE).map_err(io::Error::other)?;
        drop(stream);
        Ok(vec![])
    });
    let mut terminal = Terminal::start(&server, &[]);
    terminal.expect("To server < ");
    leave.send(()).expect("the server waits");
    terminal.expect("\r\nerror: the server closed the connection\r\n");
    assert_eq!(terminal.finish().0, Some(1));
}

#[test]
fn a_terminal_is_left_by_exit_and_by_the_end_of_input() {
    for (keys, rest) in [("exit\n", "exit\r\n"), ("\x04", "\r\n")] {
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

const BINARY: &str = env!("CARGO_BIN_EXE_hosted");

/// A server of one connection.
struct Server {
    address: SocketAddr,
    thread: JoinHandle<io::Result<Vec<u8>>>,
}

impl Server {
    /// Accepts one client, and does `serve`, which returns what it saw.
    fn start(serve: impl FnOnce(TcpStream) -> io::Result<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        // Counts for accepting, too.
        socket2::SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            serve(stream)
        });
        Self { address, thread }
    }

    /// What the server returned, when it is done.
    fn saw(self) -> Vec<u8> {
        self.thread.join().expect("the server's own checks hold").expect("no error")
    }
}

/// Sends back what comes, to the client's FIN.
fn echo(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(seen),
            n => {
                stream.write_all(&buffer[..n])?;
                seen.extend_from_slice(&buffer[..n]);
            }
        }
    }
}

/// Makes the end of `stream` a reset.
fn reset(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// `hosted client` with `flags`, its input all there.
fn client(server: &Server, flags: &[&str], input: &[u8]) -> Output {
    assert_cmd::Command::new(BINARY)
        .args(["client", &server.address.to_string()])
        .args(flags)
        .write_stdin(input)
        .timeout(PATIENCE)
        .output()
        .expect("it ran")
}

/// `hosted client` with `flags`, its input to come.
fn spawn(server: &Server, flags: &[&str]) -> Child {
    Command::new(BINARY)
        .args(["client", &server.address.to_string()])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// Waits for the end of `child`, whatever it waits for.
fn finish(child: Child) -> Output {
    let pid = Pid::from_child(&child);
    let (done, output) = mpsc::channel();
    thread::spawn(move || done.send(child.wait_with_output()));
    output.recv_timeout(PATIENCE).map_or_else(
        |_| {
            kill_process(pid, Signal::KILL).expect("it still runs");
            panic!("the client does not end");
        },
        |output| output.expect("it ran"),
    )
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_well(output: &Output) {
    assert_eq!((output.status.code(), stderr(output).as_str()), (Some(0), ""));
}

#[track_caller]
fn assert_failed(output: &Output, reason: &str) {
    assert_eq!(stderr(output), format!("error: {reason}\n"));
    assert_eq!(output.status.code(), Some(1));
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
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("ours");
        let path = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
        // Not our controlling terminal: it is opened where there is no session to lead.
        let theirs = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())
            .map(File::from)
            .expect("the other side");
        let stdio = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        let child = Command::new(BINARY)
            .args(["client", &server.address.to_string()])
            .args(flags)
            .stdin(stdio())
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
