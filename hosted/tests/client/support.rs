//! What all tests here need: a server of one connection that does as it is told, and the client.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Far more than any step needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What is said where it does not matter what.
pub(crate) const HELLO: &[u8] = b"hello\n";

const BINARY: &str = env!("CARGO_BIN_EXE_hosted");

/// A server of one connection.
pub(crate) struct Server {
    address: SocketAddr,
    thread: JoinHandle<io::Result<Vec<u8>>>,
}

impl Server {
    /// Accepts one client, and does `serve`, which returns what it saw.
    pub(crate) fn start(
        serve: impl FnOnce(TcpStream) -> io::Result<Vec<u8>> + Send + 'static,
    ) -> Self {
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
    pub(crate) fn saw(self) -> Vec<u8> {
        self.thread.join().expect("the server's own checks hold").expect("no error")
    }
}

/// Sends back what comes, to the client's FIN.
pub(crate) fn echo(mut stream: TcpStream) -> io::Result<Vec<u8>> {
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

/// Takes a message of this length.
pub(crate) fn receive(stream: &mut TcpStream, length: usize) -> io::Result<Vec<u8>> {
    let mut message = vec![0; length];
    stream.read_exact(&mut message).map(|()| message)
}

/// Takes [`HELLO`] and sends it back.
pub(crate) fn echo_hello(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let message = receive(stream, HELLO.len())?;
    stream.write_all(&message).map(|()| message)
}

/// Makes the end of `stream` a reset.
pub(crate) fn reset(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// Something that a test and its server tell each other: how the one gives
/// the cue, and how the other waits for it.
pub(crate) fn cue() -> (impl FnOnce() + Send, impl FnOnce() -> io::Result<()> + Send) {
    let (sender, receiver) = mpsc::channel();
    let give = move || sender.send(()).expect("somebody waits for it");
    let wait = move || receiver.recv_timeout(PATIENCE).map_err(io::Error::other);
    (give, wait)
}

/// `hosted client` against `target`, with `flags`.
pub(crate) fn command_to(target: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["client", target]).args(flags);
    command
}

/// `hosted client` with `flags`.
pub(crate) fn command(server: &Server, flags: &[&str]) -> Command {
    command_to(&server.address.to_string(), flags)
}

/// How `hosted client` with `flags` ends; its input is a pipe, and all there.
pub(crate) fn client(server: &Server, flags: &[&str], input: &[u8]) -> Output {
    assert_cmd::Command::from_std(command(server, flags))
        .write_stdin(input)
        .timeout(PATIENCE)
        .output()
        .expect("it ran")
}

/// `hosted client` with its input to come, and its output read as the test goes on.
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
}

impl Client {
    pub(crate) fn start(server: &Server, flags: &[&str]) -> Self {
        let mut child = command(server, flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Self { child, input, output }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Gives it `text` as input.
    pub(crate) fn enter(&mut self, text: &[u8]) {
        let input = self.input.as_mut().expect("its input has not ended");
        input.write_all(text).expect("the client reads");
    }

    /// Waits until it has written `text`.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &[u8]) {
        let mut written = vec![0; text.len()];
        let output = self.output.as_mut().expect("somebody reads");
        output.read_exact(&mut written).expect("the client writes");
        assert!(written == text, "{:?}", written.escape_ascii().to_string());
    }

    /// There is no more input.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// What it writes from now on cannot be written.
    pub(crate) fn stop_reading(&mut self) {
        self.output = None;
    }

    /// Waits for its end, and returns the rest of its output.
    pub(crate) fn finish(self) -> Output {
        // Its input stays open, if it did not end before.
        let Self { mut child, input: _input, output } = self;
        child.stdout = output;
        finish(child)
    }
}

/// Waits for the end of `child`, whatever it waits for.
pub(crate) fn finish(child: Child) -> Output {
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

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
pub(crate) fn assert_well(output: &Output) {
    assert_eq!((output.status.code(), stderr(output).as_str()), (Some(0), ""));
}

#[track_caller]
pub(crate) fn assert_failed(output: &Output, reason: &str) {
    assert_eq!(stderr(output), format!("error: {reason}\n"));
    assert_eq!(output.status.code(), Some(1));
}
