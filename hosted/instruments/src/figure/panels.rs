//! The page: which panel stands where, and what it shows.
//!
//! Every position is in logical pixels; a text has a slot of its own, so nothing has to be measured to find its
//! place. Cells are drawn before lines, marks of failures behind the data.

use std::time::Duration;

use plotters::element::{Circle, Rectangle};
use plotters::series::{AreaSeries, DashedLineSeries, LineSeries};
use plotters::style::{Color, WHITE};
use plotters_backend::DrawingBackend;

use super::Run;
use super::axis::Axis;
use super::columns::{Course, Span};
use super::style::{
    ALARM, AMBER, AZURE, Chart, Drawn, FAILED, FIGURE, FOOT, GRID, HEADING, HEAT, HEIGHT, INK,
    LABEL, Page, RULE, TITLE, Type, VALUE, WIDTH, stroke, units,
};
use super::tail::{Kind, Mark, Tail};
use crate::measurement::Measurement;
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::measurement::times::Times;
use crate::quantity::{amount, bit_rate, bit_rate_unit, bytes, count, duration, ratio};
use crate::report;
use crate::terminal::escape::Escaped;

/// The panels over time have the same sides, the panels beside them too.
const LEFT: Span = [86.0, 908.0];
const RIGHT: Span = [956.0, 1412.0];
const UPPER: Span = [138.0, 306.0];
const LOWER: Span = [378.0, 722.0];
/// Percentiles have their names and values beside the box.
const TAIL: Span = [956.0, 1254.0];

impl<DB: DrawingBackend> Page<DB> {
    /// Draws the whole page.
    pub(super) fn draw(&self, run: Run<'_>) -> Drawn<DB> {
        let measurement = run.measurement;
        self.title(run)?;
        if measurement.tally.messages() == 0 && measurement.unsent == 0 {
            // Interrupted in its warm-up, say: there is no time that an axis could show.
            let [x, y] = [WIDTH, HEIGHT].map(|side| f64::from(side) / 2.0);
            return self.center(HEADING, x, y, "nothing was measured");
        }
        let course = Course::of(measurement, run.subject.plan.length);
        self.rate(run, &course)?;
        self.summary(run)?;
        self.times(measurement, &course)?;
        self.percentiles(measurement)?;
        self.foot(&course)
    }

    fn title(&self, run: Run<'_>) -> Drawn<DB> {
        let width = (RIGHT[1] - LEFT[0]) as f32;
        let title = format!("TCP echo to {}", Escaped(run.subject.name.as_bytes()));
        let lead = run.subject.lead(run.measurement).join(SEPARATOR);
        self.left(TITLE, LEFT[0], 52.0, &TITLE.fit(&title, width))?;
        self.left(LABEL, LEFT[0], 81.0, &LABEL.fit(&lead, width))
    }

    fn rate(&self, run: Run<'_>, course: &Course) -> Drawn<DB> {
        let (unit, unit_name) = bit_rate_unit(course.highest_rate());
        self.left(HEADING, LEFT[0], 120.0, "Echo rate")?;
        self.left(LABEL, 190.0, 120.0, &format!("{unit_name} of echoed payload"))?;

        let axes =
            (Axis::time(course.end).unlabelled(), Axis::amount(course.highest_rate() / unit));
        let mut chart = self.chart(LEFT, UPPER, axes)?;
        self.failures(&mut chart, course, UPPER[0])?;

        let steps = course.rates.iter().flat_map(|rate| {
            let value = rate.bits_per_second / unit;
            rate.time.map(|time| (time, value))
        });
        let area = AreaSeries::new(steps.clone(), 0.0, AZURE.mix(0.16));
        chart.draw_series(area)?;
        chart.draw_series(LineSeries::new(steps, stroke(AZURE, 1.6)))?;

        let mean = mean_rate(run).filter(|mean| *mean > 0.0);
        if let Some(mean) = mean {
            let ends = [0.0, course.end].map(|time| (time, mean / unit));
            let dashes = DashedLineSeries::new(ends, units(8.0), units(5.0), stroke(INK, 1.5));
            chart.draw_series(dashes)?;
            // As it is drawn: a legend's sample is one line.
            for dash in [740.0, 753.0] {
                self.line(&[(dash, 115.0), (dash + 8.0, 115.0)], stroke(INK, 1.5))?;
            }
            self.left(LABEL, 770.0, 120.0, &format!("mean {}", bit_rate(mean)))?;
        }
        if !course.failed.is_empty() {
            // Beside the mean, or in its place.
            let x = if mean.is_none() { 839.0 } else { 640.0 };
            self.legend(x, 120.0, stroke(ALARM, 6.0), "failed")?;
        }
        Ok(())
    }

    fn times(&self, run: &Measurement, course: &Course) -> Drawn<DB> {
        self.left(HEADING, LEFT[0], 362.0, Quantity::of(run).heading())?;
        self.left(LABEL, 256.0, 362.0, "log scale")?;
        let up = rtt_axis(run.felt());
        let mut chart = self.chart(LEFT, LOWER, (Axis::time(course.end), up.clone()))?;
        self.failures(&mut chart, course, LOWER[0])?;

        let cells = course.cells.iter().map(|cell| {
            let corners = [(cell.time[0], cell.rtt[0]), (cell.time[1], cell.rtt[1])];
            Rectangle::new(corners, HEAT[cell.level].filled())
        });
        chart.draw_series(cells)?;
        let curves = [("p99", AMBER, 495.0, &course.p99), ("p50", INK, 578.0, &course.p50)];
        // Something of the cells must be seen beside a curve.
        let beside = height_of_cells(course, &up) > HALO;
        for (name, color, x, curve) in
            curves.into_iter().filter(|(.., curve)| beside && !curve.is_empty())
        {
            for line in &curve.lines {
                let points = || line.iter().copied();
                chart.draw_series(LineSeries::new(points(), stroke(WHITE.mix(0.8), HALO)))?;
                chart.draw_series(LineSeries::new(points(), stroke(color, 2.2)))?;
            }
            for (radius, color) in [(3.8, WHITE.mix(0.8)), (2.6, color.to_rgba())] {
                let dot = |at: &(f64, f64)| Circle::new(*at, units(radius), color.filled());
                chart.draw_series(curve.points.iter().map(dot))?;
            }
            self.legend(x, 362.0, stroke(color, 2.2), name)?;
        }

        if run.felt().is_empty() {
            return self.right(LABEL, LEFT[1], 362.0, "no echo came back");
        }
        self.heat_legend()
    }

    fn heat_legend(&self) -> Drawn<DB> {
        self.right(LABEL, 777.0, 362.0, "few echoes")?;
        for (i, color) in (0_u8..).zip(HEAT) {
            let x = 783.0 + 9.0 * f64::from(i);
            self.rect([x, x + 9.0], [351.0, 364.0], &color)?;
        }
        self.right(LABEL, LEFT[1], 362.0, "many")
    }

    /// A pale stripe behind the data and a mark above the panel, wide enough to be seen.
    fn failures(&self, chart: &mut Chart<'_, DB>, course: &Course, top: f64) -> Drawn<DB> {
        for span in &course.failed {
            let corners = [(span[0], 0.0), (span[1], f64::MAX)];
            chart.draw_series([Rectangle::new(corners, ALARM.mix(0.15).filled())])?;
            let [from, to] =
                span.map(|time| LEFT[0] + (LEFT[1] - LEFT[0]) * time / chart.x_range().end);
            let half = ((to - from) / 2.0).max(1.5);
            let middle = (from + to) / 2.0;
            self.rect([middle - half, middle + half], [top - 6.0, top], &ALARM)?;
        }
        Ok(())
    }

    fn percentiles(&self, run: &Measurement) -> Drawn<DB> {
        self.left(HEADING, TAIL[0], 362.0, "Percentiles")?;
        self.left(LABEL, 1080.0, 362.0, "1 in N echoes was slower")?;
        let times = run.felt();
        let tail = Tail::of(times);
        let (across, up) = (Axis::one_in(times.len() as f64), rtt_axis(times));
        let mut chart = self.chart(TAIL, LOWER, (across.clone(), up.clone().unlabelled()))?;

        let place = |mark: &Mark| {
            let x = TAIL[0] + (TAIL[1] - TAIL[0]) * across.share(mark.one_in);
            let ns = mark.time.as_nanos() as f64;
            (x, LOWER[1] - (LOWER[1] - LOWER[0]) * up.share(ns))
        };
        let places: Vec<_> = tail.marks.iter().map(place).collect();
        let labels = apart(places.iter().map(|(_, y)| *y));
        for (&(x, y), &label) in places.iter().zip(&labels) {
            let points = [(x, y), (TAIL[1], y), (TAIL[1] + 14.0, label)];
            self.line(&points, stroke(RULE, 1.0))?;
        }
        chart.draw_series(LineSeries::new(tail.curve, stroke(AZURE, 2.6)))?;
        for ((mark, (x, y)), label) in tail.marks.iter().zip(places).zip(labels) {
            let color = match mark.kind {
                Kind::Median => INK,
                Kind::P99 => AMBER,
                Kind::Other => AZURE,
            };
            self.dot(x, y, color)?;
            self.left(LABEL, 1274.0, label + HALF_A_LETTER, mark.name)?;
            self.right(VALUE, RIGHT[1], label + HALF_A_LETTER, &duration(mark.time))?;
        }
        Ok(())
    }

    fn summary(&self, run: Run<'_>) -> Drawn<DB> {
        let Run { subject, measurement } = run;
        let (times, echoes) = (measurement.felt(), measurement.tally.echoed());
        let word = |number: Option<String>| number.unwrap_or_else(|| "n/a".to_owned());
        let time = |one_in: u64| word(percentile(times, one_in).map(duration));
        let noun = Quantity::of(measurement).noun();
        let large = [
            (956.0, word(mean_rate(run).map(bit_rate)), "mean echo rate".to_owned()),
            (1138.0, time(MEDIAN), format!("median {noun}")),
            (1288.0, time(P99), format!("p99 {noun}")),
        ];
        for (x, number, name) in large {
            self.left(FIGURE, x, 146.0, &number)?;
            self.left(LABEL, x, 168.0, &name)?;
        }

        let (failed, failed_type) = failed(measurement);
        let payload = echoes.saturating_mul(subject.plan.length);
        let mut rows = vec![
            ("Echoes", count(echoes), VALUE),
            ("Echoes per second", word(measurement.messages_per_second().map(amount)), VALUE),
            ("Payload echoed", bytes(payload), VALUE),
            ("Fastest", word(times.fastest().map(duration)), VALUE),
            ("Failed", FAILED.fit(&failed, 380.0), failed_type),
        ];
        if measurement.unsent > 0 {
            rows.push(("Due and never sent", unsent(measurement), VALUE));
        }
        // However many rows there are, they end where the panel beside them ends.
        let pitch = 108.0 / (rows.len() - 1) as f64;
        for (i, (name, value, kind)) in (0_u8..).zip(rows) {
            let baseline = 197.0 + pitch * f64::from(i);
            let rule = baseline - HALF_A_LETTER - pitch / 2.0;
            self.rect(RIGHT, [rule, rule + 1.0], &GRID)?;
            self.left(LABEL, RIGHT[0], baseline, name)?;
            self.right(kind, RIGHT[1], baseline, &value)?;
        }
        Ok(())
    }

    fn foot(&self, course: &Course) -> Drawn<DB> {
        let parts = [
            concat!("hosted ", env!("CARGO_PKG_VERSION")).to_owned(),
            "rate counts payload once, not both ways".to_owned(),
            "failed messages are not in the times".to_owned(),
            format!("one column is {}", duration(course.column_width)),
        ];
        self.left(FOOT, LEFT[0], 786.0, &parts.join(SEPARATOR))
    }
}

/// What the times of a run are. It has a name for each loop; what is counted has none: a message or an echo is one
/// in both.
#[derive(Clone, Copy)]
enum Quantity {
    /// From sending a message to the end of its echo: closed loop.
    RoundTrip,
    /// From the planned start of a message to the end of its echo: planned rate.
    Response,
}

impl Quantity {
    fn of(measurement: &Measurement) -> Self {
        if measurement.response.is_some() { Self::Response } else { Self::RoundTrip }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::RoundTrip => "Round-trip time",
            Self::Response => "Response time",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::RoundTrip => "round trip",
            Self::Response => "response",
        }
    }
}

const SEPARATOR: &str = "  ·  ";

/// From the baseline of a label to the middle of its letters.
const HALF_A_LETTER: f64 = 5.5;

/// A curve over the cells stands out by a pale rim.
const HALO: f64 = 4.6;

/// How many pixels of a column are cells, on average over the columns that have any. Where that is no more than a
/// curve covers, as in a queue that only grows, a curve would hide what it sums up.
fn height_of_cells(course: &Course, up: &Axis) -> f64 {
    let height = |[low, high]: Span| (LOWER[1] - LOWER[0]) * (up.share(high) - up.share(low));
    let columns = course.cells.chunk_by(|a, b| a.time == b.time).count();
    course.cells.iter().map(|cell| height(cell.rtt)).sum::<f64>() / columns as f64
}

/// The heat map and the percentiles share it.
fn rtt_axis(times: &Times) -> Axis {
    let ns = |time: Duration| time.as_nanos() as f64;
    match (times.fastest(), times.slowest()) {
        (Some(fastest), Some(slowest)) => Axis::times(ns(fastest), ns(slowest)),
        _ => Axis::times(130e3, 77e6),
    }
}

/// Bits per second over the whole run.
fn mean_rate(run: Run<'_>) -> Option<f64> {
    run.measurement.bits_per_second(run.subject.plan.length)
}

/// How many messages failed, their share, and why, the most frequent reason first.
fn failed(measurement: &Measurement) -> (String, Type) {
    let tally = &measurement.tally;
    let mut reasons = report::failures(tally);
    let Some(share) = tally.fail_rate().filter(|_| !reasons.is_empty()).map(ratio) else {
        return ("none".to_owned(), VALUE);
    };
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let reasons: Vec<_> =
        reasons.iter().map(|(reason, n)| format!("{} {reason}", count(*n))).collect();
    (format!("{} ({share}): {}", count(tally.failures()), reasons.join(", ")), FAILED)
}

/// How many messages were due and never sent, and their share of all that were due. Neither the times nor the
/// failures know of them.
fn unsent(measurement: &Measurement) -> String {
    let share = measurement.unsent_rate().map(ratio).unwrap_or_default();
    format!("{} ({share})", count(measurement.unsent))
}

/// Where the labels of marks at these heights stand: at least 21 pixels apart and inside the panel. The marks go
/// from the bottom up, and so does the first pass; the second brings down what was pushed out at the top.
fn apart(heights: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut labels: Vec<f64> = heights.collect();
    let mut limit = LOWER[1];
    for label in &mut labels {
        *label = label.min(limit);
        limit = *label - 21.0;
    }
    let mut limit = LOWER[0];
    for label in labels.iter_mut().rev() {
        *label = label.max(limit);
        limit = *label + 21.0;
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stay_apart_and_inside_the_panel() {
        let bottom = LOWER[1];
        let crowds =
            [[LOWER[0]; 7], [bottom; 7], [bottom, 700.0, 699.0, 500.0, 390.0, 380.0, 378.0]];
        for crowd in crowds {
            let labels = apart(crowd.into_iter());
            assert!(labels.windows(2).all(|pair| pair[0] - pair[1] >= 21.0), "{labels:?}");
            assert!(labels.iter().all(|y| (LOWER[0]..=bottom).contains(y)), "{labels:?}");
        }
        assert_eq!(apart([600.0, 500.0].into_iter()), [600.0, 500.0]);
    }
}
