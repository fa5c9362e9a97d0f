//! Whether instruments agree: `hosted rate` beside the plainest client that one can write, and beside `ping`
//! where the server answers that, too.
//!
//! `cargo bench -p benchmarks -- agreement` makes a network namespace of its own; it needs /dev/net/tun and
//! the right to make one, and takes a minute. All send the same number of bytes at the same pace, one after
//! another in interleaved rounds, with both ends on one core: where nothing waits for another core to wake up,
//! the differences that remain are those of the instruments.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use echo_core::Rules;
use echo_instruments::measurement::Measurement;
use echo_instruments::measurement::percentiles::{MEDIAN, percentile};
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::signals::Stop;
use hosted::server::Local;
use hosted::sockets;

use crate::ends::{self, CLIENT, TapDemo, pin, pinned};

const ROUNDS: usize = 9;
const LENGTH: usize = 1000;
const MESSAGES: u32 = 500;
const EVERY: Duration = Duration::from_millis(2);

/// Measures the median round trip to a server.
type Instrument = fn(SocketAddr) -> Result<Duration>;

pub(crate) fn run() -> Result<()> {
    ends::enter()?;
    pin(CLIENT)?;
    println!("a message of {LENGTH} bytes every {EVERY:?}, both ends on one core");
    println!(
        "median of {ROUNDS} rounds of {MESSAGES} messages each, and the range of their medians"
    );
    let kernel = pinned(CLIENT, || Local::with(Rules::default()))?;
    let sockets = [("hosted rate", hosted as Instrument), ("send and recv", plain)];
    table("the kernel's TCP over the loopback", kernel.address(), &sockets)?;
    drop(kernel);
    let tap = TapDemo::start(CLIENT, &[])?;
    table("tap-demo", tap.address, &[&sockets[..], &[("ping", ping)]].concat())
}

/// Lets all instruments measure one server in turn, and prints what each says.
fn table(server: &str, address: SocketAddr, instruments: &[(&str, Instrument)]) -> Result<()> {
    println!("{server}:");
    let mut medians = vec![Vec::new(); instruments.len()];
    for _ in 0..ROUNDS {
        for ((_, measure), medians) in instruments.iter().zip(&mut medians) {
            medians.push(measure(address)?);
        }
    }
    medians.iter_mut().for_each(|medians| medians.sort_unstable());
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let ours = micros(medians[0][ROUNDS / 2]);
    for ((name, _), medians) in instruments.iter().zip(medians) {
        let [least, median, most] = [0, ROUNDS / 2, ROUNDS - 1].map(|at| micros(medians[at]));
        let more = (median / ours - 1.0) * 100.0;
        println!("  {name:<14} {median:>6.1} µs  {more:>+6.1} %   ({least:.1} to {most:.1})");
    }
    Ok(())
}

fn hosted(address: SocketAddr) -> Result<Duration> {
    let plan = Plan {
        length: LENGTH as u64,
        pace: Pace::Interval(EVERY),
        count: Some(MESSAGES.into()),
        limit: Some(Duration::from_secs(10)),
        ..Plan::new()
    };
    let first = connect(address)?;
    let out = sockets::measure(&plan, first, &Stop::new()?, &mut |_: &Measurement| {})?;
    percentile(&out.times, MEDIAN).context("nothing came back")
}

/// Sends, waits in the read, takes the time; sleeps until the next is due.
fn plain(address: SocketAddr) -> Result<Duration> {
    let mut stream = connect(address)?;
    let (message, mut echo) = ([b'0'; LENGTH], [0; LENGTH]);
    let start = Instant::now();
    let mut times = Vec::with_capacity(MESSAGES as usize);
    for number in 0..MESSAGES {
        thread::sleep((EVERY * number).saturating_sub(start.elapsed()));
        let sent = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut echo)?;
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// ICMP echoes with as many bytes. The kernel notes when one arrives, so that waking up is no part of it.
fn ping(address: SocketAddr) -> Result<Duration> {
    let IpAddr::V4(address) = address.ip() else { anyhow::bail!("not an IPv4 address") };
    let mut ping = Command::new("ping");
    ping.args(["-n", "-c", &MESSAGES.to_string(), "-s", &LENGTH.to_string()]);
    ping.args(["-i", &EVERY.as_secs_f64().to_string(), &address.to_string()]);
    let out = ping.output().context("cannot run ping (Debian package iputils-ping)")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let times = text.split("time=").skip(1).filter_map(|rest| rest.split(' ').next()?.parse().ok());
    let mut times: Vec<f64> = times.collect();
    ensure!(
        times.len() > MESSAGES as usize / 2,
        "ping: {text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    times.sort_by(f64::total_cmp);
    Ok(Duration::from_secs_f64(times[times.len() / 2] / 1e3))
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
