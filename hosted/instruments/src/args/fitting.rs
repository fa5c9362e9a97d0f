//! What a message of either protocol can be, and what it needs.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::datagrams::LONGEST;
use crate::verdict::Misuse;

/// Refuses a length that no message has, and to wait for ever for what may be lost.
pub(super) fn fits(udp: bool, length: u64, limit: Option<Duration>) -> Result<()> {
    match (udp, length) {
        (false, 0) => {
            bail!(Misuse("--length 0 needs --udp: only a datagram can be empty".into()))
        }
        (true, _) if length > LONGEST as u64 => bail!(Misuse(format!(
            "--length {length} does not fit into a datagram: {LONGEST} bytes at most"
        ))),
        (true, _) if limit.is_none() => bail!(Misuse(
            "--udp needs a --timeout above 0: what is lost would be waited for without end".into()
        )),
        _ => Ok(()),
    }
}
