//! The flags of `hosted compare`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use echo_instruments::quantity::given;

/// Flags of `hosted compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// JSON reports: before and after; with --with, all before
    ///
    /// The JSON reports: the one before and the one after the change; with --with, all those before it. A
    /// report of `--repeat` counts as that many runs.
    #[arg(value_name = "BEFORE.json", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) before: Vec<PathBuf>,

    /// JSON reports after the change
    ///
    /// The JSON reports of the runs after the change, where there are several before or after it.
    #[arg(long = "with", value_name = "AFTER.json", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) after: Vec<PathBuf>,

    /// Exit with 1 if AFTER is worse by more
    ///
    /// Exit with 1 if the mean, a percentile, the rate or the failures are worse after the change by more
    /// than this many per cent, and by more than runs of one and the same program differ.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent,
          help_heading = "Verdict")]
    pub(crate) threshold: f64,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = given::percent(text).filter(|percent| *percent <= 1e9);
    percent.ok_or_else(|| "expected a share in per cent (5, 0.5%)".into())
}
