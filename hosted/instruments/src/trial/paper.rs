//! Where the report goes.

use std::io;

use anyhow::{Context, Result};

use crate::args::LoadArgs;
use crate::report::Layout;
use crate::signals::Stop;
use crate::terminal::notes::remark;
use crate::terminal::{streams, width};

/// Standard output, or standard error where an export takes that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paper<'a> {
    elsewhere: bool,
    histogram: bool,
    stop: &'a Stop,
}

impl<'a> Paper<'a> {
    pub(super) fn of(args: &LoadArgs, stop: &'a Stop) -> Self {
        let (report, rows) = (&args.report, args.export_csv.as_deref());
        Self { elsewhere: report.exports_to_stdout(rows), histogram: report.histogram, stop }
    }

    /// Prints lines of the report.
    pub(super) fn print(&self, text: &str) -> io::Result<()> {
        if self.elsewhere {
            remark(text);
            return Ok(());
        }
        streams::print_unless(format!("{text}\n"), self.stop)
    }

    /// The same before there is anything to lose: an error ends the run.
    pub(super) fn begin(&self, text: &str) -> Result<()> {
        self.print(text).context(NO_OUTPUT)
    }

    /// How it is laid out now: a terminal may be resized.
    pub(super) fn layout(&self) -> Layout {
        let width = if self.elsewhere { width(io::stderr()) } else { width(io::stdout()) };
        Layout { width, histogram: self.histogram }
    }
}

pub(super) const NO_OUTPUT: &str = "cannot write to stdout";
