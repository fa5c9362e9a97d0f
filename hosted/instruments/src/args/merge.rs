//! The flags of `merge`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueHint};

use super::stdout::one_on_stdout;
use super::{OUTPUT, VERDICT, figure};
use crate::bound::Condition;
use crate::files::is_stdout;
use crate::verdict::Misuse;

/// Flags of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// JSON reports (- for stdin)
    ///
    /// The JSON reports, one of each machine, or what `merge` made of several. `-` reads one from standard
    /// input.
    #[arg(value_name = "REPORT.json", required = true, value_hint = ValueHint::FilePath)]
    pub reports: Vec<PathBuf>,

    /// Draw a figure to FILE (.jpg, .png or .svg)
    ///
    /// Draw a figure to this file, in the format of its extension: .jpg, .png or .svg. Instead of the heat map it
    /// has the p50 and p99 of each machine over time: reports keep no time of a single message.
    #[arg(short, long, value_name = "FILE", value_parser = figure(), help_heading = OUTPUT)]
    pub output: Option<PathBuf>,

    /// Add all percentiles and a histogram
    ///
    /// Add all percentiles to the report, and a histogram of the times.
    #[arg(long, help_heading = OUTPUT)]
    pub histogram: bool,

    /// Print JSON instead of the report
    #[arg(short = 'J', long, help_heading = OUTPUT)]
    pub json: bool,

    /// Write JSON to FILE (- for stdout)
    ///
    /// Write the JSON object to this file. With `-` it goes to stdout, and the report to stderr. `compare` and
    /// `merge` read it like any other.
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub export_json: Option<PathBuf>,

    /// Write an HdrHistogram log to FILE
    ///
    /// Write the distributions to this file, as an HdrHistogram log with an interval for each machine. With `-`
    /// it goes to stdout, and the report to stderr.
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub export_hdr: Option<PathBuf>,

    /// Exit with 1 if BOUND holds, like 'p99>2ms'
    ///
    /// Exit with 1 if this holds for all messages together: the bounds of `rate` and `fail-rate`. May be
    /// repeated. 'within 1ms<99%' needs reports that counted it (--within 1ms).
    #[arg(long, value_name = "BOUND", help_heading = VERDICT)]
    pub fail_if: Vec<Condition>,
}

impl MergeArgs {
    /// Refuses to use standard input or output for two things.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] that names them.
    pub(crate) fn check(&self) -> Result<()> {
        if self.reports.iter().filter(|path| is_stdout(path)).count() > 1 {
            bail!(Misuse("cannot read two reports from stdin: name files".into()));
        }
        one_on_stdout(self.json, self.exports())
    }

    /// Whether an export goes to standard output, so that the report cannot go there.
    pub(crate) fn exports_to_stdout(&self) -> bool {
        self.exports().any(|(_, path)| is_stdout(path))
    }

    fn exports(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [("--export-json", &self.export_json), ("--export-hdr", &self.export_hdr)];
        all.into_iter().filter_map(|(flag, path)| Some((flag, path.as_deref()?)))
    }
}
