//! The mark of a run that is not one distribution, in the panel of its times.

use plotters::style::Color;
use plotters::style::WHITE;
use plotters_backend::DrawingBackend;

use super::columns::Span;
use super::style::{Drawn, INK, Page, VALUE, stroke};
use crate::measurement::Measurement;
use crate::measurement::stationarity::{Stationarity, stationarity};
use crate::quantity::duration;
use crate::report::stationarity::percentile;

impl<DB: DrawingBackend> Page<DB> {
    /// A line where the times change, over the box between these sides whose axis ends at so many seconds, and beside
    /// it what they were before and after.
    pub(super) fn change(
        &self,
        run: &Measurement,
        [left, right]: Span,
        [top, bottom]: Span,
        end: f64,
    ) -> Drawn<DB> {
        let Some(told) = stationarity(run) else { return Ok(()) };
        let Some((name, [before, after])) = told.parts().map(percentile) else { return Ok(()) };
        let joined =
            if matches!(told, Stationarity::Changed { .. }) { ", then" } else { " drifts to" };
        let what = format!("{name} {}{joined} {}", duration(before), duration(after));
        let width = VALUE.width(&what) + 2.0 * GAP;
        let x = match told {
            Stationarity::Changed { at, .. } => {
                let x = left + (right - left) * at.as_secs_f64() / end;
                self.line(&[(x, top), (x, bottom)], stroke(WHITE.mix(0.8), 3.2))?;
                self.line(&[(x, top), (x, bottom)], stroke(INK, 1.2))?;
                // Beside the line, where there is room.
                if x + width <= right { x } else { x - width }
            }
            _ => (left + right - width) / 2.0,
        };
        let baseline = top + 20.0;
        self.rect([x + 2.0, x + width - 2.0], [baseline - 15.0, baseline + 5.0], &WHITE.mix(0.8))?;
        self.left(VALUE, x + GAP, baseline, &what)
    }
}

/// The distance from the line to the words.
const GAP: f64 = 7.0;
