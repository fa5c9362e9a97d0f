//! The two faces of the figure's typeface, and how wide their words are.
//!
//! They are subsets of Inter 4.001 (`font/OFL.txt`), cut by fonttools from the npm package `@fontsource/inter`
//! 5.3.0: printable ASCII, U+00A0, U+2009 and `µ×·–—−²°±…↑↓é`, with
//! figures of equal width as the digits, without layout tables and hints. Canvas and SVG draw the outlines; the
//! page measures words that might not fit. No system font is asked for: a figure looks the same everywhere.

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendCoord, BackendTextStyle, FontStyle};
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, MetadataProvider};
use tiny_skia::{Path, PathBuilder};

use super::style::PLOTTERS_EM;

/// The em in units of the embedded font: at this size outlines and widths are whole numbers.
pub(super) const UNITS_PER_EM: f32 = 2048.0;

/// How far the baseline is below the top of a text, in em.
pub(super) const BELOW_TOP: f32 = 0.76;

/// How far the baseline is below the middle of the capitals and digits, in em.
const BELOW_CENTER: f32 = 0.364;

/// How a text is set: in which face, and where its baseline starts.
pub(super) struct Setting {
    pub(super) bold: bool,
    pub(super) em: f32,
    pub(super) x: f32,
    pub(super) y: f32,
}

impl Setting {
    /// The setting that plotters means by a style and a position.
    pub(super) fn of(text: &str, style: &impl BackendTextStyle, (x, y): BackendCoord) -> Self {
        let em = (style.size() / PLOTTERS_EM) as f32;
        let bold = matches!(style.style(), FontStyle::Bold);
        let left = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => 0.5,
            HPos::Right => 1.0,
        };
        let below = match style.anchor().v_pos {
            VPos::Top => BELOW_TOP,
            VPos::Center => BELOW_CENTER,
            VPos::Bottom => 0.0,
        };
        let width = Face::new(bold, em).width(text);
        Self { bold, em, x: x as f32 - left * width, y: y as f32 + below * em }
    }
}

/// A face at one size.
pub(super) struct Face {
    font: FontRef<'static>,
    metrics: GlyphMetrics<'static>,
    size: Size,
}

impl Face {
    /// The face in which an em is `em` units long.
    pub(super) fn new(bold: bool, em: f32) -> Self {
        let data = if bold { SEMI_BOLD } else { REGULAR };
        let font = FontRef::new(data).expect("the embedded font is well formed");
        let size = Size::new(em);
        let metrics = font.glyph_metrics(size, LocationRef::default());
        Self { font, metrics, size }
    }

    /// The width of `text` set in one line.
    pub(super) fn width(&self, text: &str) -> f32 {
        text.chars().map(|sign| self.advance(sign)).sum()
    }

    /// The outlines of `text` whose baseline starts at `(x, y)`, y growing downwards. A sign that the face
    /// does not have is an empty box. None if there is nothing to see.
    pub(super) fn outline(&self, text: &str, x: f32, y: f32) -> Option<Path> {
        let mut pen = Pen { path: PathBuilder::new(), x, y };
        let glyphs = self.font.outline_glyphs();
        for sign in text.chars() {
            if let Some(glyph) = glyphs.get(self.glyph(sign)) {
                let settings = DrawSettings::unhinted(self.size, LocationRef::default());
                glyph
                    .draw(settings, &mut pen)
                    .expect("the outlines of the embedded font are well formed");
            }
            pen.x += self.advance(sign);
        }
        pen.path.finish()
    }

    /// How far the next sign stands from the start of this one.
    pub(super) fn advance(&self, sign: char) -> f32 {
        self.metrics.advance_width(self.glyph(sign)).unwrap_or_default()
    }

    fn glyph(&self, sign: char) -> skrifa::GlyphId {
        self.font.charmap().map(sign).unwrap_or_default()
    }
}

static REGULAR: &[u8] = include_bytes!("font/Inter-Regular.ttf");
static SEMI_BOLD: &[u8] = include_bytes!("font/Inter-SemiBold.ttf");

/// Puts one glyph after the other onto a path.
struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, self.y - y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, self.y - y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (dx, dy) = (self.x, self.y);
        self.path.quad_to(dx + x1, dy - y1, dx + x, dy - y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let (dx, dy) = (self.x, self.y);
        self.path.cubic_to(dx + x1, dy - y1, dx + x2, dy - y2, dx + x, dy - y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_faces_have_every_sign_that_the_figure_writes() {
        for face in [Face::new(false, 15.0), Face::new(true, 15.0)] {
            for sign in (' '..='~').chain("\u{a0}\u{2009}µ·…".chars()) {
                assert_ne!(face.glyph(sign), skrifa::GlyphId::NOTDEF, "{sign:?}");
            }
        }
    }

    #[test]
    fn in_units_of_the_font_everything_is_whole() {
        for face in [Face::new(false, UNITS_PER_EM), Face::new(true, UNITS_PER_EM)] {
            assert!((' '..='~').all(|sign| face.advance(sign).fract() == 0.0));
            let bounds = face.outline("g", 0.0, 0.0).expect("a letter").bounds();
            assert!(bounds.left().fract() == 0.0 && bounds.bottom().fract() == 0.0, "{bounds:?}");
        }
    }

    #[test]
    fn digits_are_equally_wide_and_words_add_up() {
        let face = Face::new(false, 100.0);
        assert!(('0'..='9').all(|digit| face.advance(digit) == face.advance('0')));
        assert_eq!(face.width("1.5"), face.width("1") + face.width(".") + face.width("5"));
    }

    #[test]
    fn an_outline_stands_on_its_baseline() {
        let bounds = Face::new(false, 100.0).outline("E", 50.0, 200.0).expect("a letter").bounds();
        assert!((bounds.bottom() - 200.0).abs() < 1.0 && bounds.left() > 50.0, "{bounds:?}");
        assert!((bounds.height() - 72.7).abs() < 1.0, "{bounds:?}");
        for sign in ('!'..='~').map(String::from) {
            let outline = Face::new(true, 100.0).outline(&sign, 0.0, 0.0);
            let bounds = outline.expect("a sign that is seen").bounds();
            assert!(bounds.top() > -100.0 && bounds.bottom() < 30.0, "{sign}");
        }
        assert!(Face::new(false, 100.0).outline(" \u{a0}", 0.0, 0.0).is_none());
    }
}
