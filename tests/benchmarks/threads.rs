//! What a second thread brings a server, and what it costs.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::effort::Effort;
use crate::load::{offer, per_second, plan};
use crate::process::{CLIENT, Process, SERVER, pin};
use crate::sheet::{Sheet, Unit};

/// So many of each of the two loads.
const CONNECTIONS: [u16; 2] = [1, 32];

pub(crate) fn run(effort: &Effort) -> Result<String> {
    let servers = [
        ("`hosted server`", Process::hosted_anywhere(&[])?),
        ("`hosted server --threads 2`", Process::hosted_anywhere(&["--threads", "2"])?),
    ];
    let columns = [
        ("2 connections", Unit::PerSecond),
        ("each echo", Unit::Time),
        ("busiest thread", Unit::Share),
        ("64 connections", Unit::PerSecond),
        ("each echo", Unit::Time),
        ("busiest thread", Unit::Share),
    ];
    let mut sheet = Sheet::new("server", servers.each_ref().map(|(name, _)| *name), &columns);
    let time = effort.time(Duration::from_secs(1));
    effort.rounds(7, servers.len(), |turns| {
        for (place, connections) in CONNECTIONS.into_iter().enumerate() {
            for &row in turns {
                for (column, value) in
                    measure(&servers[row].1, connections, time)?.into_iter().enumerate()
                {
                    sheet.note(row, 3 * place + column, value);
                }
            }
        }
        Ok(())
    })?;
    Ok(format!(
        "### Threads\n\nTwo loads at once, one pinned to each of two processors; the server, which is pinned to none, has what they leave. How many messages of \
         1000 bytes come back, what the echo of one costs the server in processor time, and how much of that its busiest thread has used.\n\n{sheet}"
    ))
}

/// Echoes a second, seconds for each echo, and the busiest thread's share of them.
fn measure(server: &Process, connections: u16, time: Duration) -> Result<[f64; 3]> {
    let before = server.threads()?;
    let outs = thread::scope(|scope| {
        let offer = |processor| {
            pin(processor)?;
            offer(server.address, &plan(connections, time))
        };
        let loads = [CLIENT, SERVER].map(|processor| scope.spawn(move || offer(processor)));
        loads.map(|load| load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (mut sum, mut most) = (0.0, 0.0_f64);
    for (thread, time) in server.threads()? {
        let used = time - before.get(&thread).unwrap_or(&0.0);
        sum += used;
        most = most.max(used);
    }
    let (mut echoed, mut rate) = (0, 0.0);
    for out in outs {
        let out = out?;
        echoed += out.tally.echoed();
        rate += per_second(&out)?;
    }
    Ok([rate, sum / echoed as f64, most / sum])
}
