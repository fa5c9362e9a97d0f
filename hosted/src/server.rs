//! stub
use crate::{Verdict, cli::ServerArgs};
use anyhow::Result;
/// The largest `--buffer`, in bytes.
pub const LARGEST_BUFFER: usize = 64 << 10;
/// Runs.
pub fn main(_args: &ServerArgs) -> Result<Verdict> {
    Ok(Verdict::Well)
}
