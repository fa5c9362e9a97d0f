//! `tap-demo` beside the kernel's own TCP over the loopback, beside the programs
//! of `core/c`, which are on BSD sockets and on lwIP, and beside a bare frame
//! reflector on a TAP, in one run, rounds interleaved, both ends pinned.
//!
//! `cargo bench -p benchmarks -- side_by_side` makes a network namespace of its own; it needs
//! /dev/net/tun and the right to make one, and for `core/c` a C compiler and
//! Debian's liblwip-dev. Compare only inside one table.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use echo_instruments::measurement::Measurement;
use echo_instruments::plan::Plan;
use echo_instruments::signals::Stop;

use anyhow::Result;
use echo_core::Rules;
use hosted::server::Local;
use hosted::sockets;
use tun_tap::{Iface, Mode};

use crate::c;
use crate::ends::{self, CLIENT, TapDemo, command, pinned};

const ROUNDS: usize = 5;
const LENGTH: u64 = 1000;
const BULK: usize = 128 << 20;
/// The server's core, if it is another than the client's.
const OTHER: usize = 1;

pub(crate) fn run() -> Result<()> {
    // Out here what they are made of can be fetched; in there they are built already.
    let programs = c::Programs::build();
    ends::enter()?;
    if let Err(error) = &programs {
        eprintln!("without the programs of core/c: {error:#}");
    }
    println!("1000-byte messages, MTU 1500, medians of {ROUNDS} interleaved rounds");
    let mut rows = BTreeMap::<String, Vec<f64>>::new();
    let mut note = |row: String, value| rows.entry(row).or_default().push(value);
    for _ in 0..ROUNDS {
        for (place, core) in [("one core", CLIENT), ("two cores", OTHER)] {
            let row = |name| format!("round trip, {place}: {name}, us");
            let kernel = pinned(core, || Local::with(Rules::default()))?;
            note(row("kernel"), round_trip(kernel.address(), 1)?.0);
            drop(kernel);
            let tap = TapDemo::start(core, &[])?;
            note(row("tap-demo"), round_trip(tap.address, 1)?.0);
            drop(tap);
            if let Ok(programs) = &programs {
                note(row("C, BSD sockets"), round_trip(programs.posix(core)?.address, 1)?.0);
                note(row("C, lwIP"), round_trip(programs.lwip(core)?.address, 1)?.0);
            }
            let reflector = Reflector::start(core)?;
            note(row("reflector"), reflector.round_trip()?);
        }
        for slots in ["1", "1024"] {
            let tap = TapDemo::start(CLIENT, &["--sockets", slots])?;
            let row = format!("round trip, one core: tap-demo, {slots} slots, us");
            note(row, round_trip(tap.address, 1)?.0);
        }
        let tap = TapDemo::start(OTHER, &["--spin"])?;
        note("round trip, two cores: both spin, us".into(), spinning_round_trip(tap.address)?);
        drop(tap);
        let kernel = pinned(OTHER, || Local::with(Rules::default()))?;
        note("64 connections: kernel, /s".into(), round_trip(kernel.address(), 64)?.1);
        note("bulk: kernel, MB/s".into(), bulk(kernel.address())?);
        drop(kernel);
        let tap = TapDemo::start(OTHER, &[])?;
        note("64 connections: tap-demo, /s".into(), round_trip(tap.address, 64)?.1);
        note("bulk: tap-demo, MB/s".into(), bulk(tap.address)?);
        drop(tap);
        if let Ok(programs) = &programs {
            note("bulk: C, BSD sockets, MB/s".into(), bulk(programs.posix(OTHER)?.address)?);
            note("bulk: C, lwIP, MB/s".into(), bulk(programs.lwip(OTHER)?.address)?);
        }
        note("bulk: reflector, MB/s".into(), Reflector::start(OTHER)?.bulk()?);
        let tap = TapDemo::start(OTHER, &["--offload"])?;
        note("bulk: tap-demo --offload, MB/s".into(), bulk(tap.address)?);
    }
    for (row, values) in &mut rows {
        values.sort_by(f64::total_cmp);
        let [least, most] = [values[0], values[values.len() - 1]];
        println!("{row:<50} {:>9.1}   ({least:.1} to {most:.1})", values[values.len() / 2]);
    }
    Ok(())
}

/// Median round trip in microseconds, and messages per second.
fn round_trip(address: SocketAddr, connections: u16) -> Result<(f64, f64)> {
    let plan = Plan {
        connections,
        length: LENGTH,
        limit: Some(Duration::from_secs(10)),
        time: Some(Duration::from_secs(1)),
        ..Plan::new()
    };
    let first = TcpStream::connect(address)?;
    first.set_nodelay(true)?;
    let measurement = sockets::measure(&plan, first, &Stop::new()?, &mut |_: &Measurement| {})?;
    let median = measurement.times.histogram().value_at_quantile(0.5);
    Ok((median as f64 / 1e3, measurement.messages_per_second().unwrap_or_default()))
}

/// Median round trip in microseconds of a client that does not sleep either.
fn spinning_round_trip(address: SocketAddr) -> Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut message = [0; LENGTH as usize];
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        let sent = Instant::now();
        stream.write_all(&message)?;
        let mut received = 0;
        while received < message.len() {
            match stream.read(&mut message[received..]) {
                Ok(0) => anyhow::bail!("the connection ended"),
                Ok(n) => received += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        }
        times.push(sent.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}

/// Megabytes per second there and back.
fn bulk(address: SocketAddr) -> Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    let mut writer = stream.try_clone()?;
    let start = Instant::now();
    let writing = thread::spawn(move || -> std::io::Result<()> {
        let block = vec![0; 1 << 18];
        (0..BULK / block.len()).try_for_each(|_| writer.write_all(&block))?;
        writer.shutdown(Shutdown::Write)
    });
    let mut block = vec![0; 1 << 18];
    let mut received = 0;
    loop {
        match stream.read(&mut block)? {
            0 => break,
            n => received += n,
        }
    }
    writing.join().expect("the writer does not panic")?;
    assert_eq!(received, BULK);
    Ok(BULK as f64 / 1e6 / start.elapsed().as_secs_f64())
}

/// Sends every UDP packet back, by swapping its addresses in place: what a TAP
/// costs without a stack.
struct Reflector {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Reflector {
    fn start(core: usize) -> Result<Self> {
        let iface = Iface::without_packet_info("tap1", Mode::Tap)?;
        for line in [
            "ip addr add 10.9.9.1/24 dev tap1",
            "ip link set tap1 up",
            "ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:09 dev tap1",
        ] {
            command(line)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = pinned(core, || {
            Ok(thread::spawn(move || {
                let mut frame = [0; 2048];
                while !stopped.load(Ordering::Relaxed) {
                    let length = iface.recv(&mut frame).unwrap_or(0);
                    if frame[12..14] == [8, 0] && frame[23] == 17 {
                        for (from, to, bytes) in [(0, 6, 6), (26, 30, 4), (34, 36, 2)] {
                            let (left, right) = frame.split_at_mut(to);
                            left[from..from + bytes].swap_with_slice(&mut right[..bytes]);
                        }
                        let _ = iface.send(&frame[..length]);
                    }
                }
            }))
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    fn socket(&self) -> Result<UdpSocket> {
        let socket = UdpSocket::bind("10.9.9.1:0")?;
        socket.connect("10.9.9.2:9")?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        Ok(socket)
    }

    /// Median, in microseconds.
    fn round_trip(&self) -> Result<f64> {
        let socket = self.socket()?;
        let mut message = [0; LENGTH as usize];
        let mut times = Vec::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            let sent = Instant::now();
            socket.send(&message)?;
            socket.recv(&mut message)?;
            times.push(sent.elapsed());
        }
        times.sort();
        Ok(times[times.len() / 2].as_secs_f64() * 1e6)
    }

    /// Megabytes per second of datagrams that fill a frame, 64 in flight.
    fn bulk(&self) -> Result<f64> {
        let socket = self.socket()?;
        let mut datagram = [0; 1472];
        (0..64).try_for_each(|_| socket.send(&datagram).map(drop))?;
        let start = Instant::now();
        let mut bytes = 0;
        while start.elapsed() < Duration::from_secs(1) {
            bytes += socket.recv(&mut datagram)?;
            socket.send(&datagram)?;
        }
        Ok(bytes as f64 / 1e6 / start.elapsed().as_secs_f64())
    }
}

impl Drop for Reflector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // One more frame lets it see that.
        let _ = UdpSocket::bind("10.9.9.1:0").and_then(|s| s.send_to(b"!", "10.9.9.2:9"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
