//! Where plotters' drawing becomes an SVG.
//!
//! Letters are outlines, each defined once, because many viewers know neither a font that comes with the file nor
//! how to keep the width of a text without it (librsvg and what is built on it, Word). What they spell stands
//! beside them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::{Arguments, Write};

use anyhow::Result;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};
use tiny_skia::{PathSegment, Point};

use super::face::{Face, Setting, UNITS_PER_EM};
use super::style::{CANVAS_UNITS, HEIGHT, WIDTH};
use super::{CANVAS, Content, draw};

pub(super) fn encode(content: Content<'_>) -> Result<Vec<u8>> {
    let mut drawing = Drawing::default();
    draw(content, Sheet(&mut drawing))?;
    Ok(drawing.finish().into_bytes())
}

/// What has been drawn so far.
#[derive(Debug, Default)]
struct Drawing {
    body: String,
    /// Rectangles of one paint that follow each other, most of them cells, are one path.
    paint: String,
    rectangles: String,
    /// By their face and sign; a blank is none.
    letters: BTreeMap<(bool, char), Option<String>>,
}

impl Drawing {
    fn finish(mut self) -> String {
        self.end_of_rectangles();
        let (width, height) = CANVAS;
        let letters: String = self.letters.into_values().flatten().collect();
        // Noisy lines would get spikes without round joints.
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             viewBox=\"0 0 {width} {height}\" stroke-linejoin=\"round\">\n\
             <defs>\n{letters}</defs>\n{}</svg>\n",
            self.body
        )
    }

    fn add(&mut self, element: Arguments<'_>) {
        self.end_of_rectangles();
        let _ = writeln!(self.body, "{element}");
    }

    fn add_rectangle(&mut self, paint: String, (x, y): BackendCoord, to: BackendCoord) {
        if paint != self.paint {
            self.end_of_rectangles();
            self.paint = paint;
        }
        let (width, height) = (to.0 - x, to.1 - y);
        let _ = write!(self.rectangles, "M{x} {y}h{width}v{height}h{}z", -width);
    }

    fn end_of_rectangles(&mut self) {
        if !self.rectangles.is_empty() {
            let (paint, rectangles) = (&self.paint, &self.rectangles);
            // Cells would have seams between them.
            let crisp = "shape-rendering=\"crispEdges\"";
            let _ = writeln!(self.body, "<path{paint} {crisp} d=\"{rectangles}\"/>");
            self.rectangles.clear();
        }
    }
}

/// A drawing backend onto an SVG.
struct Sheet<'a>(&'a mut Drawing);

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Sheet<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        CANVAS
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect((x, y), (x + 1, y + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let paint = if fill { filled(style) } else { stroked(style) };
        self.0.add_rectangle(paint, from, to);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<_> = points.into_iter().collect();
        let points = match points[..] {
            [from, to] if from.0 == to.0 || from.1 == to.1 => rule(from, to, style).to_vec(),
            _ => points,
        };
        self.0.add(format_args!("<path{} d=\"{}\"/>", stroked(style), polyline(points)));
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let paint = if fill { filled(style) } else { stroked(style) };
        self.0.add(format_args!("<circle{paint} cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"));
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn {
        self.0.add(format_args!("<path{} d=\"{}z\"/>", filled(style), polyline(corners)));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let Setting { bold, em, x, y } = Setting::of(text, style, at);
        let face = Face::new(bold, UNITS_PER_EM);
        let mut letters = String::new();
        let mut from_start = 0.0;
        for sign in text.chars() {
            let shape = self.0.letters.entry((bold, sign)).or_insert_with(|| letter(bold, sign));
            if shape.is_some() {
                let _ = write!(letters, "<use href=\"#{}\" x=\"{from_start}\"/>", id(bold, sign));
            }
            from_start += face.advance(sign);
        }
        if letters.is_empty() {
            return Ok(());
        }
        let (color, scale) = (paint("fill", style.color()), em / UNITS_PER_EM);
        self.0.add(format_args!(
            "<g{color} aria-label=\"{}\" transform=\"translate({x:.1} {y:.1}) scale({scale})\">{letters}</g>",
            escaped(text)
        ));
        Ok(())
    }
}

/// A vertical or horizontal line on whole pixels of the page, as the canvas has it. It is smoothed all the same:
/// otherwise thin ones would be gone where the page is drawn at less than its size.
fn rule(from: BackendCoord, to: BackendCoord, style: &impl BackendStyle) -> [BackendCoord; 2] {
    let (width, pixel) = (f64::from(style.stroke_width()), f64::from(CANVAS_UNITS));
    let on_pixel = |a: i32| {
        let first = ((f64::from(a) - width / 2.0) / pixel + 0.2).round();
        (first * pixel + width / 2.0) as i32
    };
    if from.0 == to.0 {
        [(on_pixel(from.0), from.1), (on_pixel(to.0), to.1)]
    } else {
        [(from.0, on_pixel(from.1)), (to.0, on_pixel(to.1))]
    }
}

fn filled(style: &impl BackendStyle) -> String {
    paint("fill", style.color())
}

fn stroked(style: &impl BackendStyle) -> String {
    let paint = paint("stroke", style.color());
    format!(" fill=\"none\"{paint} stroke-width=\"{}\"", style.stroke_width())
}

fn paint(what: &str, BackendColor { alpha, rgb: (red, green, blue) }: BackendColor) -> String {
    let opacity = if alpha < 1.0 { format!(" {what}-opacity=\"{alpha}\"") } else { String::new() };
    format!(" {what}=\"#{red:02X}{green:02X}{blue:02X}\"{opacity}")
}

fn polyline(points: impl IntoIterator<Item = BackendCoord>) -> String {
    let points: Vec<_> = points.into_iter().map(|(x, y)| format!("{x} {y}")).collect();
    format!("M{}", points.join("L"))
}

/// The identifier of a letter.
fn id(bold: bool, sign: char) -> String {
    format!("{}{:x}", if bold { 'b' } else { 'r' }, u32::from(sign))
}

/// One letter, if there is anything to see of it: steps from point to point in units of the font.
fn letter(bold: bool, sign: char) -> Option<String> {
    let outline = Face::new(bold, UNITS_PER_EM).outline(sign.encode_utf8(&mut [0; 4]), 0.0, 0.0)?;
    let mut steps = String::new();
    let (mut at, mut start) = (Point::zero(), Point::zero());
    for segment in outline.segments() {
        let (name, points) = match segment {
            PathSegment::MoveTo(to) => ('m', vec![to]),
            PathSegment::LineTo(to) => ('l', vec![to]),
            PathSegment::QuadTo(over, to) => ('q', vec![over, to]),
            PathSegment::CubicTo(over, under, to) => ('c', vec![over, under, to]),
            PathSegment::Close => ('z', vec![start]),
        };
        steps.push(name);
        if name != 'z' {
            for number in points.iter().flat_map(|point| [point.x - at.x, point.y - at.y]) {
                let blank = if number < 0.0 || steps.ends_with(name) { "" } else { " " };
                let _ = write!(steps, "{blank}{number}");
            }
        }
        at = points[points.len() - 1];
        if name == 'm' {
            start = at;
        }
    }
    Some(format!("<path id=\"{}\" d=\"{steps}\"/>\n", id(bold, sign)))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}
