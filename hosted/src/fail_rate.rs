//! `hosted fail-rate`: how many messages do not come back as they were sent.

use anyhow::Result;

use crate::Verdict;
use crate::cli::{Content, FailRateArgs};
use crate::exports::Picture;
use crate::load::Measurement;
use crate::progress::note;
use crate::trial::{self, Words};
use crate::units::{self, plain};

/// How many of the last messages the live line speaks of.
const WINDOW: u32 = 10;

/// Runs `hosted fail-rate`.
///
/// # Errors
///
/// What could not be resolved, connected to, opened or written.
pub fn main(args: &FailRateArgs) -> Result<Verdict> {
    if args.payload == Content::Zero {
        note("note: with --payload zero a late, repeated or shifted echo looks right; seq tells");
    }
    let words = Words { line: live_line, success: |now| format!("   {}", success(now)) };
    let figure = args.output.as_deref().map(|path| Picture { path, wanted: true });
    let trial = trial::run("fail-rate", &args.load, &args.payload, true, figure, words)?;
    let well = trial.measurement.tally.failures() <= args.max_fail && !trial.crossed;
    Ok(if well { Verdict::Well } else { Verdict::Failed })
}

/// As the original program worded it.
fn success(measurement: &Measurement) -> String {
    let recent = measurement.tally.recent(WINDOW).unwrap_or(1.0) * 100.0;
    format!("Success rate: {recent:.1}%")
}

fn live_line(measurement: &Measurement, _length: u64) -> String {
    let tally = &measurement.tally;
    let overall = tally.fail_rate().map_or(1.0, |rate| 1.0 - rate) * 100.0;
    let [messages, failed] = [tally.messages(), tally.failures()].map(units::count);
    let recent = success(measurement);
    plain(&format!("{recent}   overall {overall:.3}%   {messages} messages   {failed} failed"))
}
