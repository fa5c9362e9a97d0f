//! `--length`: what a message of either protocol can be.

use anyhow::{Result, bail};

use crate::datagrams::LONGEST;
use crate::verdict::Misuse;

/// Refuses a length that no message has.
pub(super) fn fits(udp: bool, length: u64) -> Result<()> {
    match (udp, length) {
        (false, 0) => {
            bail!(Misuse("--length 0 needs --udp: only a datagram can be empty".into()))
        }
        (true, _) if length > LONGEST as u64 => bail!(Misuse(format!(
            "--length {length} does not fit into a datagram: {LONGEST} bytes at most"
        ))),
        _ => Ok(()),
    }
}
