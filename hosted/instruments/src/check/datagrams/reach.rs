//! Finds out at which of a host's addresses a server answers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use echo_core::Instant;

use super::conduct::{LONG, WHOLE};
use super::door::{Unconnected, Unsent};
use crate::datagrams;
use crate::signals::Stop;
use crate::target::HEAD_START;

/// What is sent again that is not answered.
const AGAIN: Duration = Duration::from_millis(500);

/// The first of these addresses at which anything answers within the `limit`, or,
/// if there is none, within some seconds: nobody tells that nobody is there.
///
/// # Errors
///
/// If none does, with the reason for each.
pub fn reach(
    sockets: &mut impl Unconnected,
    addresses: &[SocketAddr],
    limit: Option<Duration>,
    stop: &Stop,
) -> Result<SocketAddr> {
    let begun = sockets.now();
    let limit = limit.unwrap_or(LONG);
    let end = begun + limit;
    // When each is asked next; `None` once it is known that it will not answer.
    let mut due: Vec<Option<Instant>> =
        (0..addresses.len()).map(|index| Some(begun + HEAD_START * index as u32)).collect();
    let mut reasons = vec![None; addresses.len()];
    let mut buffer = vec![0; WHOLE];
    let mut answered = None;
    for (socket, address) in addresses.iter().enumerate() {
        if let Err(why) = sockets.open(socket, *address, None) {
            (due[socket], reasons[socket]) = (None, Some(why));
        }
    }
    while answered.is_none() && !stop.requested() {
        let now = sockets.now();
        for (socket, address) in addresses.iter().enumerate() {
            let Some(at) = due[socket] else { continue };
            let sent = if at <= now {
                due[socket] = Some(now + AGAIN);
                sockets.send(socket, *address, GREETING)
            } else {
                Ok(())
            };
            let failed = match (sent, sockets.receive(socket, &mut buffer)) {
                (_, Ok(Some(_))) => {
                    answered = Some(*address);
                    break;
                }
                (Err(Unsent::Never(why)), _) => why,
                (Err(Unsent::Failed(failure)), _) | (_, Err(failure)) => failure.to_string(),
                (Ok(()) | Err(Unsent::Full), Ok(None)) => continue,
            };
            (due[socket], reasons[socket]) = (None, Some(failed));
            // The next one need not wait for it any longer.
            if let Some(next) = due.iter_mut().flatten().next() {
                *next = (*next).min(now);
            }
        }
        let Some(next) = due.iter().flatten().min().copied() else { break };
        if answered.is_some() || end <= now {
            break;
        }
        sockets.wait(end.min(next)).context("cannot wait for an echo")?;
    }
    (0..addresses.len()).for_each(|socket| sockets.close(socket));
    answered.ok_or_else(|| {
        let silent = format!("no answer within {}", humantime::format_duration(limit));
        let told = addresses.iter().zip(&reasons);
        let told =
            told.map(|(address, why)| format!("{address}: {}", why.as_deref().unwrap_or(&silent)));
        let told = told.collect::<Vec<_>>().join("; nor from ");
        datagrams::nobody(&told)
    })
}

const GREETING: &[u8] = b"is anybody there?";
