//! The panel of a run on a terminal while it goes on: a few lines. They are only formatted
//! here; the `terminal` draws them.

mod line;
#[cfg(test)]
mod snapshots;

use std::collections::VecDeque;
use std::iter;
use std::time::Duration;

use self::line::Line;
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::measurement::times::Times;
use crate::measurement::{Measurement, bits};
use crate::quantity;
use crate::report::{Subject, datagrams, failures};

/// The number of seconds that the panel looks back.
const SECONDS: usize = 40;

const SECOND: Duration = Duration::from_secs(1);

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The panel, with a short memory of the rate.
#[derive(Debug)]
pub(super) struct Panel {
    name: String,
    load: String,
    message_bytes: u64,
    planned: Option<Duration>,
    warm_up: Duration,
    /// The number of the run, from 0, and how many there are to be.
    run: (u16, u16),
    /// The messages per second in each of the last seconds.
    rates: VecDeque<f64>,
    /// When the present second began, and how many messages were back then.
    since: (Duration, u64),
}

impl Panel {
    /// A panel for a run of this load.
    #[must_use]
    pub(super) fn new(subject: &Subject<'_>) -> Self {
        let bytes = quantity::bytes(subject.plan.length);
        let load = match subject.plan.connections {
            1 => bytes,
            connections => format!("{} × {bytes}", quantity::count(connections.into())),
        };
        Self {
            name: subject.name.clone(),
            load,
            message_bytes: subject.plan.length,
            planned: subject.plan.time,
            warm_up: subject.plan.omit,
            run: (0, subject.plan.repeat),
            rates: VecDeque::with_capacity(SECONDS + 1),
            since: (Duration::ZERO, 0),
        }
    }

    /// From now on it is about the run of this number, from 0. What is remembered is of the one before.
    pub(super) fn next_run(&mut self, number: u16) {
        self.run.0 = number;
        self.since = (Duration::ZERO, 0);
    }

    /// Which of the runs it is about, as a prefix; empty if there is one.
    pub(super) fn run(&self) -> String {
        let (number, of) = self.run;
        if of > 1 { format!("run {} of {of}   ", number + 1) } else { String::new() }
    }

    /// Updates the memory of the rate: to be called now and then.
    pub(super) fn notice(&mut self, measurement: &Measurement) {
        let (now, echoed) = (measurement.elapsed, measurement.tally.echoed());
        let passed = now.saturating_sub(self.since.0);
        if passed < SECOND {
            return;
        }
        // An echo that proved wrong later is none any more.
        let came = echoed.saturating_sub(self.since.1);
        self.rates.push_back(came as f64 / passed.as_secs_f64());
        if self.rates.len() > SECONDS {
            self.rates.pop_front();
        }
        self.since = (now, echoed);
    }

    /// The lines, each no wider than the terminal: the load, the rate, what went wrong if anything did, and each
    /// sort of times.
    #[must_use]
    pub(super) fn lines(
        &self,
        measurement: &Measurement,
        success: [String; 2],
        width: usize,
    ) -> String {
        let mut lines = vec![self.head(measurement, width), self.rate(measurement, success, width)];
        lines.extend(kinds(measurement).map(|line| line.fit(width)));
        let named: Vec<_> = measurement.named().collect();
        let wide = named.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (number, (name, times)) in (1..).zip(&named) {
            let hint = if number == named.len() { "Ctrl+C ends" } else { "" };
            lines.push(percentiles(&format!("{name:<wide$}"), times).part(9, hint).fit(width));
        }
        lines.join("\n")
    }

    fn head(&self, measurement: &Measurement, width: usize) -> String {
        let tally = &measurement.tally;
        let warm_up = measurement.elapsed.is_zero() && !self.warm_up.is_zero();
        let (clock, messages) = if warm_up {
            (format!("warm-up of {}", quantity::duration(self.warm_up)), measurement.omitted)
        } else {
            (clocks(measurement.elapsed, self.planned), tally.messages())
        };
        let failed = quantity::count(tally.failures());
        let line = Line::default().part(3, self.name.as_str()).part(4, self.load.as_str());
        let line = line
            .part(2, self.run().trim_end())
            .part(2, clock)
            .part(1, quantity::counted(messages, "message"));
        line.part(0, format!("failed {failed}")).fit(width)
    }

    fn rate(&self, measurement: &Measurement, success: [String; 2], width: usize) -> String {
        let per_second = self.rates.back().copied().or(measurement.messages_per_second());
        let per_second = per_second.unwrap_or_default();
        let rate = quantity::bit_rate(bits(per_second, self.message_bytes));
        let [recent, all] = success;
        let mut line = Line::default()
            .part(4, rate)
            .part(5, format!("{}/s", quantity::amount(per_second)))
            .part(0, recent)
            .part(3, all);
        if measurement.unsent > 0 {
            let late = measurement.late.as_ref().and_then(Times::slowest).unwrap_or_default();
            line = line
                .part(1, format!("unsent {}", quantity::count(measurement.unsent)))
                .part(2, format!("late up to {}", quantity::duration(late)));
        }
        const NAME: &str = " rate";
        let room = width.saturating_sub(NAME.len() + 2);
        let rest = line.fit(room);
        // The bars get the columns that the numbers leave.
        let room = room.saturating_sub(rest.chars().count() + 2);
        let skipped = self.rates.len().saturating_sub(room);
        let bars = sparkline(self.rates.iter().skip(skipped).copied());
        let gap = if bars.is_empty() { "" } else { "  " };
        format!("{NAME}{gap}{bars}  {rest}")
    }
}

/// How messages failed, and what came besides over UDP, as in the report.
fn kinds(measurement: &Measurement) -> Option<Line> {
    let failed = failures(measurement);
    let besides = datagrams::besides(measurement).into_iter().map(|(class, n)| (class.worded(), n));
    let told = |name, counts: Vec<(&'static str, u64)>| {
        let names = iter::once(name).chain(iter::repeat(""));
        let told = names
            .zip(counts)
            .map(|(name, (what, n))| format!("{name}{} {what}", quantity::count(n)));
        told.collect::<Vec<_>>()
    };
    let parts = [told("failed: ", failed), told("besides: ", besides.collect())].concat();
    (!parts.is_empty())
        .then(|| (0..).zip(parts).fold(Line::default(), |line, (rank, part)| line.part(rank, part)))
}

fn percentiles(name: &str, times: &Times) -> Line {
    let time = |one_in| percentile(times, one_in).map_or("n/a".into(), quantity::duration);
    let slowest = times.slowest().map_or("n/a".into(), quantity::duration);
    Line::default()
        .part(0, format!("{name}   p50 {}", time(MEDIAN)))
        .part(1, format!("p99 {}", time(P99)))
        .part(3, format!("p99.9 {}", time(1_000)))
        .part(2, format!("max {slowest}"))
}

/// The elapsed and the planned time: `0:47 of 2:00`. A message that started within the planned
/// time may end later.
fn clocks(elapsed: Duration, planned: Option<Duration>) -> String {
    let Some(planned) = planned else { return clock(elapsed) };
    match elapsed.saturating_sub(planned) {
        over if over < SECOND => format!("{} of {}", clock(elapsed.min(planned)), clock(planned)),
        over => format!("{} and {} for the last echoes", clock(planned), clock(over)),
    }
}

/// One bar for each rate, as high as its share of the highest.
fn sparkline(rates: impl Iterator<Item = f64> + Clone) -> String {
    let highest = rates.clone().fold(0.0, f64::max);
    let bar = |rate: f64| {
        let share = if highest > 0.0 { rate / highest } else { 0.0 };
        BARS[((share * 8.0).ceil() as usize).clamp(1, 8) - 1]
    };
    rates.map(bar).collect()
}

/// `0:47`, `1:02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_highest() {
        let bars = |rates: &[f64]| sparkline(rates.iter().copied());
        assert_eq!(bars(&[0.0, 0.1, 30.0, 50.0, 100.0]), "▁▁▃▄█");
        assert_eq!(bars(&[0.0, 0.0]), "▁▁");
        assert_eq!(bars(&[]), "");
    }

    #[test]
    fn a_run_is_not_longer_than_planned_but_for_its_last_echoes() {
        let told = |millis, planned| clocks(Duration::from_millis(millis), planned);
        let two = Some(2 * SECOND);
        let texts = [(1_900, None), (1_900, two), (2_900, two), (4_000, two)];
        assert_eq!(
            texts.map(|(millis, planned)| told(millis, planned)),
            ["0:01", "0:01 of 0:02", "0:02 of 0:02", "0:02 and 0:02 for the last echoes"]
        );
    }

    #[test]
    fn clocks_have_hours_when_needed() {
        let texts = [0, 47, 600, 3_723].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(texts, ["0:00", "0:47", "10:00", "1:02:03"]);
    }
}
