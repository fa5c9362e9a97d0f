//! The flags of `merge`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueHint};

use super::{OUTPUT, ReportArgs, VERDICT, figure};
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

    /// The report.
    #[command(flatten)]
    pub report: ReportArgs,

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
        self.report.one_on_stdout(None)
    }
}
