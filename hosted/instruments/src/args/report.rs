//! The flags of every report: in which form it is wanted, and where it goes.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::OUTPUT;
use crate::files::is_stdout;
use crate::verdict::Misuse;

/// Flags that all commands with a report share.
#[derive(Debug, Args)]
pub struct ReportArgs {
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
    /// Write the JSON object to this file, for `compare` and `merge`. With `-` it goes to stdout, and
    /// the report to stderr.
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub export_json: Option<PathBuf>,

    /// Write an HdrHistogram log to FILE
    ///
    /// Write the distribution to this file, as an HdrHistogram log, with an interval for each run or
    /// machine. With `-` it goes to stdout, and the report to stderr.
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub export_hdr: Option<PathBuf>,
}

impl ReportArgs {
    /// Refuses to write two things to standard output; the `rows` of messages are one, too.
    pub(super) fn one_on_stdout(&self, rows: Option<&Path>) -> Result<()> {
        let all: Vec<_> =
            self.json.then_some("--json").into_iter().chain(self.on_stdout(rows)).collect();
        if let [one, other, ..] = all[..] {
            bail!(Misuse(format!("cannot write both {one} and {other} to stdout: name a file")));
        }
        Ok(())
    }

    /// Whether an export goes to standard output, so that the report cannot go there.
    pub(crate) fn exports_to_stdout(&self, rows: Option<&Path>) -> bool {
        self.on_stdout(rows).next().is_some()
    }

    fn on_stdout<'a>(&'a self, rows: Option<&'a Path>) -> impl Iterator<Item = &'static str> {
        let (json, hdr) = (self.export_json.as_deref(), self.export_hdr.as_deref());
        let all = [("--export-json", json), ("--export-csv", rows), ("--export-hdr", hdr)];
        all.into_iter().filter(|(_, path)| path.is_some_and(is_stdout)).map(|(flag, _)| flag)
    }
}
