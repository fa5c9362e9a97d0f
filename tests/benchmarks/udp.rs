//! What the echo of a datagram costs a server on the kernel's UDP.

use std::time::Duration;

use anyhow::Result;
use echo_instruments::plan::{Plan, Protocol};

use crate::effort::Effort;
use crate::load::{costs, plan};
use crate::process::{CLIENT, Process, SERVER, pin};
use crate::sheet::{Sheet, Unit};

pub(crate) fn run(effort: &Effort) -> Result<String> {
    let servers = [
        ("`recvfrom`, `sendto`", Process::start(SERVER, &["recvfrom"])?),
        ("`recvmmsg`, `sendmmsg`", Process::start(SERVER, &["recvmmsg"])?),
        ("`hosted server --udp`", Process::hosted(SERVER, &["--udp"])?),
        ("tokio, one thread", Process::start(SERVER, &["tokio", "udp"])?),
    ];
    pin(CLIENT)?;
    let loads = [(1, 64), (1, 1000), (64, 64), (64, 1000)];
    let columns = ["1 of 64 bytes", "1 of 1000 bytes", "64 of 64 bytes", "64 of 1000 bytes"];
    let columns = columns.map(|name| (name, Unit::Time));
    let mut sheet = Sheet::new("server", servers.each_ref().map(|(name, _)| *name), &columns);
    let time = effort.time(Duration::from_millis(400));
    effort.rounds(7, servers.len(), |turns| {
        for (column, (ports, length)) in loads.into_iter().enumerate() {
            for &row in turns {
                let plan = Plan { protocol: Protocol::Udp, length, ..plan(ports, time) };
                sheet.note(row, column, costs(&servers[row].1, &plan)?.1);
            }
        }
        Ok(())
    })?;
    Ok(format!(
        "### UDP\n\nWhat the echo of a datagram costs the server in processor time, with so many in flight, each from a port of its own. \
         The others are not told the hop limit with which one arrives, and know of no event but a datagram.\n\n{sheet}"
    ))
}
