//! `hosted client`.

use anyhow::Result;
use echo_instruments::verdict::Verdict;

use crate::cli::ClientArgs;
use crate::client::{self, Talk};

/// Runs `hosted client`.
///
/// # Errors
///
/// If the server cannot be reached, or standard input or output is broken.
pub(super) fn main(args: &ClientArgs) -> Result<Verdict> {
    let talk = Talk {
        limit: args.timeout.0,
        buffer: args.buffer as usize,
        once: args.one_shot,
        message: args.message.clone(),
    };
    client::talk(&talk, || args.target.resolve())
}
