//! What `hosted rate` measures beside the plainest clients that one can write.

use std::time::Duration;

use anyhow::Result;
use echo_core::Payload;
use echo_instruments::clock::Clock;
use echo_instruments::load;
use echo_instruments::plan::{Plan, Protocol};
use echo_instruments::quantity;

use crate::clients;
use crate::effort::Effort;
use crate::load::{median, offer, per_second, plan};
use crate::process::{CLIENT, Process, SERVER, pin};
use crate::sheet::{Sheet, Unit};

pub(crate) fn run(effort: &Effort) -> Result<String> {
    let server = Process::hosted(SERVER, &["--rfc862", "--buffer", "65536", "--listen", "1024"])?;
    let columns = [
        ("round trip", Unit::Time),
        ("both ends spin", Unit::Time),
        ("UDP, both ends spin", Unit::Time),
        ("64 connections", Unit::PerSecond),
        ("1000 connections", Unit::PerSecond),
    ];
    let mut sheet = Sheet::new("client", ["the plainest", "`hosted rate`"], &columns);
    pin(CLIENT)?;
    let time = effort.time(Duration::from_millis(500));
    // When all send at once, at the beginning, is another matter.
    let omit = time.saturating_sub(Duration::from_millis(300));
    let plain = plan(1, time);
    let spins = Plan { spin: Duration::MAX, ..plain.clone() };
    let datagrams = Plan { protocol: Protocol::Udp, ..spins.clone() };
    effort.rounds(11, 2, |turns| {
        let mut turn = |column, clients: [&dyn Fn() -> Result<f64>; 2]| -> Result<()> {
            turns.iter().try_for_each(|&row| {
                sheet.note(row, column, clients[row]()?);
                Ok(())
            })
        };
        let ours = |address, plan: &Plan| median(&offer(address, plan)?);
        let it = server.address;
        turn(0, [&|| clients::ping_pong(it, false, time), &|| ours(it, &plain)])?;
        // One that spins leaves no processor to others.
        let tcp = Process::start(SERVER, &["spinning"])?;
        let it = tcp.address;
        turn(1, [&|| clients::ping_pong(it, true, time), &|| ours(it, &spins)])?;
        drop(tcp);
        let udp = Process::start(SERVER, &["spinning", "udp"])?;
        let it = udp.address;
        turn(2, [&|| clients::datagrams(it, true, time), &|| ours(it, &datagrams)])?;
        drop(udp);
        for (column, connections) in [(3, 64), (4, 1000)] {
            let it = server.address;
            let plan = Plan { omit, ..plan(connections, time) };
            let theirs = || clients::event_loop(it, connections, [omit, time]);
            turn(column, [&theirs, &|| per_second(&offer(it, &plan)?)])?;
        }
        Ok(())
    })?;
    let clock = Clock::start();
    let seq = Plan { payload: Payload::Seq { run: 0, connection: 0 }, ..plain.clone() };
    let [zero, seq] = [plain, seq].map(|plan| {
        quantity::duration(load::examine(&plan, || clock.now()).floor.unwrap_or_default())
    });
    Ok(format!(
        "### The client\n\nWhat `rate` measures of one server beside the plainest clients that one can write (`send` and `recv`, or an epoll loop), which take \
         the time of each message, too, and compare nothing. A message of 1000 bytes costs it {zero}, and {seq} with `--payload seq`.\n\n{sheet}"
    ))
}
