//! The page: which panel stands where, and what it shows.
//!
//! Every position is in logical pixels. Cells are drawn before lines, marks of failures behind the data.

use std::time::Duration;

use plotters::element::{Circle, Rectangle};
use plotters::series::{AreaSeries, DashedLineSeries, LineSeries};
use plotters::style::{Color, RGBColor, WHITE};
use plotters_backend::DrawingBackend;

use super::Run;
use super::axis::Axis;
use super::columns::{Course, Span};
use super::hosts::sides;
use super::style::{
    ADDRESS, ALARM, AMBER, AZURE, Chart, Drawn, FAILED, FOOT, HEADING, HEAT, HEIGHT, INK, LABEL,
    Page, RULE, SAMPLE, TITLE, VALUE, WIDTH, stroke, units,
};
use super::summary::{failed, without_end};
use super::tail::{Kind, Mark, Tail};
use crate::measurement::Measurement;
use crate::measurement::times::Times;
use crate::measurement::together::Together;
use crate::plan::Pace;
use crate::quantity::{bit_rate, bit_rate_unit, duration};
use crate::report::Subject;
use crate::terminal::escape::Escaped;

/// The panels over time have the same sides, the panels beside them too.
pub(super) const LEFT: Span = [86.0, 908.0];
pub(super) const RIGHT: Span = [956.0, 1412.0];
pub(super) const UPPER: Span = [138.0, 306.0];
pub(super) const LOWER: Span = [378.0, 722.0];
/// Percentiles have their names and values beside the box.
const TAIL: Span = [956.0, 1254.0];

impl<DB: DrawingBackend> Page<DB> {
    /// Draws the whole page.
    pub(super) fn draw(&self, run: Run<'_>) -> Drawn<DB> {
        let measurement = run.measurement;
        self.title(run.subject, run.subject.lead(measurement))?;
        if measurement.tally.messages() == 0 && measurement.unsent == 0 {
            // The run ended in its warm-up, say: there is no time that an axis could show.
            let [x, y] = [WIDTH, HEIGHT].map(|side| f64::from(side) / 2.0);
            let why: Vec<_> = without_end(measurement)
                .map(|row| format!("{}: {}", row.name, row.value))
                .collect();
            self.center(LABEL, x, y + 28.0, &why.join(SEPARATOR))?;
            return self.center(HEADING, x, y, "Nothing was measured");
        }
        let course = Course::of(measurement, run.subject.plan.length);
        self.rate(run, &course)?;
        self.summary(run)?;
        self.times(measurement, &course)?;
        self.percentiles(measurement, "Percentiles", &rtt_axis(measurement.felt()))?;
        self.foot(run, &course)
    }

    pub(super) fn title(&self, subject: &Subject<'_>, lead: Vec<String>) -> Drawn<DB> {
        const BESIDE: f64 = 16.0;
        let (name, address) = (&subject.name, subject.place().unwrap_or_default());
        let width = RIGHT[1] - LEFT[0];
        let protocol = subject.plan.protocol.as_str().to_uppercase();
        let title = format!("{protocol} echo to {}", Escaped(name.as_bytes()));
        let title = TITLE.fit(&title, width - BESIDE - ADDRESS.width(&address));
        self.left(TITLE, LEFT[0], 52.0, &title)?;
        self.left(ADDRESS, LEFT[0] + TITLE.width(&title) + BESIDE, 52.0, &address)?;
        self.left(LABEL, LEFT[0], 81.0, &LABEL.fit(&lead.join(SEPARATOR), width))
    }

    fn rate(&self, run: Run<'_>, course: &Course) -> Drawn<DB> {
        let (unit, unit_name) = bit_rate_unit(course.highest_rate());
        self.heading(LEFT[0], 120.0, "Echo rate", &format!("{unit_name} of echoed payload"))?;

        let axes =
            (Axis::time(course.end).unlabelled(), Axis::amount(course.highest_rate() / unit));
        let mut chart = self.chart(sides(run.measurement), UPPER, axes)?;
        self.failures(&mut chart, course, run.measurement, UPPER[0])?;
        self.borders(&mut chart, run.measurement)?;

        let steps = course.rates.iter().flat_map(|rate| {
            let value = rate.bits_per_second / unit;
            rate.time.map(|time| (time, value))
        });
        let area = AreaSeries::new(steps.clone(), 0.0, AZURE.mix(0.16));
        chart.draw_series(area)?;
        chart.draw_series(LineSeries::new(steps, stroke(AZURE, 1.6)))?;

        let mut right = LEFT[1];
        if let Some(mean) = run.mean_rate().filter(|mean| *mean > 0.0) {
            let shared = run.measurement.together.as_deref().and_then(Together::shared);
            let ends = shared.unwrap_or([0.0, course.end]).map(|time| (time, mean / unit));
            let dashes = DashedLineSeries::new(ends, units(8.0), units(5.0), stroke(INK, 1.5));
            chart.draw_series(dashes)?;
            let x = self.legend(right, 120.0, &format!("mean {}", bit_rate(mean)))?;
            // The legend shows the curve as it is drawn.
            for dash in [x, x + SAMPLE - 8.0] {
                self.line(&[(dash, 115.0), (dash + 8.0, 115.0)], stroke(INK, 1.5))?;
            }
            right = x - BETWEEN;
        }
        if !course.failed.is_empty() {
            let x = self.legend(right, 120.0, "failed")?;
            self.sample(x, 120.0, stroke(ALARM, 6.0))?;
        }
        Ok(())
    }

    fn times(&self, run: &Measurement, course: &Course) -> Drawn<DB> {
        let quantity = Quantity::of(run);
        let scale = if run.together.is_some() { OF_HOSTS } else { quantity.scale() };
        self.heading(LEFT[0], 362.0, quantity.heading(), scale)?;
        let up = rtt_axis(run.felt());
        let mut chart = self.chart(sides(run), LOWER, (Axis::time(course.end), up.clone()))?;
        self.failures(&mut chart, course, run, LOWER[0])?;
        self.band(run, &up)?;

        // Cells of one colour follow each other: an SVG makes one path of them.
        let mut cells: Vec<_> = course.cells.iter().collect();
        cells.sort_by_key(|cell| cell.level);
        let cells = cells.into_iter().map(|cell| {
            let corners = [(cell.time[0], cell.rtt[0]), (cell.time[1], cell.rtt[1])];
            Rectangle::new(corners, HEAT[cell.level].filled())
        });
        chart.draw_series(cells)?;
        self.borders(&mut chart, run)?;
        if run.felt().is_empty() {
            return self.right(LABEL, LEFT[1], 362.0, "no echo came back");
        }
        if run.together.is_some() {
            self.names_of_hosts(run, chart.x_range().end, &up)?;
            return self.curves_of_hosts(&mut chart, course, LEFT[1]);
        }
        let legends = self.heat_legend()? - BETWEEN;
        // Some of the cells must remain visible beside a curve.
        if height_of_cells(course, &up) > HALO {
            self.percentile_curves(&mut chart, course, legends)?;
        }
        self.name_of_the_band(run, &up)?;
        self.change(run, LEFT, LOWER, chart.x_range().end)
    }

    /// The median and p99 over the cells, and their legends, which end at `right`.
    fn percentile_curves(
        &self,
        chart: &mut Chart<'_, DB>,
        course: &Course,
        mut right: f64,
    ) -> Drawn<DB> {
        for (color, curve) in [(AMBER, &course.p99), (INK, &course.p50)] {
            for line in &curve.lines {
                let points = || line.iter().copied();
                chart.draw_series(LineSeries::new(points(), stroke(WHITE.mix(0.8), HALO)))?;
                chart.draw_series(LineSeries::new(points(), stroke(color, 2.2)))?;
            }
            for (radius, color) in [(3.8, WHITE.mix(0.8)), (2.6, color.to_rgba())] {
                let dot = |at: &(f64, f64)| Circle::new(*at, units(radius), color.filled());
                chart.draw_series(curve.points.iter().map(dot))?;
            }
        }
        for (name, color, curve) in [("p50", INK, &course.p50), ("p99", AMBER, &course.p99)] {
            if !curve.is_empty() {
                right = self.legend_of_a_curve(name, color, right)?;
            }
        }
        Ok(())
    }

    /// The legend of a percentile over time; returns where the one before it ends.
    pub(super) fn legend_of_a_curve(
        &self,
        name: &str,
        color: RGBColor,
        right: f64,
    ) -> Drawn<DB, f64> {
        let x = self.legend(right, 362.0, name)?;
        self.sample(x, 362.0, stroke(color, 2.2))?;
        Ok(x - BETWEEN)
    }

    /// Returns where it starts.
    fn heat_legend(&self) -> Drawn<DB, f64> {
        self.right(LABEL, LEFT[1], 362.0, "many")?;
        for (i, color) in (0_u8..).zip(HEAT) {
            let x = 783.0 + 9.0 * f64::from(i);
            self.rect([x, x + 9.0], [351.0, 364.0], &color)?;
        }
        self.right(LABEL, 777.0, 362.0, FEW)?;
        Ok(777.0 - LABEL.width(FEW))
    }

    /// A pale stripe behind the data and a mark above the panel, wide enough to be seen.
    fn failures(
        &self,
        chart: &mut Chart<'_, DB>,
        course: &Course,
        run: &Measurement,
        top: f64,
    ) -> Drawn<DB> {
        let [left, right] = sides(run);
        for span in &course.failed {
            let corners = [(span[0], 0.0), (span[1], f64::MAX)];
            chart.draw_series([Rectangle::new(corners, ALARM.mix(0.15).filled())])?;
            let [from, to] = span.map(|time| left + (right - left) * time / chart.x_range().end);
            let half = ((to - from) / 2.0).max(1.5);
            let middle = (from + to) / 2.0;
            self.rect([middle - half, middle + half], [top - 6.0, top], &ALARM)?;
        }
        Ok(())
    }

    /// The percentiles of a run; times are on the same axis as in the panel beside it.
    pub(super) fn percentiles(&self, run: &Measurement, heading: &str, up: &Axis) -> Drawn<DB> {
        let scale = match (&run.runs[..], &run.together) {
            (_, Some(_)) => "1 in N was slower; thin: each host",
            ([], _) => "1 in N messages was slower",
            _ => "1 in N was slower; thin: each run",
        };
        self.heading(TAIL[0], 362.0, heading, scale)?;
        let times = run.felt();
        let tail = Tail::of(times);
        let across = Axis::one_in(times.len() as f64);
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
        self.curves(&mut chart, run)?;
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

    fn foot(&self, run: Run<'_>, course: &Course) -> Drawn<DB> {
        if let (_, Some(why)) = failed(run.measurement) {
            let why = format!("Failed: {why}");
            self.left(FAILED, LEFT[0], 765.0, &FAILED.fit(&why, RIGHT[1] - LEFT[0]))?;
        }
        let closed = run.subject.plan.pace == Pace::Closed;
        let parts = [
            Some(format!("{} {}", run.subject.program, env!("CARGO_PKG_VERSION"))),
            Some("rate counts payload once, not both ways".to_owned()),
            Some("failed messages are not in the times".to_owned()),
            closed.then(|| "a closed loop sends more messages while they are fast".to_owned()),
            Some(match run.measurement.together {
                None => format!("one column is {}", duration(course.column_width)),
                Some(_) => format!("reports know parts of {}", duration(course.column_width)),
            }),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        self.left(FOOT, LEFT[0], 786.0, &parts.join(SEPARATOR))
    }
}

impl Run<'_> {
    /// The mean rate over the whole run, in bits per second.
    pub(super) fn mean_rate(self) -> Option<f64> {
        self.measurement.bits_per_second(self.subject.plan.length)
    }
}

/// What the times of a run are. It has a name for each loop; what is counted has none: a message or an echo is one
/// in both.
#[derive(Clone, Copy)]
pub(super) enum Quantity {
    /// From sending a message to the end of its echo: closed loop.
    RoundTrip,
    /// From the planned start of a message to the end of its echo: planned rate.
    Response,
}

impl Quantity {
    pub(super) fn of(measurement: &Measurement) -> Self {
        if measurement.response.is_some() { Self::Response } else { Self::RoundTrip }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::RoundTrip => "Round-trip time",
            Self::Response => "Response time",
        }
    }

    /// Both axes of its panel.
    fn scale(self) -> &'static str {
        match self {
            Self::RoundTrip => "log scale, by time sent",
            Self::Response => "log scale, by time due",
        }
    }

    /// What p50 and p99 are called. Of a closed loop they say what a message sees, not what is seen most of the time: while
    /// it is fast, it sends more of them.
    pub(super) fn percentiles(self) -> [&'static str; 2] {
        match self {
            Self::RoundTrip => ["p50 per message", "p99 per message"],
            Self::Response => ["p50 response", "p99 response"],
        }
    }

    pub(super) fn fastest(self) -> &'static str {
        match self {
            Self::RoundTrip => "Fastest round trip",
            Self::Response => "Fastest response",
        }
    }
}

/// Both axes of the panel of several machines.
const OF_HOSTS: &str = "log scale, lines of each host";

pub(super) const SEPARATOR: &str = "  ·  ";

/// The distance from the baseline of a label to the middle of its letters.
pub(super) const HALF_A_LETTER: f64 = 5.5;

/// The distance between two legends.
pub(super) const BETWEEN: f64 = 26.0;

const FEW: &str = "few echoes";

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
        _ => Axis::no_times(),
    }
}

/// Where the labels of marks at these heights stand: at least 21 pixels apart and inside the panel. The marks go
/// from the bottom up, and so does the first pass; the second brings down what was pushed out at the top.
pub(super) fn apart(heights: impl Iterator<Item = f64>) -> Vec<f64> {
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
