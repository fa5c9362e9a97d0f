//! The figure of a run: rate over time, round-trip times over time, percentiles, and a summary in numbers. That of a
//! search shows responses against the rate.
//!
//! `exports` has it encoded once, after measuring, and writes the bytes to the file that it had opened before.
//! Nothing in here measures or reads a clock: the same run gives the same bytes. `columns` and `tail` turn the
//! measurement into what can be drawn, `axis` and `style` decide the looks, `panels` and `summary` draw, onto
//! `canvas` or `svg`, with the letters of `face`. Numbers are formatted here and computed in `measurement`, as for
//! the report.

mod axis;
mod canvas;
mod change;
mod climb;
mod columns;
mod face;
mod hosts;
mod names;
mod panels;
mod passages;
mod runs;
mod search;
mod style;
mod summary;
mod svg;
mod tail;

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use plotters_backend::DrawingBackend;
use tiny_skia::Pixmap;

use self::canvas::Canvas;
use self::search::Searched;
use self::style::{CANVAS_UNITS, Drawn, HEIGHT, Page, WIDTH};
use crate::measurement::Measurement;
use crate::report::Subject;
use crate::search::Hunt;

/// How a figure is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Quality 90 without subsampling.
    Jpeg,
    /// Lossless.
    Png,
    /// Vector shapes, letters included.
    Svg,
}

impl Format {
    /// The format that the name of a file asks for: `.png`, `.svg`, otherwise JPEG.
    pub fn from_path(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default();
        if extension.eq_ignore_ascii_case("png") {
            Self::Png
        } else if extension.eq_ignore_ascii_case("svg") {
            Self::Svg
        } else {
            Self::Jpeg
        }
    }
}

/// Draws the figure of a run; any text in the `subject` is safe.
///
/// A pixel of the page (1440 x 810) becomes `scale` pixels of a JPEG or PNG; an SVG has no scale. It fails only
/// if the image would be empty or a side of it above 16384 pixels.
pub fn encode(
    subject: &Subject<'_>,
    measurement: &Measurement,
    format: Format,
    scale: f32,
) -> Result<Vec<u8>> {
    Content::Run(Run { subject, measurement }).encode(format, scale)
}

/// Draws the figure of a search, as [`encode`] does that of a run.
pub fn encode_search(
    subject: &Subject<'_>,
    hunt: &Hunt<'_>,
    format: Format,
    scale: f32,
) -> Result<Vec<u8>> {
    Content::Search(Searched { subject, hunt }).encode(format, scale)
}

/// What a page shows.
#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Run(Run<'a>),
    Search(Searched<'a>),
}

impl Content<'_> {
    fn encode(self, format: Format, scale: f32) -> Result<Vec<u8>> {
        match format {
            Format::Jpeg => jpeg(&raster(self, scale)?),
            Format::Png => raster(self, scale)?.encode_png().context("cannot encode the figure"),
            Format::Svg => svg::encode(self),
        }
    }
}

/// What a figure shows.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    subject: &'a Subject<'a>,
    measurement: &'a Measurement,
}

/// The page in canvas units.
const CANVAS: (u32, u32) = (WIDTH * CANVAS_UNITS, HEIGHT * CANVAS_UNITS);

fn draw<DB: DrawingBackend>(content: Content<'_>, backend: DB) -> Drawn<DB> {
    let page = Page::new(backend)?;
    match content {
        Content::Run(run) => page.draw(run)?,
        Content::Search(searched) => page.draw_search(searched)?,
    }
    page.finish()
}

fn raster(content: Content<'_>, scale: f32) -> Result<Pixmap> {
    let [width, height] = [WIDTH, HEIGHT].map(|side| (side as f32 * scale).round() as u32);
    let mut image = Some((width, height))
        .filter(|_| width.max(height) <= LONGEST_SIDE)
        .and_then(|(width, height)| Pixmap::new(width, height))
        .ok_or_else(|| anyhow!("cannot draw a figure of {width} x {height} pixels"))?;
    draw(content, Canvas::new(&mut image, CANVAS, scale))?;
    Ok(image)
}

/// Larger images cost gigabytes and show nothing new.
const LONGEST_SIDE: u32 = 16_384;

fn jpeg(image: &Pixmap) -> Result<Vec<u8>> {
    let [width, height] = [image.width(), image.height()]
        .map(|side| u16::try_from(side).expect("no side is above the longest"));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    encoder.set_optimized_huffman_tables(true);
    encoder
        .encode(image.data(), width, height, ColorType::Rgba)
        .context("cannot encode the figure")?;
    Ok(bytes)
}
