//! `hosted fail-rate`: how many messages do not come back as they were sent.

use anyhow::Result;

use crate::cli::{Content, FailRateArgs};
use crate::load::Measurement;
use crate::output::Output;
use crate::progress::note;
use crate::units::{self, plain};
use crate::{Verdict, trial};

/// How many of the last messages the live line speaks of.
const WINDOW: u32 = 10;

/// Runs `hosted fail-rate`.
///
/// # Errors
///
/// What could not be resolved, connected to, opened or written.
pub fn main(args: &FailRateArgs) -> Result<Verdict> {
    let figure = args.output.as_deref().map(Output::open).transpose()?;
    if args.payload == Content::Zero {
        note("note: with --payload zero a late, repeated or shifted echo looks right; seq tells");
    }
    let measurement = trial::run("fail-rate", &args.load, &args.payload, true, figure, live_line)?;
    let well = measurement.tally.failures() <= args.max_fail;
    Ok(if well { Verdict::Well } else { Verdict::Failed })
}

fn live_line(measurement: &Measurement, _length: u64) -> String {
    let percent = |share: Option<f64>| share.unwrap_or(1.0) * 100.0;
    let tally = &measurement.tally;
    let recent = percent(tally.recent(WINDOW));
    let overall = percent(tally.fail_rate().map(|rate| 1.0 - rate));
    let messages = units::count(tally.messages());
    let failed = units::count(tally.failures());
    plain(&format!(
        "Success rate: {recent:.1}%   overall {overall:.3}%   {messages} messages   {failed} failed"
    ))
}
