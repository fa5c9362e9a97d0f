//! Where plotters' drawing meets the rasteriser.
//!
//! plotters places everything in whole canvas units, ten to a pixel of the page; one transform scales them to
//! the pixels of the image. Edges that should be crisp (cells, grid lines) are drawn without smoothing.

use std::convert::Infallible;

use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};
use tiny_skia::{FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::face::{Face, Setting};
use super::style::CANVAS_UNITS;

/// A drawing backend onto an image.
pub(super) struct Canvas<'a> {
    image: &'a mut Pixmap,
    size: (u32, u32),
    to_image: Transform,
}

impl<'a> Canvas<'a> {
    /// A canvas of `size` canvas units that fills an image drawn at `scale` pixels for each pixel of the page.
    pub(super) fn new(image: &'a mut Pixmap, size: (u32, u32), scale: f32) -> Self {
        let scale = scale / CANVAS_UNITS as f32;
        Self { image, size, to_image: Transform::from_scale(scale, scale) }
    }

    fn fill(&mut self, path: Option<Path>, color: BackendColor, smooth: bool) {
        if let Some(path) = path {
            let paint = paint(color, smooth);
            self.image.fill_path(&path, &paint, FillRule::Winding, self.to_image, None);
        }
    }

    fn stroke(&mut self, path: Option<Path>, style: &impl BackendStyle) {
        if let Some(path) = path {
            let width = style.stroke_width() as f32;
            let stroke = Stroke { width, line_join: LineJoin::Round, ..Stroke::default() };
            let paint = paint(style.color(), true);
            self.image.stroke_path(&path, &paint, &stroke, self.to_image, None);
        }
    }

    /// A vertical or horizontal line as whole pixels: equal lines look equal wherever they lie. The axis of a
    /// chart is one unit beside its first grid line; the little bias puts both into the same pixels.
    fn rule(&mut self, from: BackendCoord, to: BackendCoord, style: &impl BackendStyle) {
        let scale = self.to_image.sx;
        let width = (style.stroke_width() as f32 * scale).round().max(1.0);
        let edges = |a: i32, b: i32| {
            let (a, b) = (a.min(b) as f32 * scale, a.max(b) as f32 * scale);
            if a == b {
                let first = (a - width / 2.0 + 0.2).round();
                (first, first + width)
            } else {
                (a.round(), b.round())
            }
        };
        let (left, right) = edges(from.0, to.0);
        let (top, bottom) = edges(from.1, to.1);
        if let Some(rect) = Rect::from_ltrb(left, top, right, bottom) {
            let paint = paint(style.color(), false);
            self.image.fill_rect(rect, &paint, Transform::identity(), None);
        }
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
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
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let rect = Rect::from_ltrb(left as f32, top as f32, right as f32, bottom as f32);
        let path = rect.map(PathBuilder::from_rect);
        if fill {
            self.fill(path, style.color(), false);
        } else {
            self.stroke(path, style);
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<_> = points.into_iter().collect();
        match points[..] {
            [from, to] if from.0 == to.0 || from.1 == to.1 => self.rule(from, to, style),
            _ => self.stroke(polyline(&points).finish(), style),
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let path = PathBuilder::from_circle(center.0 as f32, center.1 as f32, radius as f32);
        if fill {
            self.fill(path, style.color(), true);
        } else {
            self.stroke(path, style);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn {
        let corners: Vec<_> = corners.into_iter().collect();
        let mut path = polyline(&corners);
        path.close();
        self.fill(path.finish(), style.color(), true);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let Setting { bold, em, x, y } = Setting::of(text, style, at);
        self.fill(Face::new(bold, em).outline(text, x, y), style.color(), true);
        Ok(())
    }
}

fn paint(color: BackendColor, smooth: bool) -> Paint<'static> {
    let (red, green, blue) = color.rgb;
    let mut paint = Paint { anti_alias: smooth, ..Paint::default() };
    paint.set_color_rgba8(red, green, blue, (color.alpha * 255.0).round() as u8);
    paint
}

fn polyline(points: &[BackendCoord]) -> PathBuilder {
    let mut path = PathBuilder::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 {
            path.move_to(x as f32, y as f32);
        } else {
            path.line_to(x as f32, y as f32);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: BackendColor = BackendColor { alpha: 1.0, rgb: (0, 0, 0) };

    /// Draws on a white sheet of 40 x 40 pixels, of 400 x 400 canvas units, and counts pixels that are not white.
    fn pixels(scale: f32, draw: impl Fn(&mut Canvas<'_>) -> Drawn) -> [usize; 2] {
        let side = (40.0 * scale) as u32;
        let mut image = Pixmap::new(side, side).expect("a size above zero");
        image.fill(tiny_skia::Color::WHITE);
        let Ok(()) = draw(&mut Canvas::new(&mut image, (400, 400), scale)) else {
            unreachable!("the canvas does not fail");
        };
        let dark = image.pixels().iter().filter(|pixel| pixel.red() == 0).count();
        let touched = image.pixels().iter().filter(|pixel| pixel.red() != 255).count();
        [dark, touched - dark]
    }

    #[test]
    fn straight_lines_and_cells_have_no_soft_edges() {
        for x in 100..=120 {
            let line = |canvas: &mut Canvas<'_>| canvas.draw_line((x, 100), (x, 300), &Stroked(10));
            assert_eq!(pixels(1.0, line), [20, 0], "at {x}");
            assert_eq!(pixels(2.0, line), [2 * 40, 0], "at {x}");
        }
        let cell = |canvas: &mut Canvas<'_>| canvas.draw_rect((103, 100), (207, 200), &BLACK, true);
        assert_eq!(pixels(1.0, cell)[1], 0);
    }

    #[test]
    fn an_axis_covers_the_grid_line_beside_it() {
        let both = |canvas: &mut Canvas<'_>| {
            canvas.draw_line((859 - 800, 0), (859 - 800, 400), &Stroked(10))?;
            canvas.draw_line((860 - 800, 0), (860 - 800, 400), &Stroked(10))
        };
        assert_eq!(pixels(1.0, both), [40, 0]);
        assert_eq!(pixels(2.0, both), [160, 0]);
    }

    #[test]
    fn slopes_circles_and_areas_are_smooth() {
        let slope = |canvas: &mut Canvas<'_>| canvas.draw_line((50, 50), (300, 200), &Stroked(10));
        let circle = |canvas: &mut Canvas<'_>| canvas.draw_circle((200, 200), 100, &BLACK, true);
        let area =
            |canvas: &mut Canvas<'_>| canvas.fill_polygon([(0, 0), (400, 0), (0, 300)], &BLACK);
        assert!(pixels(1.0, slope)[1] > 20);
        assert!(pixels(1.0, circle)[0] > 250 && pixels(1.0, circle)[1] > 20);
        assert!(pixels(1.0, area)[0] > 500 && pixels(1.0, area)[1] > 20);
    }

    struct Stroked(u32);

    impl BackendStyle for Stroked {
        fn color(&self) -> BackendColor {
            BLACK
        }

        fn stroke_width(&self) -> u32 {
            self.0
        }
    }
}
