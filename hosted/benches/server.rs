//! What an echo costs the server: `hosted server` beside a minimal event loop.
//!
//! `cargo bench -p hosted --bench server` starts each as a process of its own on
//! the first processor, offers load from the second, takes turns, and prints
//! medians. The processor time is the server's, as the kernel accounts it.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, percentile};
use echo_instruments::plan::Plan;
use echo_instruments::quantity;
use echo_instruments::signals::Stop;
use hosted::sockets;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use rustix::thread::{CpuSet, sched_setaffinity};
use slab::Slab;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const MESSAGE: u64 = 1000;

/// With this argument the program is the minimal server.
const MINIMAL: &str = "--minimal-server";

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == MINIMAL) {
        return minimal_server().context("the minimal server failed");
    }
    println!("{MESSAGE}-byte messages over loopback; server on processor 0, load on processor 1");
    println!(
        "{:>11}  {:<16}{:>12}{:>14}{:>18}",
        "connections", "server", "rtt p50", "echoes/s", "server CPU/echo"
    );
    let servers = [("minimal loop", Server::minimal()?), ("hosted server", Server::hosted()?)];
    pin(1);
    for connections in [1, 64, 1000] {
        let mut results = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for ((_, server), results) in servers.iter().zip(&mut results) {
                results.push(server.measure(connections)?);
            }
        }
        for ((name, _), results) in servers.iter().zip(results) {
            let median = |value: fn(&Sample) -> f64| {
                let mut values: Vec<_> = results.iter().map(value).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            let [rtt, cpu] = [median(|sample| sample.rtt), median(|sample| sample.cpu)]
                .map(|seconds| quantity::duration(Duration::from_secs_f64(seconds)));
            let rate = quantity::amount(median(|sample| sample.rate));
            println!("{connections:>11}  {name:<16}{rtt:>12}{rate:>14}{cpu:>18}");
        }
    }
    Ok(())
}

/// Seconds, echoes per second, seconds.
struct Sample {
    rtt: f64,
    rate: f64,
    cpu: f64,
}

/// A server in a process of its own.
struct Server {
    child: Child,
    /// Kept open: a server whose output nobody reads ends.
    _output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn minimal() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(MINIMAL);
        Self::start(command)
    }

    fn hosted() -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hosted"));
        command.args(["server", "--ip", "127.0.0.1", "--port", "0", "--listen", "1024", "--quiet"]);
        Self::start(command)
    }

    /// The first line of each ends with the address.
    fn start(mut command: Command) -> Result<Self> {
        pin(0);
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start a server")?;
        let mut output = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.split_whitespace().last().context("no address")?.parse()?;
        Ok(Self { child, _output: output, address })
    }

    fn measure(&self, connections: u16) -> Result<Sample> {
        let plan = Plan {
            connections,
            length: MESSAGE,
            limit: Some(Duration::from_secs(10)),
            time: Some(ROUND),
            ..Plan::new()
        };
        let first = TcpStream::connect(self.address)?;
        let before = self.cpu_seconds()?;
        let out = sockets::measure(&plan, first, &Stop::new()?, &mut |_: &Measurement| {})?;
        let used = self.cpu_seconds()? - before;
        ensure!(out.tally.failures() == 0, "{:?}", out.incidents);
        Ok(Sample {
            rtt: percentile(&out.times, MEDIAN).unwrap_or_default().as_secs_f64(),
            rate: out.messages_per_second().unwrap_or_default(),
            cpu: used / out.tally.echoed() as f64,
        })
    }

    /// User and system time so far: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms.
    fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has no state that a kill could harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pin(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor);
    if sched_setaffinity(None, &set).is_err() {
        eprintln!("cannot pin to processor {processor}: the figures scatter more");
    }
}

/// The least that an echo server can do: wait, receive, send.
fn minimal_server() -> io::Result<()> {
    const LISTENER: Token = Token(usize::MAX);
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    println!("{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut streams = Slab::new();
    let mut buffer = [0; 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let token = Token(streams.vacant_key());
                    poll.registry().register(&mut stream, token, Interest::READABLE)?;
                    streams.insert(stream);
                }
                continue;
            }
            let Token(key) = event.token();
            let Some(stream) = streams.get_mut(key) else { continue };
            match stream.read(&mut buffer) {
                Ok(n) if n > 0 => stream.write_all(&buffer[..n])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => drop(streams.remove(key)),
            }
        }
    }
}
