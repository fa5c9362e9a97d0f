//! What all tests here need: a server of one connection that follows a script, and the client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::iter;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
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

/// `hosted server` on the loopback. It is killed when dropped.
pub(crate) struct Service {
    child: Child,
    target: String,
}

impl Service {
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["server", "--ip", "127.0.0.1", "--port", "0", "--quiet"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut line = || lines.next().expect("one with the port").expect("text");
        let port = iter::repeat_with(&mut line)
            .find_map(|line| Some(line.trim().strip_prefix("port")?.trim().to_owned()))
            .expect("endless");
        // Nobody reads on, but it can be written.
        thread::spawn(move || lines.for_each(drop));
        Self { child, target: format!("127.0.0.1:{port}") }
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    // Signals are heard even if the tests run in the background or under nohup.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT", BINARY, "client", target]).args(flags);
    command
}

/// `hosted client` with `flags`.
pub(crate) fn command(server: &Server, flags: &[&str]) -> Command {
    command_to(&server.address.to_string(), flags)
}

/// How `hosted client` with `flags` ends; its input is a pipe, and all there.
pub(crate) fn client(server: &Server, flags: &[&str], input: &[u8]) -> Output {
    piped(command(server, flags), input)
}

/// How `command` ends; its input is a pipe, and all there.
pub(crate) fn piped(command: Command, input: &[u8]) -> Output {
    assert_cmd::Command::from_std(command)
        .write_stdin(input)
        .timeout(PATIENCE)
        .output()
        .expect("it ran")
}

/// `hosted client` with its input to come, and its output read as the test goes on.
///
/// Both are sockets, because the end of a pipe is no event to rely on: a child
/// that another test is just starting has a copy of it until it executes its
/// program. A socket is shut down whoever has a copy.
pub(crate) struct Client {
    child: Child,
    input: UnixStream,
    output: UnixStream,
}

impl Client {
    pub(crate) fn start(server: &Server, flags: &[&str]) -> Self {
        Self::start_at(&server.address.to_string(), flags)
    }

    pub(crate) fn start_at(target: &str, flags: &[&str]) -> Self {
        let (output, stdout) = UnixStream::pair().expect("two sockets");
        Self::writing(command_to(target, flags), output, stdout)
    }

    /// Its output is set not to block.
    pub(crate) fn start_unblocked(server: &Server) -> Self {
        let (output, stdout) = UnixStream::pair().expect("two sockets");
        stdout.set_nonblocking(true).expect("a socket");
        Self::writing(command(server, &[]), output, stdout)
    }

    fn writing(mut command: Command, output: UnixStream, stdout: UnixStream) -> Self {
        let (input, stdin) = UnixStream::pair().expect("two sockets");
        input.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        output.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let child = command
            .stdin(OwnedFd::from(stdin))
            .stdout(OwnedFd::from(stdout))
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        Self { child, input, output }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Gives it `text` as input.
    pub(crate) fn enter(&mut self, text: &[u8]) {
        self.input.write_all(text).expect("the client reads");
    }

    /// Gives it `text` as input, so many `times`, until it takes no more; counts bytes in `entered`.
    pub(crate) fn enter_in_pieces(
        &self,
        text: &[u8],
        times: usize,
        entered: Arc<AtomicUsize>,
    ) -> JoinHandle<()> {
        let mut input = self.input.try_clone().expect("a descriptor");
        let text = text.to_vec();
        thread::spawn(move || {
            for _ in 0..times {
                if input.write_all(&text).is_err() {
                    break;
                }
                entered.fetch_add(text.len(), Ordering::Relaxed);
            }
        })
    }

    /// Waits until it has written `text`.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &[u8]) {
        let mut written = vec![0; text.len()];
        self.output.read_exact(&mut written).expect("the client writes");
        assert!(written == text, "{:?}", written.escape_ascii().to_string());
    }

    /// There is no more input.
    pub(crate) fn end_input(&self) {
        self.input.shutdown(Shutdown::Write).expect("the client has it open");
    }

    /// What it writes from now on cannot be written.
    pub(crate) fn stop_reading(&self) {
        self.output.shutdown(Shutdown::Read).expect("the client has it open");
    }

    /// Waits for its end, and returns the rest of its output.
    pub(crate) fn finish(mut self) -> Output {
        let mut stdout = Vec::new();
        let read = self.output.read_to_end(&mut stdout);
        let output = finish(self.child);
        read.expect("the end of the output");
        Output { stdout, ..output }
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
