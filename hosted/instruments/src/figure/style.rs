//! The look of the figure: its colours, its letters, and a page that places things in logical pixels.
//!
//! The panels draw only through [`Page`]; positions are pixels from the upper left corner, a text stands on a
//! baseline. The page works on any backend of plotters.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle, WHITE,
};
use plotters_backend::DrawingBackend;

use super::axis::Axis;
use super::face::{BELOW_TOP, Face};

/// Numbers, headings, p50.
pub(super) const INK: RGBColor = RGBColor(0x1B, 0x1F, 0x24);
/// Labels.
pub(super) const SOFT: RGBColor = RGBColor(0x57, 0x60, 0x6A);
/// The foot.
pub(super) const FAINT: RGBColor = RGBColor(0x8B, 0x94, 0x9E);
/// Axes, ticks and leader lines.
pub(super) const RULE: RGBColor = RGBColor(0xB4, 0xBB, 0xC3);
/// Grid lines that have a label.
pub(super) const GRID: RGBColor = RGBColor(0xE6, 0xE9, 0xED);
/// Grid lines without one.
pub(super) const MINOR: RGBColor = RGBColor(0xF2, 0xF4, 0xF6);
/// The rate and the percentiles.
pub(super) const AZURE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// p99.
pub(super) const AMBER: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
/// Failures, and nothing else.
pub(super) const ALARM: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// From few round trips to many.
pub(super) const HEAT: [RGBColor; 9] = [
    RGBColor(0xB0, 0xD0, 0xE9),
    RGBColor(0x9C, 0xC5, 0xE2),
    RGBColor(0x83, 0xB8, 0xDB),
    RGBColor(0x68, 0xAA, 0xD3),
    RGBColor(0x4B, 0x96, 0xC8),
    RGBColor(0x33, 0x80, 0xBB),
    RGBColor(0x1F, 0x68, 0xAA),
    RGBColor(0x10, 0x4D, 0x90),
    RGBColor(0x08, 0x30, 0x6B),
];

/// A kind of text: the size of its em in pixels, its weight and colour.
#[derive(Clone, Copy)]
pub(super) struct Type {
    pub(super) em: f32,
    pub(super) bold: bool,
    pub(super) color: RGBColor,
}

pub(super) const TITLE: Type = Type { em: 30.0, bold: true, color: INK };
pub(super) const ADDRESS: Type = Type { em: 18.0, bold: false, color: SOFT };
pub(super) const FIGURE: Type = Type { em: 27.0, bold: true, color: INK };
pub(super) const HEADING: Type = Type { em: 18.0, bold: true, color: INK };
pub(super) const VALUE: Type = Type { em: 15.0, bold: false, color: INK };
pub(super) const LABEL: Type = Type { em: 15.0, bold: false, color: SOFT };
pub(super) const FAILED: Type = Type { em: 15.0, bold: false, color: ALARM };
pub(super) const FOOT: Type = Type { em: 14.0, bold: false, color: FAINT };

/// The page in logical pixels.
pub(super) const WIDTH: u32 = 1440;
/// The page in logical pixels.
pub(super) const HEIGHT: u32 = 810;

/// Canvas units in a logical pixel: plotters knows whole numbers only.
pub(super) const CANVAS_UNITS: u32 = 10;

/// A font's size in plotters' terms for an em of 1.
pub(super) const PLOTTERS_EM: f64 = 1.24;

/// What drawing on a page results in.
pub(super) type Drawn<DB, T = ()> =
    Result<T, DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Two axes and the box between them.
pub(super) type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<Axis, Axis>>;

/// A white sheet.
pub(super) struct Page<DB: DrawingBackend>(DrawingArea<DB, Shift>);

impl<DB: DrawingBackend> Page<DB> {
    /// Covers the whole of `backend`, which is [`WIDTH`] x [`HEIGHT`] pixels of [`CANVAS_UNITS`] each.
    pub(super) fn new(backend: DB) -> Drawn<DB, Self> {
        let area = backend.into_drawing_area();
        area.fill(&WHITE)?;
        Ok(Self(area))
    }

    /// Text that starts at `x`.
    pub(super) fn left(&self, kind: Type, x: f64, baseline: f64, text: &str) -> Drawn<DB> {
        self.text(kind, HPos::Left, x, baseline, text)
    }

    /// Text that ends at `x`.
    pub(super) fn right(&self, kind: Type, x: f64, baseline: f64, text: &str) -> Drawn<DB> {
        self.text(kind, HPos::Right, x, baseline, text)
    }

    /// Text in the middle around `x`.
    pub(super) fn center(&self, kind: Type, x: f64, baseline: f64, text: &str) -> Drawn<DB> {
        self.text(kind, HPos::Center, x, baseline, text)
    }

    /// A filled rectangle.
    pub(super) fn rect(&self, x: [f64; 2], y: [f64; 2], color: &impl Color) -> Drawn<DB> {
        let corners = [(units(x[0]), units(y[0])), (units(x[1]), units(y[1]))];
        self.0.draw(&Rectangle::new(corners, color.filled()))
    }

    /// A line through `points`.
    pub(super) fn line(&self, points: &[(f64, f64)], style: ShapeStyle) -> Drawn<DB> {
        let points: Vec<_> = points.iter().map(|(x, y)| (units(*x), units(*y))).collect();
        self.0.draw(&PathElement::new(points, style))
    }

    /// A dot in a white ring.
    pub(super) fn dot(&self, x: f64, y: f64, color: RGBColor) -> Drawn<DB> {
        let center = (units(x), units(y));
        self.0.draw(&Circle::new(center, units(5.6), WHITE.filled()))?;
        self.0.draw(&Circle::new(center, units(4.2), color.filled()))
    }

    /// A ring of the size of a [dot](Self::dot), white inside.
    pub(super) fn ring(&self, x: f64, y: f64, color: RGBColor) -> Drawn<DB> {
        let center = (units(x), units(y));
        for (radius, color) in [(5.6, WHITE), (4.2, color), (2.2, WHITE)] {
            self.0.draw(&Circle::new(center, units(radius), color.filled()))?;
        }
        Ok(())
    }

    /// A heading and, beside it, what belongs to it.
    pub(super) fn heading(&self, x: f64, baseline: f64, text: &str, aside: &str) -> Drawn<DB> {
        self.left(HEADING, x, baseline, text)?;
        self.left(LABEL, x + HEADING.width(text) + 20.0, baseline, aside)
    }

    /// What a line means, in words that end at `right`. Returns where the [sample](Self::sample) of it starts.
    pub(super) fn legend(&self, right: f64, baseline: f64, text: &str) -> Drawn<DB, f64> {
        self.right(LABEL, right, baseline, text)?;
        Ok(right - LABEL.width(text) - 8.0 - SAMPLE)
    }

    /// A short piece of a line.
    pub(super) fn sample(&self, x: f64, baseline: f64, style: ShapeStyle) -> Drawn<DB> {
        let y = baseline - 5.0;
        self.line(&[(x, y), (x + SAMPLE, y)], style)
    }

    /// A box with axes below and on the left of it; ticks and labels are outside.
    pub(super) fn chart(
        &self,
        x: [f64; 2],
        y: [f64; 2],
        axes: (Axis, Axis),
    ) -> Drawn<DB, Chart<'_, DB>> {
        let corner = (units(x[0] - LEFT_OF_BOX), units(y[0]));
        let size = (units(x[1] - x[0] + LEFT_OF_BOX), units(y[1] - y[0] + BELOW_BOX));
        let area = self.0.clone().shrink(corner, size);
        let mut chart = ChartBuilder::on(&area)
            .y_label_area_size(units(LEFT_OF_BOX))
            .x_label_area_size(units(BELOW_BOX))
            .build_cartesian_2d(axes.0, axes.1)?;
        chart
            .configure_mesh()
            .bold_line_style(stroke(GRID, 1.0))
            .light_line_style(stroke(MINOR, 1.0))
            .axis_style(stroke(RULE, 1.0))
            .set_all_tick_mark_size(units(5.0))
            .label_style(LABEL.style(HPos::Left))
            .draw()?;
        Ok(chart)
    }

    /// Hands the finished drawing to the backend.
    pub(super) fn finish(&self) -> Drawn<DB> {
        self.0.present()
    }

    fn text(&self, kind: Type, side: HPos, x: f64, baseline: f64, text: &str) -> Drawn<DB> {
        let top = baseline - f64::from(BELOW_TOP * kind.em);
        self.0.draw_text(&grouped(text), &kind.style(side), (units(x), units(top)))
    }
}

impl Type {
    /// How many pixels of a line `text` takes.
    pub(super) fn width(self, text: &str) -> f64 {
        Face::new(self.bold, self.em).width(&grouped(text)).into()
    }

    /// As much of `text` as fits into `width` pixels, with an ellipsis where it was cut.
    pub(super) fn fit(self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let face = Face::new(self.bold, self.em);
        let mut room = width as f32 - face.width("…");
        let fits = |sign: &char| {
            room -= face.advance(*sign);
            room >= 0.0
        };
        text.chars().take_while(fits).chain(['…']).collect()
    }

    fn style(self, side: HPos) -> TextStyle<'static> {
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = f64::from(self.em) * f64::from(CANVAS_UNITS) * PLOTTERS_EM;
        TextStyle {
            font: FontDesc::new(FontFamily::SansSerif, size, weight),
            color: self.color.to_backend_color(),
            pos: Pos::new(side, VPos::Top),
        }
    }
}

/// The text with a thin space between groups of digits, as in print. Elsewhere they stand apart by
/// an ordinary one, because no terminal need know another.
fn grouped(text: &str) -> String {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    let mut pieces = text.split(' ');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_group = digits(piece) == 3 && out.ends_with(|last: char| last.is_ascii_digit());
        out.push(if is_group { '\u{2009}' } else { ' ' });
        out.push_str(piece);
    }
    out
}

/// A line `width` pixels wide.
pub(super) fn stroke(color: impl Color, width: f64) -> ShapeStyle {
    color.stroke_width(units(width) as u32)
}

/// Logical pixels in canvas units.
pub(super) fn units(pixels: f64) -> i32 {
    (pixels * f64::from(CANVAS_UNITS)).round() as i32
}

/// How long the sample of a line in a legend is.
pub(super) const SAMPLE: f64 = 22.0;

/// Room for labels beside and below the box of a chart.
const LEFT_OF_BOX: f64 = 80.0;
const BELOW_BOX: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_groups_of_a_number_stand_close() {
        for (text, close) in [
            ("", ""),
            ("1 234 567/s, 4 000 (10.0 %)", "1_234_567/s, 4_000 (10.0 %)"),
            ("25.0 s  ·  2026-11-25 19:15:36 UTC", "25.0 s  ·  2026-11-25 19:15:36 UTC"),
            ("64 B messages, 2 timed out", "64 B messages, 2 timed out"),
        ] {
            assert_eq!(grouped(text), close.replace('_', "\u{2009}"));
        }
    }

    #[test]
    fn long_text_is_cut_to_its_slot() {
        assert_eq!(TITLE.fit("TCP echo to 10.0.0.2:7777", 1_300.0), "TCP echo to 10.0.0.2:7777");
        let cut = TITLE.fit(&"W".repeat(300), 1_300.0);
        assert!(cut.ends_with('…') && cut.len() > 30, "{cut}");
        assert!((1_250.0..=1_300.0).contains(&TITLE.width(&cut)));
        assert_eq!(LABEL.fit("anything", 0.0), "…");
    }
}
