//! A board that runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use echo_core::Rules;

use crate::image::{Board, FOLDER};

/// For everything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// How a board is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wire {
    /// QEMU is the client, for whoever connects to a port of the host.
    User,
    /// The kernel is the client, by this interface.
    Tap(&'static str),
}

/// A board that runs, until it is asked to end: that it ends by itself is a failure.
pub(crate) struct Machine {
    child: Child,
    console: ChildStdin,
    lines: Receiver<String>,
    /// What it has said so far.
    log: Vec<String>,
    /// Where it serves.
    pub(crate) address: SocketAddr,
}

impl Machine {
    /// Boots the board, and waits until it serves.
    pub(crate) fn start(board: &Board, rules: Rules, wire: Wire) -> Option<Self> {
        let idle = rules.idle.map_or(0, |limit| limit.as_millis());
        let mut settings = format!("idle={idle}");
        settings += if rules.exit { "" } else { " rfc862" };
        settings += if rules.one_shot { " one-shot" } else { "" };
        Self::boot(board, &settings, wire, "Echo server on ")
    }

    /// Boots the board with these settings, and waits until it says this.
    pub(crate) fn boot(board: &Board, settings: &str, wire: Wire, part: &str) -> Option<Self> {
        // Somebody else may take the port before QEMU does.
        for _ in 0..10 {
            let mut machine = Self::spawn(board, settings, wire)?;
            match machine.find(part) {
                Ok(_) => return Some(machine),
                Err(_) if machine.log.iter().any(|line| line.contains("host forwarding")) => {}
                Err(error) => panic!("it does not say {part:?}: {error}"),
            }
        }
        panic!("no port stays free");
    }

    fn spawn(board: &Board, settings: &str, wire: Wire) -> Option<Self> {
        let image = board.image()?;
        let (address, wire): (SocketAddr, _) = match wire {
            Wire::User => {
                let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
                let address = free.local_addr().expect("bound");
                (address, format!("user,restrict=on,hostfwd=tcp:{address}-10.0.2.15:2333"))
            }
            Wire::Tap(name) => (
                ([192, 168, 69, 1], 2333).into(),
                format!("tap,ifname={name},script=no,downscript=no"),
            ),
        };
        let own = match (address.ip().is_loopback(), board.ipv6) {
            (true, _) => "ip=10.0.2.15/24",
            (false, false) => "ip=192.168.69.1/24",
            (false, true) => "ip=192.168.69.1/24 ip=fdaa::1/64",
        };
        let mut child = Command::new(format!("{FOLDER}/boot"))
            .args([board.name.as_ref(), image.as_os_str()])
            .args([format!("{own} {settings}"), wire])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (sender, lines) = mpsc::channel();
        tell(child.stdout.take().expect("it is piped"), sender.clone());
        tell(child.stderr.take().expect("it is piped"), sender);
        let console = child.stdin.take().expect("it is piped");
        Some(Self { child, console, lines, log: Vec::new(), address })
    }

    /// Waits for a line that contains this.
    fn find(&mut self, part: &str) -> Result<String, RecvTimeoutError> {
        loop {
            let line = self.lines.recv_timeout(SOON)?;
            self.log.push(line.clone());
            if line.contains(part) {
                return Ok(line);
            }
        }
    }

    /// How many SYNs have found no vacant slot.
    pub(crate) fn turned_away(&mut self) -> u64 {
        self.console.write_all(b"r").expect("it reads");
        let line = self.find("turned away: ").expect("a report");
        line.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Asks it to end.
    pub(crate) fn stop(mut self) {
        assert_eq!(self.child.try_wait().expect("a child"), None, "it ended by itself");
        self.console.write_all(b"q").expect("it reads");
        self.find("stack: ").expect("a report");
        self.ended();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) {
        let end = loop {
            match self.lines.recv_timeout(SOON) {
                Ok(line) => self.log.push(line),
                Err(end) => break end,
            }
        };
        assert_eq!(end, RecvTimeoutError::Disconnected, "it does not end");
    }
}

/// Sends each line of a stream.
fn tell(stream: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        BufReader::new(stream).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
    });
}

impl Drop for Machine {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            self.log.extend(self.lines.iter());
            let log = self.log.join("\n");
            eprintln!("the machine, which had ended: {ended:?}, said:\n{log}");
        }
    }
}
