//! What an echo costs the server: `hosted server` beside a minimal event loop.
//!
//! `cargo bench -p benchmarks -- server` starts each as a process of its own on
//! the first processor, offers load from the second, takes turns, and prints
//! medians. The processor time is the server's, as the kernel accounts it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, percentile};
use echo_instruments::plan::Plan;
use echo_instruments::quantity;
use echo_instruments::signals::Stop;
use hosted::sockets;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::process::{Server, median, pin};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const MESSAGE: u64 = 1000;

/// With this word the program is the minimal server.
pub(crate) const MINIMAL: &str = "minimal server";

pub(crate) fn run() -> Result<()> {
    println!("{MESSAGE}-byte messages over loopback; server on processor 0, load on processor 1");
    println!(
        "{:>11}  {:<16}{:>12}{:>14}{:>18}",
        "connections", "server", "rtt p50", "echoes/s", "server CPU/echo"
    );
    let flags =
        ["hosted", "server", "--ip", "127.0.0.1", "--port", "0", "--listen", "1024", "--quiet"];
    let servers =
        [("minimal loop", Server::start(&[MINIMAL])?), ("hosted server", Server::start(&flags)?)];
    pin(1);
    for connections in [1, 64, 1000] {
        let mut results = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for ((_, server), results) in servers.iter().zip(&mut results) {
                results.push(measure(server, connections)?);
            }
        }
        for ((name, _), results) in servers.iter().zip(results) {
            let [rtt, cpu] =
                [median(&results, |sample| sample.rtt), median(&results, |sample| sample.cpu)]
                    .map(|seconds| quantity::duration(Duration::from_secs_f64(seconds)));
            let rate = quantity::amount(median(&results, |sample| sample.rate));
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

fn measure(server: &Server, connections: u16) -> Result<Sample> {
    let plan = Plan {
        connections,
        length: MESSAGE,
        limit: Some(Duration::from_secs(10)),
        time: Some(ROUND),
        ..Plan::new()
    };
    let first = TcpStream::connect(server.address)?;
    let before = server.cpu_seconds()?;
    let out = sockets::measure(&plan, first, &Stop::new()?, &mut |_: &Measurement| {})?;
    let used = server.cpu_seconds()? - before;
    ensure!(out.tally.failures() == 0, "{:?}", out.incidents);
    Ok(Sample {
        rtt: percentile(&out.times, MEDIAN).unwrap_or_default().as_secs_f64(),
        rate: out.messages_per_second().unwrap_or_default(),
        cpu: used / out.tally.echoed() as f64,
    })
}

/// The least that an echo server can do: wait, receive, send.
pub(crate) fn minimal_server() -> Result<()> {
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
