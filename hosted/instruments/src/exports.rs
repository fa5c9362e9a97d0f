//! The files that a run is written to: opened before it, written after it, but
//! for the table of messages, which grows while the run goes on.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use crate::args::{FailRateArgs, LoadArgs, RateArgs, ReportArgs};
use crate::figure::{self, Format};
use crate::files::{Draft, Identity, Output};
use crate::measurement::{Measurement, Sample};
use crate::report::{self, Csv, Subject};
use crate::search::Hunt;
use crate::terminal::escape::shown;
use crate::terminal::notes::note;

/// The pixels of the figure for each pixel of its page.
const SCALE: f32 = 2.0;

/// The figure to be drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture<'a> {
    /// The file of the figure.
    pub path: &'a Path,
    /// Whether the user asked for it. If not, a run goes on without it when it cannot be written.
    pub wanted: bool,
}

/// The default file of the figure.
const FIGURE: &str = "result/rate.jpg";

impl<'a> Picture<'a> {
    /// The figure of `rate`, which draws one unless it is switched off.
    pub(crate) fn of_rate<W: Args>(args: &'a RateArgs<W>) -> Option<Self> {
        let path = args.output.as_deref().unwrap_or(Path::new(FIGURE));
        (!args.no_plot).then_some(Self { path, wanted: args.output.is_some() })
    }

    /// The figure of `fail-rate`, which draws one only on request.
    pub(crate) fn of_fail_rate<W: Args>(args: &'a FailRateArgs<W>) -> Option<Self> {
        args.output.as_deref().map(|path| Self { path, wanted: true })
    }

    fn open(self) -> Result<Option<Output>> {
        needed(self.wanted, Output::open(self.path))
    }
}

/// Turns the error of a figure that was not asked for into a note.
fn needed<T>(wanted: bool, result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if !wanted => {
            note(&format!("note: there is no figure: {error}"));
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// Open files, none of them written yet.
#[derive(Debug)]
pub struct Exports {
    figure: Option<Output>,
    /// Whether a run that cannot have the figure has failed.
    figure_wanted: bool,
    json: Option<Output>,
    csv: Option<Output>,
    hdr: Option<Output>,
}

impl Exports {
    /// Opens what is asked for, and the `figure`.
    ///
    /// # Errors
    ///
    /// If one of the files cannot be written, or would be written twice.
    pub(crate) fn open(args: &LoadArgs, figure: Option<Picture<'_>>) -> Result<Self> {
        Self::at(figure, &args.report, args.export_csv.as_deref())
    }

    /// Opens the files at these paths.
    ///
    /// # Errors
    ///
    /// If one of them cannot be written, or would be written twice.
    pub(crate) fn at(
        figure: Option<Picture<'_>>,
        report: &ReportArgs,
        csv: Option<&Path>,
    ) -> Result<Self> {
        let open = |path: Option<&Path>| path.map(Output::open_or_stdout).transpose();
        let exports = Self {
            figure: figure.map(Picture::open).transpose()?.flatten(),
            figure_wanted: figure.is_some_and(|figure| figure.wanted),
            json: open(report.export_json.as_deref())?,
            csv: open(csv)?,
            hdr: open(report.export_hdr.as_deref())?,
        };
        exports.all_different()?;
        Ok(exports)
    }

    fn all_different(&self) -> Result<()> {
        // The report goes to standard output, where each file would overwrite it.
        let mut seen = vec![Identity::of(io::stdout())];
        for output in [&self.figure, &self.json, &self.csv, &self.hdr].into_iter().flatten() {
            let identity = output.identity();
            if identity.is_some() && seen.contains(&identity) {
                bail!("cannot write {} twice: choose another file", shown(output.path()));
            }
            seen.push(identity);
        }
        Ok(())
    }

    /// Starts the table of the messages of this load, if it is wanted.
    ///
    /// # Errors
    ///
    /// If there can be none.
    pub(crate) fn table(&mut self, subject: &Subject<'_>) -> Result<Option<Table>> {
        let Some(output) = self.csv.take() else { return Ok(None) };
        let draft = output.draft()?;
        Ok(Some(Table { csv: Csv::new(draft.writer()?, subject.plan, subject.labels), draft }))
    }

    /// Writes all files but the table, even if one of them fails; returns the path of the figure. The figure of a search
    /// is another one. The `report` is the object for programs.
    ///
    /// # Errors
    ///
    /// The first that cannot be written.
    pub(crate) fn write(
        self,
        subject: &Subject<'_>,
        measurement: &Measurement,
        hunt: Option<&Hunt<'_>>,
        report: impl FnOnce() -> Value,
    ) -> Result<Option<PathBuf>> {
        let json = self.json.map(|json| json.write(format!("{:#}\n", report()).as_bytes()));
        let hdr = self.hdr.map(|hdr| hdr.write(&report::hdr(subject, measurement)?));
        let figure = self.figure.map(|figure| {
            let path = figure.path().to_owned();
            let format = Format::from_path(&path);
            let bytes = match hunt {
                Some(hunt) => figure::encode_search(subject, hunt, format, SCALE)?,
                None => figure::encode(subject, measurement, format, SCALE)?,
            };
            figure.write(&bytes).map(|()| path)
        });
        json.transpose()?;
        hdr.transpose()?;
        needed(self.figure_wanted, figure.transpose()).map(Option::flatten)
    }
}

/// A table of messages and its file.
pub(crate) struct Table {
    csv: Csv,
    draft: Draft,
}

impl Table {
    /// Adds a row.
    pub(crate) fn row(&mut self, sample: &Sample) {
        self.csv.row(sample);
    }

    /// From now on rows are about the next run.
    pub(crate) fn next_run(&mut self) {
        self.csv.next_run();
    }

    /// Whether the reader of the rows on standard output has left.
    pub(crate) fn is_unread(&self) -> bool {
        self.csv.is_unread() && self.draft.is_stdout()
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// The first that occurred.
    pub(crate) fn finish(self) -> Result<()> {
        match self.csv.finish() {
            Ok(()) => self.draft.finish(),
            Err((error, whole)) => Err(self.draft.end(&error, whole)),
        }
    }
}
