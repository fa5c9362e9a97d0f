//! A running `tap-demo` and its output.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// For everything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Station {
    child: Child,
    lines: Receiver<String>,
    notes: Receiver<String>,
}

/// The lines of one of its streams, as they come.
fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Waits for a line that contains this.
fn find(lines: &Receiver<String>, part: &str) -> Result<String, RecvTimeoutError> {
    loop {
        match lines.recv_timeout(SOON)? {
            line if line.contains(part) => return Ok(line),
            _ => {}
        }
    }
}

impl Station {
    /// Starts `tap-demo` and waits until it serves.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let station = Self::on("tap0", arguments);
        station.wait_for("Echo server on 192.168.69.1:2333 and [fdaa::1]:2333 and ");
        station.wait_for("mode ");
        station
    }

    /// Starts it on this interface, and waits for nothing.
    pub(crate) fn on(iface: &str, arguments: &[&str]) -> Self {
        crate::assert_inside();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tap-demo"))
            .args(["--iface", iface])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let lines = lines_of(child.stdout.take().expect("stdout is piped"));
        let notes = lines_of(child.stderr.take().expect("stderr is piped"));
        Self { child, lines, notes }
    }

    /// Waits for a line on stdout that contains this.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        find(&self.lines, part).unwrap_or_else(|error| {
            let notes: Vec<_> = self.notes.try_iter().collect();
            panic!("no line with {part:?}: {error}; on stderr: {notes:?}")
        })
    }

    /// Waits for a line on stderr that contains this.
    pub(crate) fn wait_for_note(&self, part: &str) -> String {
        find(&self.notes, part).unwrap_or_else(|error| panic!("no note with {part:?}: {error}"))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process numbers are small");
        let pid = Pid::from_raw(id).expect("process numbers are not 0");
        kill_process(pid, signal).expect("it is our child");
    }

    /// Asks it to stop, waits until it has, and returns the rest of its output.
    pub(crate) fn stop(self) -> String {
        self.signal(Signal::TERM);
        self.stopped()
    }

    /// Waits until it has stopped, and returns the rest of its output.
    pub(crate) fn stopped(mut self) -> String {
        let rest = self.rest();
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "{status}");
        rest.join("\n")
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Waits until it ends by itself, and returns how.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.rest();
        self.child.wait().expect("it is our child")
    }

    /// All lines up to its end.
    fn rest(&self) -> Vec<String> {
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(SOON) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return rest,
                Err(RecvTimeoutError::Timeout) => panic!("it does not stop"),
            }
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's IPv4 address.
pub(crate) const V4: &str = "192.168.69.1:2333";

/// A connection on which no call waits for ever.
pub(crate) fn connect(server: &str) -> TcpStream {
    let server: SocketAddr = server.parse().expect("an address and a port");
    let stream = TcpStream::connect_timeout(&server, SOON).expect("the server listens");
    stream.set_read_timeout(Some(SOON)).expect("not zero");
    stream.set_write_timeout(Some(SOON)).expect("not zero");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

/// Everything up to the server's FIN.
pub(crate) fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the echo, then a FIN");
    bytes
}
