//! What the echo of a datagram costs a server on the kernel's UDP.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use echo_instruments::plan::{Plan, Protocol};

use crate::effort::Effort;
use crate::load::{costs, plan};
use crate::process::{CLIENT, Process, SERVER, pin};
use crate::sheet::{Sheet, Unit};

pub(crate) fn run(effort: &Effort) -> Result<String> {
    let servers = [
        ("`recvfrom`, `sendto`", Process::start(SERVER, &["recvfrom"])?),
        ("`recvmmsg`, `sendmmsg`", Process::start(SERVER, &["recvmmsg"])?),
        ("`recvmsg`, `sendmsg`, hop limit", Process::start(SERVER, &["recvmsg"])?),
        ("`hosted server --udp`", Process::hosted(SERVER, &["--udp"])?),
        ("tokio, one thread", Process::start(SERVER, &["tokio", "udp"])?),
    ];
    pin(CLIENT)?;
    // Ports, datagrams in flight of each, and their length.
    let loads = [(1, 1, 64), (1, 1, 1000), (64, 1, 64), (64, 1, 1000), (1, 64, 64), (1, 64, 1000)];
    let columns = [
        "1 of 64 bytes",
        "1 of 1000 bytes",
        "64 of 64 bytes",
        "64 of 1000 bytes",
        "64 of 64 bytes, one port",
        "64 of 1000 bytes, one port",
    ];
    let columns = columns.map(|name| (name, Unit::Time));
    let mut sheet = Sheet::new("server", servers.each_ref().map(|(name, _)| *name), &columns);
    let time = effort.time(Duration::from_millis(400));
    effort.rounds(7, servers.len(), |turns| {
        for (column, (ports, each, length)) in loads.into_iter().enumerate() {
            for &row in turns {
                let (server, plan) = (&servers[row].1, plan(ports, time));
                let plan = Plan { protocol: Protocol::Udp, length, ..plan };
                let cost = if each > 1 {
                    costs_of_many(server, each, length as usize, time)?
                } else {
                    costs(server, &plan)?.1
                };
                sheet.note(row, column, cost);
            }
        }
        Ok(())
    })?;
    Ok(format!(
        "### UDP\n\nWhat the echo of a datagram costs the server in processor time, with so many in flight, each from a port of its own \
         but for the last columns: answers of one length to one port go down the stack together. \
         Only it and one other are told the hop limit with which one arrives, without which two echo servers could be set on each other, \
         and it alone knows of other events than a datagram.\n\n{sheet}"
    ))
}

/// The seconds that an echo costs where one port sends so many at once, and then hears of them.
fn costs_of_many(server: &Process, each: usize, length: usize, time: Duration) -> Result<f64> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server.address)?;
    socket.set_read_timeout(plan(1, time).limit)?;
    let (datagram, mut buffer) = (vec![7; length], vec![0; length]);
    let (start, used, mut echoed) = (Instant::now(), server.processor_time()?, 0);
    while start.elapsed() < time {
        (0..each).try_for_each(|_| socket.send(&datagram).map(drop))?;
        (0..each)
            .try_for_each(|_| socket.recv(&mut buffer).map(drop))
            .context("nothing came back")?;
        echoed += each;
    }
    Ok((server.processor_time()? - used).as_secs_f64() / echoed as f64)
}
