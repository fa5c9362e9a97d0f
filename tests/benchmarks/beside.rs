//! What `hosted rate` measures beside the plainest clients that one can write: a table for the README.
//!
//! `cargo bench -p benchmarks -- beside`, on an idle machine with two processors. The server is the
//! same for all, in a thread on processor 1; the clients run on processor 0, one after the other and in
//! several rounds, and the median of the rounds is printed. Without places of their own the threads are sometimes
//! on one processor and sometimes on two, and everything is 15 or 70 µs by chance.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use echo_instruments::clock::Clock;
use echo_instruments::load;
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, percentile};
use echo_instruments::plan::{Plan, Protocol};
use echo_instruments::signals::Stop;

use anyhow::{Context, ensure};
use echo_core::Rules;
use hosted::datagrams::UdpSockets;
use hosted::server::Local;
use hosted::sockets;
use mio::{Events, Interest, Poll, Token};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The message of the original programs.
const LENGTH: usize = 1000;

const ROUNDS: usize = 15;

/// How long many connections run before they are measured: the beginning, when all send at once, is another matter.
const OMIT: Duration = Duration::from_millis(200);

/// How long one measurement lasts.
const TIME: Duration = Duration::from_millis(500);

pub(crate) fn run() -> anyhow::Result<()> {
    place(1)?;
    let server = Local::with(Rules { exit: false, chunk: 64 << 10, ..Rules::default() })?;
    let spinning = spinning_server()?;
    place(0)?;
    let clock = Clock::start();
    let floor = load::examine(&plan(1), || clock.now()).floor.unwrap_or_default();
    println!("own cost of a message of {LENGTH} bytes: {} ns", floor.as_nanos());

    let micros = |time: Duration| format!("{:.1} µs", time.as_secs_f64() * 1e6);
    let asleep = rounds(|| raw(server.address(), false), || measured(server.address(), false))?;
    line("1 connection, median", "blocking send and recv", asleep.map(micros), ratio(asleep));
    let awake = rounds(|| raw(spinning, true), || measured(spinning, true))?;
    line("1 connection, both ends spin", "spinning pair", awake.map(micros), ratio(awake));
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let (datagrams, over) = (socket.local_addr()?, AtomicBool::new(false));
    let awake = thread::scope(|scope| {
        let server = scope.spawn(|| spin_datagrams(&socket, &over));
        let awake = rounds(|| raw_datagrams(datagrams), || measured_datagrams(datagrams));
        over.store(true, Ordering::Relaxed);
        server.join().expect("it does not panic")?;
        awake
    })?;
    line("UDP, both ends spin", "sendto and recvfrom", awake.map(micros), ratio(awake));
    for connections in [64, 1000] {
        let [theirs, ours] = rounds(
            || minimal(server.address(), connections),
            || gap(server.address(), connections),
        )?;
        let rates = [theirs, ours].map(|gap| format!("{:.0}/s", 1.0 / gap.as_secs_f64()));
        let what = format!("{connections} connections");
        line(&what, "minimal epoll loop", rates, ratio([ours, theirs]));
    }
    Ok(())
}

fn line(what: &str, other: &str, [theirs, ours]: [String; 2], ratio: f64) {
    println!("{what}: {other} {theirs}, hosted {ours}, {:+.1} %", (ratio - 1.0) * 100.0);
}

fn ratio([theirs, ours]: [Duration; 2]) -> f64 {
    ours.as_secs_f64() / theirs.as_secs_f64()
}

/// The medians of some rounds in which both are measured in turn, now the one first and now the other.
fn rounds(
    theirs: impl Fn() -> anyhow::Result<Duration>,
    ours: impl Fn() -> anyhow::Result<Duration>,
) -> anyhow::Result<[Duration; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..2 * ROUNDS {
        // 0, 1, 1, 0, 0, 1, 1, 0 …
        let which = round.div_ceil(2) % 2;
        times[which].push(if which == 0 { theirs()? } else { ours()? });
    }
    Ok(times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2]
    }))
}

/// Lets this thread, and those that it starts, run on one processor only.
fn place(processor: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(processor);
    Ok(sched_setaffinity(None, &set)?)
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn plan(connections: u16) -> Plan {
    let length = LENGTH as u64;
    let limit = Some(Duration::from_secs(10));
    Plan { length, connections, limit, time: Some(TIME), ..Plan::new() }
}

fn offer(address: SocketAddr, plan: &Plan) -> anyhow::Result<Measurement> {
    let first = connect(address)?;
    sockets::measure(plan, first, &Stop::new()?, &mut |_: &Measurement| {})
}

fn measured(address: SocketAddr, spin: bool) -> anyhow::Result<Duration> {
    let spin = if spin { Duration::MAX } else { Duration::ZERO };
    let out = offer(address, &Plan { spin, ..plan(1) })?;
    Ok(percentile(&out.times, MEDIAN).unwrap_or_default())
}

fn measured_datagrams(address: SocketAddr) -> anyhow::Result<Duration> {
    let plan = Plan { protocol: Protocol::Udp, spin: Duration::MAX, ..plan(1) };
    let mut sockets = UdpSockets::new(&plan, address, Vec::new())?;
    let stop = Stop::new()?;
    let out = load::run_datagrams(&plan, &mut sockets, &stop, &mut |_: &Measurement| {})?;
    Ok(percentile(&out.times, MEDIAN).unwrap_or_default())
}

/// The mean time from one message to the next.
fn gap(address: SocketAddr, connections: u16) -> anyhow::Result<Duration> {
    let out = offer(address, &Plan { omit: OMIT, ..plan(connections) })?;
    let per_second = out.messages_per_second().filter(|per_second| *per_second > 0.0);
    Ok(Duration::from_secs_f64(1.0 / per_second.context("nothing came back")?))
}

/// One connection at a time, polled without sleeping.
fn spinning_server() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
            let mut message = [0; LENGTH];
            while exchange(|| stream.read(&mut message)).is_ok_and(|n| n > 0) {
                let _ = stream.write_all(&message);
            }
        }
    });
    Ok(address)
}

/// One socket for all, polled without sleeping on the server's processor until it is over.
fn spin_datagrams(socket: &UdpSocket, over: &AtomicBool) -> anyhow::Result<()> {
    place(1)?;
    socket.set_nonblocking(true)?;
    let mut message = [0; LENGTH];
    while !over.load(Ordering::Relaxed) {
        if let Ok((length, from)) = socket.recv_from(&mut message) {
            let _ = socket.send_to(&message[..length], from);
        }
    }
    Ok(())
}

/// Tries again while there is nothing.
fn exchange(mut io: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<usize> {
    loop {
        match io() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::hint::spin_loop(),
            done => return done,
        }
    }
}

/// The median round trip of the plainest client.
fn raw(address: SocketAddr, spin: bool) -> anyhow::Result<Duration> {
    let mut stream = connect(address)?;
    stream.set_nonblocking(spin)?;
    let (message, mut echo) = ([b'0'; LENGTH], [0; LENGTH]);
    let mut times = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    while start.elapsed() < TIME {
        let begun = Instant::now();
        stream.write_all(&message)?;
        let mut got = 0;
        while got < LENGTH {
            got += exchange(|| stream.read(&mut echo[got..]))?;
        }
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// The median round trip of the plainest client over UDP.
fn raw_datagrams(address: SocketAddr) -> anyhow::Result<Duration> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    let (message, mut echo) = ([b'0'; LENGTH], [0; LENGTH]);
    let mut times = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    while start.elapsed() < TIME {
        let begun = Instant::now();
        socket.send_to(&message, address)?;
        exchange(|| socket.recv_from(&mut echo).map(|(length, _)| length))?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// The mean time from one message to the next of an event loop that does nothing but send, receive
/// and take the time of each message, once.
fn minimal(address: SocketAddr, connections: u16) -> anyhow::Result<Duration> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut streams = Vec::new();
    for key in 0..connections {
        let stream = connect(address)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(key.into()), Interest::READABLE)?;
        streams.push((stream, 0, Instant::now()));
    }
    let (message, mut echo) = ([b'0'; LENGTH], [0; LENGTH]);
    for (stream, _, begun) in &mut streams {
        *begun = Instant::now();
        stream.write_all(&message)?;
    }
    let (mut start, mut messages) = (Instant::now(), 0_u64);
    let (mut omitted, mut slowest) = (false, Duration::ZERO);
    while start.elapsed() < TIME {
        if !omitted && start.elapsed() >= OMIT {
            (start, messages, omitted) = (Instant::now(), 0, true);
        }
        poll.poll(&mut events, Some(TIME))?;
        for event in &events {
            let (stream, got, begun) = &mut streams[event.token().0];
            *got += stream.read(&mut echo)?;
            if *got >= LENGTH {
                *got = 0;
                messages += 1;
                let now = Instant::now();
                slowest = slowest.max(now - *begun);
                *begun = now;
                stream.write_all(&message)?;
            }
        }
    }
    ensure!(messages > 0, "nothing came back");
    black_box(slowest);
    Ok(start.elapsed().div_f64(messages as f64))
}
