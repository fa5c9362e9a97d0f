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
use crate::load::{median, offer, plan};
use crate::process::{Awake, CLIENT, Process, SERVER, pin};
use crate::sheet::{Sheet, Unit};
use crate::turns;

pub(crate) fn run(effort: &Effort) -> Result<String> {
    let server = Process::hosted(SERVER, &["--rfc862", "--buffer", "65536", "--listen", "1024"])?;
    let columns = [
        ("round trip", Unit::Time),
        ("both ends spin", Unit::Time),
        ("UDP, both ends spin", Unit::Time),
        ("64 connections", Unit::PerSecond),
        ("its processor time for each", Unit::Time),
        ("1000 connections", Unit::PerSecond),
        ("its processor time for each", Unit::Time),
    ];
    let mut sheet = Sheet::new("client", ["the plainest", "`hosted rate`"], &columns);
    pin(CLIENT)?;
    let [time, of_many] = [150, 1000].map(|millis| effort.time(Duration::from_millis(millis)));
    let plain = plan(1, time);
    let spins = Plan { spin: Duration::MAX, ..plain.clone() };
    let datagrams = Plan { protocol: Protocol::Udp, ..spins.clone() };
    effort.rounds(21, 2, |turns| {
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
        let _awake = [Awake::start(CLIENT)?, Awake::start(SERVER)?];
        for (column, connections) in [(3, 64), (5, 1000)] {
            let both = turns::event_loops(server.address, connections, of_many)?;
            for (row, [rate, cost]) in both.into_iter().enumerate() {
                sheet.note(row, column, rate);
                sheet.note(row, column + 1, cost);
            }
        }
        Ok(())
    })?;
    let clock = Clock::start();
    let seq = Plan { payload: Payload::Seq { run: 0, connection: 0 }, ..plain.clone() };
    let [zero, seq] = [plain, seq].map(|plan| load::examine(&plan, || clock.now()));
    let of_clock = quantity::duration(zero.clock);
    let [zero, seq] = [zero, seq].map(|it| quantity::duration(it.floor.unwrap_or_default()));
    Ok(format!(
        "### The client\n\nWhat `rate` measures of one server beside the plainest clients that one can write (`send` and `recv`, or an epoll loop), which take \
         the time of each message, too, and compare nothing. A message of 1000 bytes costs it {zero}, and {seq} with `--payload seq`. What it takes more of the processor is a second reading \
         of the clock ({of_clock}), as a message does not begin when the one before ends, the comparison, and the notes of its time. With many connections the two have turns of an eighth of a second, and neither processor sleeps: \
         otherwise how long they take to wake up is all that shows. How many come back is up to the slower end; the processor time is the client's.\n\n{sheet}"
    ))
}
