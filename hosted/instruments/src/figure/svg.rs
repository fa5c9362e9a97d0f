//! The figure as an SVG: the same page on plotters' own backend, with a better head.

use anyhow::Result;
use plotters::backend::SVGBackend;

use super::canvas::BELOW_CENTER;
use super::style::{HEIGHT, WIDTH};
use super::{CANVAS, Run, draw};

pub(super) fn encode(run: Run<'_>) -> Result<Vec<u8>> {
    let mut drawn = String::new();
    draw(run, SVGBackend::with_string(&mut drawn, CANVAS))?;
    let body = drawn.split_once('\n').map_or("", |(_, body)| body);
    Ok(format!("{}\n{}", head(), tidy(body)).into_bytes())
}

/// Sized in pixels of the page. Noisy lines would get spikes without round joints, cells would get seams if
/// their edges were smoothed, numbers would not line up without digits of one width.
fn head() -> String {
    let (width, height) = CANVAS;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {width} {height}\">\n\
         <style>polyline{{stroke-linejoin:round}}rect,line{{shape-rendering:crispEdges}}\
         text{{font-variant-numeric:tabular-nums}}</style>"
    )
}

/// Drops what is the default anyway, a quarter of the file, and makes text stand and look as on the canvas.
/// No text contains these: plotters escapes quotation marks.
fn tidy(body: &str) -> String {
    body.replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace("dy=\"0.5ex\"", &format!("dy=\"{BELOW_CENTER}em\""))
        .replace("font-weight=\"bold\"", "font-weight=\"600\"")
}
