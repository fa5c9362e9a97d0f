//! Where the time goes, in the panel of the times: how much of a round trip lies between the kernels.

use std::time::Duration;

use plotters::style::{Color, WHITE};
use plotters_backend::DrawingBackend;

use super::axis::Axis;
use super::panels::{LEFT, LOWER};
use super::style::{AZURE, Drawn, Page, VALUE};
use crate::measurement::Measurement;
use crate::measurement::percentiles::{MEDIAN, percentile};
use crate::quantity::duration;

impl<DB: DrawingBackend> Page<DB> {
    /// A band behind the data, from the median between the kernels up to that of the whole round trip: what this
    /// process and its system added.
    pub(super) fn band(&self, run: &Measurement, up: &Axis) -> Drawn<DB> {
        let Some((_, sides)) = band(run, up) else { return Ok(()) };
        self.rect(LEFT, sides, &AZURE.mix(0.14))
    }

    /// Its name, over the data.
    pub(super) fn name_of_the_band(&self, run: &Measurement, up: &Axis) -> Drawn<DB> {
        let Some((away, [_, bottom])) = band(run, up) else { return Ok(()) };
        let away = duration(away);
        let what = format!("p50 from kernel to kernel: {away}; the band above it: this process");
        let baseline = (bottom + 17.0).min(LOWER[1] - 6.0);
        let [from, to] = [LEFT[0] + 5.0, LEFT[0] + 15.0 + VALUE.width(&what)];
        self.rect([from, to], [baseline - 14.0, baseline + 4.0], &WHITE.mix(0.8))?;
        self.left(VALUE, LEFT[0] + 10.0, baseline, &what)
    }
}

/// The median between the kernels, and where the band begins and ends.
fn band(run: &Measurement, up: &Axis) -> Option<(Duration, [f64; 2])> {
    let passages = run.passages.as_ref()?;
    let [away, whole] = [&passages.away, &passages.whole].map(|times| percentile(times, MEDIAN));
    let y = |time: Duration| LOWER[1] - (LOWER[1] - LOWER[0]) * up.share(time.as_nanos() as f64);
    Some((away?, [y(whole?), y(away?)]))
}

#[cfg(test)]
mod tests {
    use echo_core::Instant;

    use super::*;
    use crate::plan::Plan;
    use crate::stack::Passage;

    #[test]
    fn the_band_lies_between_both_medians() {
        let micros = Duration::from_micros;
        let up = Axis::times(1e4, 1e5);
        let mut run = Measurement::of(&Plan { follows: true, ..Plan::new() });
        assert_eq!(band(&run, &up), None, "nothing was followed");
        let passages = run.passages.as_mut().expect("asked for");
        let at = |after| Instant::START + micros(after);
        for late in [0, 1, 40] {
            let way = Passage { sent: at(5), received: at(25), within: Duration::ZERO };
            passages.record(at(0), micros(40 + late), Some(way));
        }
        let (away, [top, bottom]) = band(&run, &up).expect("three were followed");
        let agrees = |y: f64, time: u32| {
            let share = (LOWER[1] - y) / (LOWER[1] - LOWER[0]);
            (share - up.share(f64::from(time) * 1e3)).abs() < 1e-3
        };
        assert_eq!(away, micros(20));
        assert!(top < bottom && agrees(bottom, 20) && agrees(top, 41), "{top} {bottom}");
        assert_eq!(band(&Measurement::of(&Plan::new()), &up), None);
    }
}
