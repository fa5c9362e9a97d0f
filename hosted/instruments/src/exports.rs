//! The files that a run is written to: opened before it, written after it, but
//! for the table of messages, which grows while the run goes on.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::args::LoadArgs;
use crate::figure::{self, Format};
use crate::files::{Draft, Identity, Output};
use crate::measurement::Measurement;
use crate::report::{self, Csv, Subject};
use crate::terminal::escape::shown;
use crate::terminal::progress::note;

/// Pixels of the figure for each of its page.
const SCALE: f32 = 2.0;

/// Where the figure goes.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Its file.
    pub path: &'a Path,
    /// The user wants it. Otherwise a run does without where it cannot be.
    pub wanted: bool,
}

impl Picture<'_> {
    fn open(self) -> Result<Option<Output>> {
        needed(self.wanted, Output::open(self.path))
    }
}

/// Only notes what became of a figure that nobody asked for.
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
    pub fn open(args: &LoadArgs, figure: Option<Picture<'_>>) -> Result<Self> {
        let open = |path: &Option<_>| path.as_deref().map(Output::open).transpose();
        let exports = Self {
            figure: figure.map(Picture::open).transpose()?.flatten(),
            figure_wanted: figure.is_some_and(|figure| figure.wanted),
            json: open(&args.export_json)?,
            csv: open(&args.export_csv)?,
            hdr: open(&args.export_hdr)?,
        };
        exports.all_different()?;
        Ok(exports)
    }

    fn all_different(&self) -> Result<()> {
        // The report goes to the standard output, where each file would overwrite it.
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

    /// Starts the table of messages, if it is wanted.
    ///
    /// # Errors
    ///
    /// If there can be none.
    pub fn table(&mut self) -> Result<Option<Table>> {
        let Some(output) = self.csv.take() else { return Ok(None) };
        let mut draft = output.draft()?;
        let file = draft.file().try_clone()?;
        Ok(Some(Table { csv: Csv::new(file), draft }))
    }

    /// Writes all but the table, each whatever becomes of the others; returns where the figure is.
    ///
    /// # Errors
    ///
    /// The first that cannot be written.
    pub fn write(
        self,
        subject: &Subject<'_>,
        measurement: &Measurement,
    ) -> Result<Option<PathBuf>> {
        let json = self.json.map(|json| {
            json.write(format!("{:#}\n", report::json(subject, measurement)).as_bytes())
        });
        let hdr = self.hdr.map(|hdr| hdr.write(&report::hdr(subject, measurement)?));
        let figure = self.figure.map(|figure| {
            let path = figure.path().to_owned();
            let format = Format::from_path(&path);
            figure.write(&figure::encode(subject, measurement, format, SCALE)?).map(|()| path)
        });
        json.transpose()?;
        hdr.transpose()?;
        needed(self.figure_wanted, figure.transpose()).map(Option::flatten)
    }
}

/// A table of messages and its file.
#[derive(Debug)]
pub struct Table {
    /// The rows.
    pub csv: Csv,
    draft: Draft,
}

impl Table {
    /// Ends it.
    ///
    /// # Errors
    ///
    /// The first that occurred.
    pub fn finish(self) -> Result<()> {
        match self.csv.finish() {
            Ok(()) => self.draft.finish(),
            Err(error) => Err(self.draft.end(&error)),
        }
    }
}
