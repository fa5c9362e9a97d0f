//! `hosted rate`: how fast messages come back.

use std::path::Path;

use anyhow::Result;

use crate::Verdict;
use crate::cli::RateArgs;
use crate::exports::Picture;
use crate::load::Measurement;
use crate::percentiles::{MEDIAN, P99, percentile};
use crate::trial::{self, Words};
use crate::units::{self, plain};

/// Runs `hosted rate`.
///
/// # Errors
///
/// What could not be resolved, connected to, opened or written.
pub fn main(args: &RateArgs) -> Result<Verdict> {
    let wanted = args.output.is_some();
    let path = args.output.as_deref().unwrap_or(Path::new(FIGURE));
    let figure = (!args.no_plot).then_some(Picture { path, wanted });
    let words = Words { line: live_line, success: |_| String::new() };
    let trial = trial::run("rate", &args.load, &args.payload, false, figure, words)?;
    let well = trial.measurement.tally.failures() == 0 && !trial.crossed;
    Ok(if well { Verdict::Well } else { Verdict::Failed })
}

/// Where the figure goes if nobody says it.
const FIGURE: &str = "result/rate.jpg";

/// As the original program worded it, and more.
fn live_line(measurement: &Measurement, length: u64) -> String {
    let bits = measurement.bits_per_second(length).unwrap_or_default();
    let (kbps, mbps) = (bits / 1e3, bits / 1e6);
    let [p50, p99] = [MEDIAN, P99]
        .map(|one_in| percentile(measurement.felt(), one_in).map_or("n/a".into(), units::duration));
    let messages = units::count(measurement.tally.messages());
    let failed = units::count(measurement.tally.failures());
    plain(&format!(
        "Echo rate: {kbps:.1} Kbps, {mbps:.1} Mbps   rtt p50 {p50}  p99 {p99}   \
         {messages} messages   {failed} failed"
    ))
}
