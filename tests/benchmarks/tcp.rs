//! What the echo of a message costs a server on the kernel's TCP.

use std::time::Duration;

use anyhow::Result;

use crate::effort::Effort;
use crate::load::{costs, median, plan};
use crate::process::{CLIENT, Process, SERVER, pin};
use crate::sheet::{Sheet, Unit};

const CONNECTIONS: [u16; 3] = [1, 64, 1000];

pub(crate) fn run(effort: &Effort) -> Result<String> {
    let servers = [
        ("minimal epoll loop", Process::start(SERVER, &["epoll"])?),
        ("`hosted server`", Process::hosted(SERVER, &["--listen", "1024"])?),
        ("a std thread for each connection", Process::start(SERVER, &["threads"])?),
        ("tokio, one thread", Process::start(SERVER, &["tokio"])?),
    ];
    pin(CLIENT)?;
    let columns = [
        ("1 connection", Unit::Time),
        ("64 connections", Unit::Time),
        ("1000 connections", Unit::Time),
        ("round trip, 1 connection", Unit::Time),
        ("memory for each of 1000", Unit::Bytes),
    ];
    let mut sheet = Sheet::new("server", servers.each_ref().map(|(name, _)| *name), &columns);
    let time = effort.time(Duration::from_millis(700));
    let mut idle = Vec::new();
    for (_, server) in &servers {
        idle.push(server.memory()?[0]);
    }
    effort.rounds(7, servers.len(), |turns| {
        for (column, connections) in CONNECTIONS.into_iter().enumerate() {
            for &row in turns {
                let (out, cost) = costs(&servers[row].1, &plan(connections, time))?;
                sheet.note(row, column, cost);
                if connections == 1 {
                    sheet.note(row, CONNECTIONS.len(), median(&out)?);
                }
            }
        }
        Ok(())
    })?;
    for (row, (_, server)) in servers.iter().enumerate() {
        sheet.note(row, CONNECTIONS.len() + 1, (server.memory()?[1] - idle[row]) / 1000.0);
    }
    Ok(format!(
        "### TCP\n\nWhat the echo of 1000 bytes costs the server in processor time, on so many connections, each of which waits for it before it sends again. \
         Memory is the process's own, not the kernel's.\n\n{sheet}"
    ))
}
