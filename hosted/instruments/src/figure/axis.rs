//! Axes whose ticks, grid lines and labels belong together.
//!
//! The panels build one for each of their sides. plotters asks it where a value lies and which lines to
//! draw; any value may be asked for, what is beyond the range lies on its edge.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// The unit of times on an axis of round-trip times is the nanosecond, on an axis of the run the second.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    range: Range<f64>,
    log: bool,
    /// Where a strong line and a tick stand, and the label there, which may be empty.
    major: Vec<(f64, String)>,
    /// Where a weak line stands.
    minor: Vec<f64>,
}

impl Axis {
    /// The time since the start of a run of `end` seconds.
    pub(super) fn time(end: f64) -> Self {
        let end = end.max(1e-9);
        let (size, unit, clock) = time_unit(end);
        let step = time_step(end / 9.0);
        // A run of 9.999 s ends at 10.
        let last = (end / step + 0.01).floor() as u32;
        let label = |i: u32| {
            let unit = if i == last && i > 0 { unit } else { "" };
            format!("{}{unit}", clock(f64::from(i) * step / size))
        };
        Self {
            range: 0.0..end.max(f64::from(last) * step),
            log: false,
            major: (0..=last).map(|i| (f64::from(i) * step, label(i))).collect(),
            minor: Vec::new(),
        }
    }

    /// From zero to the first tick that is not below `top`.
    pub(super) fn amount(top: f64) -> Self {
        let top = if top > 0.0 { top.max(0.01) } else { 1.0 };
        let step = one_two_five(top / 4.0);
        let ticks = (top / step - 1e-9).ceil() as u32;
        let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
        let label =
            |i: u32| format!("{:.*}", if i == 0 { 0 } else { decimals }, f64::from(i) * step);
        Self {
            range: 0.0..f64::from(ticks) * step,
            log: false,
            major: (0..=ticks).map(|i| (f64::from(i) * step, label(i))).collect(),
            minor: Vec::new(),
        }
    }

    /// Round-trip times from `fastest` to `slowest` nanoseconds and a little around, at least a decade.
    pub(super) fn times(fastest: f64, slowest: f64) -> Self {
        Self::decades(fastest, slowest, short_time)
    }

    /// Round-trip times where there are none.
    pub(super) fn no_times() -> Self {
        Self::times(130e3, 77e6)
    }

    /// Rates from `lowest` to `highest`, at least a decade.
    pub(super) fn rates(lowest: f64, highest: f64) -> Self {
        Self::decades(lowest, highest, short_amount)
    }

    fn decades(least: f64, most: f64, short: fn(f64) -> String) -> Self {
        let least = least.clamp(1.0, LONGEST);
        let most = most.clamp(least, LONGEST);
        let missing = (10.0 * least / most).max(1.0).sqrt();
        let around = missing.max(1.3);
        let (low, high) = (least / around, most * around);
        let decades = (high / low).log10();
        let stride = (decades / 9.0).ceil() as i32;
        let labelled = |power: i32, digit: u32| match digit {
            1 => power.rem_euclid(stride) == 0,
            2 | 5 => decades < 2.6,
            _ => false,
        };
        let drawn = |digit: u32| digit == 1 || decades < 5.0;
        let (major, minor): (Vec<_>, Vec<_>) = powers(low, high)
            .flat_map(|power| (1..10).map(move |digit| (power, digit)))
            .map(|(power, digit)| {
                (labelled(power, digit), drawn(digit), f64::from(digit) * ten_to(power))
            })
            .filter(|(labelled, drawn, value)| {
                (*labelled || *drawn) && (low..=high).contains(value)
            })
            .partition(|(labelled, ..)| *labelled);
        Self {
            range: low..high,
            log: true,
            major: major.into_iter().map(|(.., value)| (value, short(value))).collect(),
            minor: minor.into_iter().map(|(.., value)| value).collect(),
        }
    }

    /// "One in N", from 1 to a little above `n`.
    pub(super) fn one_in(n: f64) -> Self {
        let high = (n * 1.35).max(13.5);
        let stride = match high.log10() {
            ..5.0 => 1,
            ..10.0 => 2,
            _ => 3,
        };
        let label = |power: i32| match power {
            power if power % stride != 0 => String::new(),
            power => {
                let unit = ["", "k", "M", "G", "T", "P", "E"][power as usize / 3];
                format!("{}{unit}", ten_to(power % 3))
            }
        };
        Self {
            range: 1.0..high,
            log: true,
            major: powers(1.0, high).map(|power| (ten_to(power), label(power))).collect(),
            minor: Vec::new(),
        }
    }

    /// The same axis with ticks and lines, but without words.
    pub(super) fn unlabelled(mut self) -> Self {
        for (_, label) in &mut self.major {
            label.clear();
        }
        self
    }

    /// The same axis, no longer than to `most`.
    pub(super) fn at_most(mut self, most: f64) -> Self {
        if self.range.end > most {
            self.range.end = most;
            self.major.retain(|(value, _)| *value <= most);
        }
        self
    }

    /// Its two ends.
    pub(super) fn ends(&self) -> [f64; 2] {
        [self.range.start, self.range.end]
    }

    /// The share of the way from the start of the axis to its end, 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let (low, high) = (self.range.start, self.range.end);
        let value = value.clamp(low, high);
        if self.log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (f64::from(to - from) * self.share(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            self.minor.clone()
        } else {
            self.major.iter().map(|(value, _)| *value).collect()
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.major.iter().find(|(tick, _)| tick == value);
        tick.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// The top of an axis of times: longer labels would not fit beside it. 28 hours, in nanoseconds.
const LONGEST: f64 = 1e14;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

type Clock = fn(f64) -> String;

/// How the time of a run of `end` seconds is written: the unit's size in seconds, what
/// follows the last number, and how a number is written.
fn time_unit(end: f64) -> (f64, &'static str, Clock) {
    let decimal: Clock = |value| format!("{}", (value * 1e6).round() / 1e6);
    let sixty: Clock = |value| format!("{}:{:02.0}", value as u64, value.fract() * 60.0);
    match end {
        ..1e-6 => (1e-9, " ns", decimal),
        ..1e-3 => (1e-6, " µs", decimal),
        ..1.0 => (1e-3, " ms", decimal),
        ..=180.0 => (1.0, " s", decimal),
        ..=HOUR => (MINUTE, "", sixty),
        ..=216_000.0 => (HOUR, " h", sixty),
        _ => (DAY, " d", decimal),
    }
}

/// The first step of people's clocks that is at least `least` seconds.
fn time_step(least: f64) -> f64 {
    const STEPS: [f64; 13] = [
        10.0,
        15.0,
        30.0,
        MINUTE,
        2.0 * MINUTE,
        5.0 * MINUTE,
        10.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        2.0 * HOUR,
        4.0 * HOUR,
        12.0 * HOUR,
        DAY,
    ];
    if least <= 5.0 {
        return one_two_five(least);
    }
    let step = STEPS.into_iter().find(|step| *step >= least);
    step.unwrap_or_else(|| DAY * one_two_five(least / DAY))
}

/// The smallest 1, 2 or 5 times a power of ten that is not below `least`.
fn one_two_five(least: f64) -> f64 {
    let power = least.log10().floor() as i32;
    let steps = [(1.0, power), (2.0, power), (5.0, power), (1.0, power + 1)];
    let sizes = steps.map(|(digit, power)| digit * ten_to(power));
    let fits = |size: &f64| *size >= least * (1.0 - 1e-9);
    sizes.into_iter().find(fits).unwrap_or(sizes[3])
}

/// The exponents of the powers of ten from just below `low` to `high`.
fn powers(low: f64, high: f64) -> Range<i32> {
    low.log10().floor() as i32..high.log10().floor() as i32 + 1
}

/// A power of ten that prints without a rounding error.
fn ten_to(power: i32) -> f64 {
    if power < 0 { 1.0 / 10_f64.powi(-power) } else { 10_f64.powi(power) }
}

/// A round tick of nanoseconds: `20 µs`.
fn short_time(ns: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let (size, name) = units.into_iter().find(|(size, _)| ns >= *size).unwrap_or((1.0, "ns"));
    format!("{} {name}", (ns / size * 1e3).round() / 1e3)
}

/// An amount of few digits: `20k`.
pub(super) fn short_amount(value: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let (size, name) = units.into_iter().find(|(size, _)| value >= *size).unwrap_or((1.0, ""));
    format!("{}{name}", (value / size * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels that are shown, after the checks that every axis must pass.
    fn labels(axis: &Axis) -> Vec<&str> {
        let range = axis.range.start..=axis.range.end;
        assert!(axis.range.end > axis.range.start && axis.range.end.is_finite());
        assert!(axis.major.iter().all(|(value, _)| range.contains(value)), "{axis:?}");
        assert!(axis.minor.iter().all(|value| range.contains(value)), "{axis:?}");
        let shown: Vec<_> =
            axis.major.iter().map(|(_, label)| label.as_str()).filter(|l| !l.is_empty()).collect();
        let mut different = shown.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), shown.len(), "{shown:?}");
        assert!((1..=10).contains(&shown.len()), "{shown:?}");
        for value in [f64::MIN, -1.0, 0.0, 1e-9, 1.0, 1e6, 1e30, f64::MAX, f64::INFINITY] {
            assert!((100..=900).contains(&axis.map(&value, (100, 900))), "{value}");
            assert!((100..=900).contains(&axis.map(&value, (900, 100))), "{value}");
        }
        shown
    }

    const EXTREMES: [f64; 14] =
        [0.0, 1e-9, 1e-6, 0.01, 0.999, 1.0, 17.0, 180.0, 181.0, 1_080.0, 3_601.0, 1e5, 1e8, 1.9e19];

    #[test]
    fn extreme_axes_have_few_and_different_labels() {
        for a in EXTREMES {
            labels(&Axis::time(a));
            labels(&Axis::amount(a));
            labels(&Axis::one_in(a));
            for b in EXTREMES {
                labels(&Axis::times(a * 1e9, b * 1e9));
                labels(&Axis::times(a, b));
                labels(&Axis::rates(a, b));
            }
        }
    }

    #[test]
    fn times_of_a_run_read_like_a_clock() {
        assert_eq!(labels(&Axis::time(10.0)), ["0", "2", "4", "6", "8", "10 s"]);
        assert_eq!(labels(&Axis::time(119.99)).last(), Some(&"120 s"));
        assert_eq!(labels(&Axis::time(0.000_5))[..3], ["0", "100", "200"]);
        assert_eq!(labels(&Axis::time(0.21)).last(), Some(&"200 ms"));
        assert_eq!(labels(&Axis::time(300.0))[1], "1:00");
        assert_eq!(labels(&Axis::time(300.0)).last(), Some(&"5:00"));
        assert_eq!(labels(&Axis::time(7_200.0))[1], "0:30");
        assert_eq!(labels(&Axis::time(7_200.0)).last(), Some(&"2:00 h"));
        assert_eq!(labels(&Axis::time(1e8)).last(), Some(&"1000 d"));
    }

    #[test]
    fn amounts_start_at_zero_and_end_on_a_tick() {
        assert_eq!(labels(&Axis::amount(121.0)), ["0", "50", "100", "150"]);
        assert_eq!(labels(&Axis::amount(1.0)), ["0", "0.5", "1.0"]);
        assert_eq!(labels(&Axis::amount(0.0))[0], "0");
    }

    #[test]
    fn round_trip_times_carry_their_unit() {
        assert_eq!(labels(&Axis::times(50e3, 90e3)), ["50 µs", "100 µs", "200 µs"]);
        assert_eq!(labels(&Axis::times(14e3, 18.7e6)), ["100 µs", "1 ms", "10 ms"]);
        assert_eq!(labels(&Axis::rates(200.0, 9e3)), ["200", "500", "1k", "2k", "5k", "10k"]);
        let decade = Axis::times(70e3, 70e3).range;
        assert!((decade.end / decade.start - 10.0).abs() < 1e-6);
    }

    #[test]
    fn one_in_n_labels_every_decade_until_they_crowd() {
        assert_eq!(labels(&Axis::one_in(3.0)), ["1", "10"]);
        assert_eq!(labels(&Axis::one_in(4_000.0)), ["1", "10", "100", "1k"]);
        assert_eq!(labels(&Axis::one_in(23e6)), ["1", "100", "10k", "1M"]);
    }
}
