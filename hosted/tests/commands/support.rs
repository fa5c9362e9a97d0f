//! What all tests here need: the binary under control, an echo server in this
//! process, and clients and peers that follow a script.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use echo_instruments::service::{Log, Totals};
use echo_instruments::signals::Stop;

use echo_core::Rules;
use hosted::address::listen;
use hosted::server::{Config, Server};
use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};

/// Longer than anything takes on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, ready to be given arguments. It sees no terminal, only its width,
/// and signals as usual, even if the tests run in the background or under nohup.
pub(crate) fn hosted() -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT", env!("CARGO_BIN_EXE_hosted")]);
    command.stdin(Stdio::null()).env("COLUMNS", "100").env_remove("CLICOLOR_FORCE");
    command
}

/// A program that runs, and what it has said so far. It is killed when dropped.
pub(crate) struct Program {
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::writing(command, Stdio::piped(), Stdio::piped())
    }

    /// Starts a program that writes to wherever the test says.
    pub(crate) fn writing(command: &mut Command, stdout: Stdio, stderr: Stdio) -> Self {
        let mut child = command.stdout(stdout).stderr(stderr).spawn().expect("the program starts");
        let stdout = Output::of(child.stdout.take());
        let stderr = Output::of(child.stderr.take());
        Self { child, stdout, stderr }
    }

    /// Starts `hosted server` on a free port of the IPv4 loopback.
    pub(crate) fn server(args: &[&str]) -> (Self, SocketAddr) {
        let mut server =
            Self::start(hosted().args(["server", "--ip", "127.0.0.1", "--port", "0"]).args(args));
        let address = server.address();
        (server, address)
    }

    /// Where a server says that it listens, if that is one address.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let addresses = self.addresses();
        assert_eq!(addresses.len(), 1, "{addresses:?}");
        addresses[0]
    }

    /// Where a server says that it listens.
    pub(crate) fn addresses(&mut self) -> Vec<SocketAddr> {
        let line = self.stdout_line("Echo server on ").replace(" (IPv6 and IPv4)", "");
        let line = line.replace(", TCP and UDP", "");
        let addresses = line.trim_start_matches("Echo server on ").split(" and ");
        addresses.map(|address| address.parse().expect("an address")).collect()
    }

    /// Waits for a line on stdout that contains `part`, and returns it.
    pub(crate) fn stdout_line(&mut self, part: &str) -> String {
        self.stdout.line(part)
    }

    /// Waits for a line on stderr that contains `part`, and returns it.
    pub(crate) fn stderr_line(&mut self, part: &str) -> String {
        self.stderr.line(part)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("it runs");
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Waits until it has ended by itself, where the test does not have its output.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.wait().expect("it can be waited for").code()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        // Both pipes are closed: it is over, or as good as.
        let code = self.child.wait().expect("it can be waited for").code();
        Ended { code, stdout, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `hosted` to its end.
pub(crate) fn run(args: &[&str]) -> Ended {
    Program::start(hosted().args(args)).wait()
}

/// Says that this machine does not let a test be made; in CI none may be left out.
pub(crate) fn skip(reason: &str) {
    // Not `println!`: the harness hides what a test prints if it passes.
    writeln!(io::stderr(), "SKIPPED: {reason}").expect("stderr is open");
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "nothing may be skipped in CI: {reason}");
}

/// Looks at several cases at once, each of which waits longer than it works.
pub(crate) fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, look: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| look(case));
        }
    });
}

/// The lines of a pipe, read as they come.
struct Output {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Output {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
                let _ = sender.send(line.expect("text"));
            }
        });
        Self { lines, seen: Vec::new() }
    }

    fn line(&mut self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
        panic!("no line with {part:?}, only {:#?}", self.seen);
    }

    fn rest(&mut self) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("goes on: {:#?}", self.seen),
            }
        }
        self.seen.iter().flat_map(|line| [line, "\n"]).collect()
    }
}

/// An echo server in this process, until it is stopped or dropped.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<Totals>>,
}

impl Echo {
    /// Serves by `rules` and otherwise as `hosted server` does without flags.
    pub(crate) fn with(rules: Rules) -> Self {
        Self::start(Config { rules, ..config() })
    }

    pub(crate) fn start(config: Config) -> Self {
        Self::on(loopback(), config)
    }

    /// Serves who comes to, or waits at, a listener.
    pub(crate) fn on(listener: TcpListener, config: Config) -> Self {
        let address = listener.local_addr().expect("bound");
        let stop = Stop::new().expect("a descriptor");
        let thread = thread::spawn({
            let stop = stop.clone();
            let server = Server::new(vec![listener], config);
            move || server.run(&stop, &Log::silent()).expect("it serves")
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// Lets the sessions come to their ends, and says what it did.
    pub(crate) fn stop(mut self) -> Totals {
        self.stop.request();
        self.thread.take().expect("it runs").join().expect("it serves")
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.request();
    }
}

/// One thread, any number of clients, `exit` recognised, no time-out.
pub(crate) fn config() -> Config {
    let rules = Rules { chunk: 1024, ..Rules::default() };
    Config { rules, drain: PATIENCE, ..Config::default() }
}

pub(crate) fn loopback() -> TcpListener {
    let target = Ipv4Addr::LOCALHOST.to_string().parse().expect("an address");
    listen(Some(&target), 0, 128).expect("a free port").remove(0)
}

/// An address where nobody listens, nor can begin to while the socket lives.
pub(crate) fn deaf() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    let address = socket.local_addr().expect("bound").as_socket().expect("IPv4");
    (socket, address.to_string())
}

/// A connection on which no call waits for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("somebody listens");
    patient(stream)
}

pub(crate) fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// Sends `bytes` and expects to get them back.
pub(crate) fn ping(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("sent");
    expect(stream, bytes);
}

/// Expects exactly these bytes next.
pub(crate) fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut echo = vec![0; bytes.len()];
    stream.read_exact(&mut echo).expect("echoed");
    assert!(echo == bytes, "{} is not {}", echo.escape_ascii(), bytes.escape_ascii());
}

/// Reads all that still comes, up to the peer's FIN.
pub(crate) fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("a FIN");
    bytes
}

/// Sends a file, half-closes, and returns what came back: what `nc` does with a pipe.
pub(crate) fn pipe(address: SocketAddr, file: &[u8]) -> Vec<u8> {
    let stream = connect(address);
    thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(file).expect("sent");
            stream.shutdown(Shutdown::Write).expect("half-closed");
        });
        rest(&stream)
    })
}

/// A peer for `rate` and `fail-rate`: treats each connection, counted from 0, as `treat` says.
pub(crate) fn peer(treat: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = loopback();
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        thread::scope(|scope| {
            for (number, stream) in listener.incoming().enumerate() {
                let (stream, treat) = (patient(stream.expect("accepted")), &treat);
                scope.spawn(move || treat(number, stream));
            }
        });
    });
    address
}

/// Reads one message; `None` once the client has left.
pub(crate) fn message(mut stream: &TcpStream, length: usize) -> Option<Vec<u8>> {
    let mut message = vec![0; length];
    stream.read_exact(&mut message).ok().map(|()| message)
}

/// Pseudo-random bytes (xorshift64*): what no compression and no pattern survives.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
