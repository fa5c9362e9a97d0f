//! Whether instruments agree: `hosted rate` beside the plainest client that one can write, and beside `ping`
//! where the server answers that, too.
//!
//! Both ends are on one processor: where nothing waits for another to wake up, the differences that remain are
//! those of the instruments.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use echo_instruments::plan::{Pace, Plan};

use crate::effort::Effort;
use crate::load::{LENGTH, connect, median, offer, plan};
use crate::namespace;
use crate::process::{CLIENT, Process, pin};
use crate::sheet::{Sheet, Unit};

const EVERY: Duration = Duration::from_millis(2);

/// Measures the median round trip of so many messages to a server, in seconds.
type Instrument = fn(SocketAddr, u32) -> Result<f64>;

pub(crate) fn run(effort: &Effort) -> Result<String> {
    namespace::enter()?;
    pin(CLIENT)?;
    let servers = [Process::hosted(CLIENT, &[])?, Process::tap_demo(CLIENT, &[])?];
    let instruments: [(_, Instrument); 3] =
        [("`send` and `recv`", plain), ("`hosted rate`", hosted), ("`ping`", ping)];
    let columns = [("`hosted server`", Unit::Time), ("`tap-demo`", Unit::Time)];
    let names = instruments.map(|(name, _)| name);
    let mut sheet = Sheet::new("round trip, measured by", names, &columns);
    let messages = effort.count(500).try_into()?;
    effort.rounds(9, instruments.len(), |turns| {
        for (column, server) in servers.iter().enumerate() {
            // The kernel's own `ping` says nothing of its TCP.
            for &row in turns.iter().filter(|row| column == 1 || **row < 2) {
                sheet.note(row, column, instruments[row].1(server.address, messages)?);
            }
        }
        Ok(())
    })?;
    Ok(format!(
        "### Agreement\n\nWhat `rate` and others measure of the same servers: a message of 1000 bytes every {} ms, both ends on one processor. `ping` is answered by smoltcp before TCP, tells \
         times in steps of a microsecond, and takes the time at which the kernel received the reply, before any program wakes up.\n\n{sheet}",
        EVERY.as_millis()
    ))
}

fn hosted(address: SocketAddr, messages: u32) -> Result<f64> {
    let (pace, count) = (Pace::Interval(EVERY), Some(messages.into()));
    median(&offer(address, &Plan { pace, count, time: None, ..plan(1, EVERY) })?)
}

/// Sends, waits in the read, takes the time; sleeps until the next is due.
fn plain(address: SocketAddr, messages: u32) -> Result<f64> {
    let mut stream = connect(address)?;
    let (message, mut echo) = ([b'0'; LENGTH], [0; LENGTH]);
    let start = Instant::now();
    let mut times = Vec::with_capacity(messages as usize);
    for number in 0..messages {
        thread::sleep((EVERY * number).saturating_sub(start.elapsed()));
        let sent = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut echo)?;
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64())
}

/// ICMP echoes with as many bytes. The kernel notes when one arrives, so that waking up is no part of it.
fn ping(address: SocketAddr, messages: u32) -> Result<f64> {
    let IpAddr::V4(address) = address.ip() else { bail!("not an IPv4 address") };
    let mut ping = Command::new("ping");
    ping.args(["-n", "-c", &messages.to_string(), "-s", &LENGTH.to_string()]);
    ping.args(["-i", &EVERY.as_secs_f64().to_string(), &address.to_string()]);
    let out = ping.output().context("cannot run ping (Debian package iputils-ping)")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let times = text.split("time=").skip(1).filter_map(|rest| rest.split(' ').next()?.parse().ok());
    let mut times: Vec<f64> = times.collect();
    ensure!(
        times.len() > messages as usize / 2,
        "ping: {text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2] / 1e3)
}
