//! The runs of a series: where each begins, and the percentiles of each under those of all.

use plotters::series::LineSeries;
use plotters_backend::DrawingBackend;

use super::style::{Chart, Drawn, HEAT, Page, RULE, stroke};
use super::tail::Tail;
use crate::measurement::Measurement;

impl<DB: DrawingBackend> Page<DB> {
    /// A line over the whole panel where a run follows another.
    pub(super) fn borders(&self, chart: &mut Chart<'_, DB>, sum: &Measurement) -> Drawn<DB> {
        for at in borders(sum) {
            let ends = [(at, 0.0), (at, f64::MAX)];
            chart.draw_series(LineSeries::new(ends, stroke(RULE, 1.0)))?;
        }
        Ok(())
    }

    /// The curve of each run, or host, thin and pale.
    pub(super) fn curves(&self, chart: &mut Chart<'_, DB>, sum: &Measurement) -> Drawn<DB> {
        let hosts = sum.together.iter().flat_map(|together| &together.hosts);
        for run in sum.runs.iter().chain(hosts.map(|host| &host.run)) {
            let Tail { curve, .. } = Tail::of(run.felt());
            chart.draw_series(LineSeries::new(curve, stroke(HEAT[2], 1.1)))?;
        }
        Ok(())
    }
}

/// When all runs but the first began, in seconds without the pauses between them.
fn borders(sum: &Measurement) -> Vec<f64> {
    let mut at = 0.0;
    let ends = sum.runs.iter().map(|run| {
        at += run.length().as_secs_f64();
        at
    });
    let mut ends: Vec<_> = ends.collect();
    ends.pop();
    ends
}

#[cfg(test)]
mod tests {
    use plotters::style::RGBColor;

    use super::{HEAT, RULE};
    use crate::figure::{Format, encode};
    use crate::made_up::{MadeUp, spread};
    use crate::plan::Plan;

    /// Three runs, of which the second is five times as slow.
    fn series() -> MadeUp {
        let plan = Plan { length: 1000, repeat: 3, ..Plan::new() };
        let mut out = MadeUp::new(plan.clone(), 0);
        for usual in [15, 70, 16] {
            let mut made = MadeUp::new(plan.clone(), 1_000);
            made.echoes(spread(20_000, usual));
            if out.run.runs.is_empty() {
                out.run = made.run.first();
            } else {
                out.run.follow(made.run);
            }
        }
        out
    }

    #[test]
    fn each_run_has_a_curve_and_each_but_the_first_a_border() {
        let mut made = series();
        assert_eq!(super::borders(&made.run), [1.0, 2.0]);
        let drawn = |made: &MadeUp| {
            let svg = encode(&made.subject(), &made.run, Format::Svg, 1.0).expect("a figure");
            let svg = String::from_utf8(svg).expect("UTF-8").to_lowercase();
            [HEAT[2], RULE].map(|RGBColor(r, g, b)| {
                svg.matches(&format!("stroke=\"#{r:02x}{g:02x}{b:02x}")).count()
            })
        };
        let [curves, borders] = drawn(&made);
        made.run.runs.clear();
        let [no_curves, no_borders] = drawn(&made);
        // The borders stand in two panels.
        assert_eq!([curves - no_curves, borders - no_borders], [3, 4]);
    }
}
