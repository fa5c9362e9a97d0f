//! The page of a search: what was never sent and the response times against the rate, the percentiles of the
//! answer, and a summary in numbers. It stands where the panels of a run do, and looks like them.

use std::time::Duration;

use plotters::element::Rectangle;
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::{Color, RGBColor};
use plotters_backend::DrawingBackend;

use super::axis::{Axis, short_amount};
use super::climb::{Climb, Curve};
use super::panels::{BETWEEN, LEFT, LOWER, SEPARATOR, UPPER};
use super::style::{
    ALARM, AMBER, AZURE, Chart, Drawn, FOOT, HEADING, HEIGHT, INK, LABEL, Page, SAMPLE, VALUE,
    WIDTH, stroke, units,
};
use super::summary::{Row, row};
use crate::measurement::arrival::Arrival;
use crate::measurement::percentiles::MEDIAN;
use crate::plan::Pace;
use crate::quantity::{amount, bytes, count, counted, duration};
use crate::report::Subject;
use crate::search::{Answer, Breach, Hunt, Outcome, Step};

/// What the figure of a search shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Searched<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) hunt: &'a Hunt<'a>,
}

impl<DB: DrawingBackend> Page<DB> {
    /// Draws the whole page.
    pub(super) fn draw_search(&self, searched: Searched<'_>) -> Drawn<DB> {
        self.title(searched.subject, searched.lead())?;
        let climb = Climb::of(searched.hunt);
        let Some((_, told)) = searched.hunt.told().filter(|_| !climb.unsent.dots.is_empty()) else {
            let [x, y] = [WIDTH, HEIGHT].map(|side| f64::from(side) / 2.0);
            return self.center(HEADING, x, y, "No step came to its end");
        };
        let up = climb.times.map_or_else(Axis::no_times, |[low, high]| Axis::times(low, high));
        self.unsent(&climb)?;
        self.large(searched.large())?;
        self.rows(searched.rows())?;
        self.responses(searched, &climb, &up)?;
        let rate = searched.told_rate();
        self.percentiles(told, &format!("At {}", per_second(rate)), &up)?;
        self.search_foot(searched)
    }

    /// What was due and never sent, against the rate.
    fn unsent(&self, climb: &Climb) -> Drawn<DB> {
        self.heading(LEFT[0], 120.0, "Never sent", "% of the messages that were due")?;
        let most = climb.unsent.dots.iter().map(|dot| dot.at.1).fold(0.0, f64::max);
        let axes = (climb.across().unlabelled(), Axis::amount(most).at_most(100.0));
        let mut chart = self.chart(LEFT, UPPER, axes.clone())?;
        self.marks(&mut chart, climb, UPPER)?;
        self.curve(&mut chart, (&axes.0, &axes.1), UPPER, &climb.unsent, AZURE)?;
        let mut right = LEFT[1];
        if !climb.failed.is_empty() {
            let x = self.legend(right, 120.0, "failed")?;
            self.sample(x, 120.0, stroke(ALARM, 6.0))?;
            right = x - BETWEEN;
        }
        for (name, kept) in [("broken", false), ("kept", true)] {
            if climb.unsent.dots.iter().any(|dot| dot.kept == kept) {
                self.right(LABEL, right, 120.0, name)?;
                let x = right - LABEL.width(name) - 14.0;
                self.step_dot(x, 115.0, AZURE, kept)?;
                right = x - 6.0 - BETWEEN;
            }
        }
        Ok(())
    }

    /// p50 and p99 of the responses, and the bound, against the rate.
    fn responses(&self, searched: Searched<'_>, climb: &Climb, up: &Axis) -> Drawn<DB> {
        self.heading(LEFT[0], 362.0, "Response time", "log scale, by messages per second")?;
        let across = climb.across();
        let mut chart = self.chart(LEFT, LOWER, (across.clone(), up.clone()))?;
        self.marks(&mut chart, climb, LOWER)?;

        let goal = searched.hunt.goal();
        let bound = goal.bound().as_nanos() as f64;
        let ends = across.ends().map(|rate| (rate, bound));
        let dashes = DashedLineSeries::new(ends, units(8.0), units(5.0), stroke(INK, 1.5));
        chart.draw_series(dashes)?;
        let other = climb.other.as_ref().map(|curve| (goal.name(), AZURE, curve));
        let curves = [("p50", INK, &climb.p50), ("p99", AMBER, &climb.p99)];
        for (_, color, curve) in curves.into_iter().chain(other) {
            self.curve(&mut chart, (&across, up), LOWER, curve, color)?;
        }

        let x = self.legend(LEFT[1], 362.0, &goal.to_string())?;
        for dash in [x, x + SAMPLE - 8.0] {
            self.line(&[(dash, 357.0), (dash + 8.0, 357.0)], stroke(INK, 1.5))?;
        }
        let mut right = x - BETWEEN;
        for (name, color, curve) in other.into_iter().chain(curves.into_iter().rev()) {
            if !curve.dots.is_empty() {
                let x = self.legend(right, 362.0, name)?;
                self.sample(x, 362.0, stroke(color, 2.2))?;
                right = x - BETWEEN;
            }
        }
        self.answer(climb, &across)
    }

    /// The name of the answer, beside its stripe, at the top of the panel.
    fn answer(&self, climb: &Climb, across: &Axis) -> Drawn<DB> {
        let [Some(kept), _] = climb.answer else { return Ok(()) };
        let place = |rate: f64| LEFT[0] + (LEFT[1] - LEFT[0]) * across.share(rate);
        let (text, y) = (per_second(kept), LOWER[0] + 20.0);
        let left = place(kept) - 9.0;
        if left - VALUE.width(&text) > LEFT[0] + 9.0 {
            return self.right(VALUE, left, y, &text);
        }
        self.left(VALUE, place(climb.answer[1].unwrap_or(kept)) + 9.0, y, &text)
    }

    /// The answer as a stripe behind the data, and the failures, as in the figure of a run.
    fn marks(&self, chart: &mut Chart<'_, DB>, climb: &Climb, panel: [f64; 2]) -> Drawn<DB> {
        let across = climb.across();
        let place = |rate: f64| LEFT[0] + (LEFT[1] - LEFT[0]) * across.share(rate);
        if let [Some(kept), broken] = climb.answer {
            let (from, to) = (place(kept), broken.map_or(0.0, place));
            // Wide enough to be seen; where nothing is broken it is a line.
            let to = to.max(from + 2.0);
            self.rect([from, to], panel, &AZURE.mix(0.16))?;
            self.line(&[(from, panel[0]), (from, panel[1])], stroke(AZURE, 1.0))?;
        }
        for rate in &climb.failed {
            let x = place(*rate);
            self.rect([x - 1.5, x + 1.5], [panel[0] - 6.0, panel[0]], &ALARM)?;
            let stripe = [(rate / 1.01, 0.0), (rate * 1.01, f64::MAX)];
            chart.draw_series([Rectangle::new(stripe, ALARM.mix(0.15).filled())])?;
        }
        Ok(())
    }

    fn curve(
        &self,
        chart: &mut Chart<'_, DB>,
        (across, up): (&Axis, &Axis),
        panel: [f64; 2],
        curve: &Curve,
        color: RGBColor,
    ) -> Drawn<DB> {
        for line in &curve.lines {
            chart.draw_series(LineSeries::new(line.iter().copied(), stroke(color, 2.2)))?;
        }
        for dot in &curve.dots {
            let x = LEFT[0] + (LEFT[1] - LEFT[0]) * across.share(dot.at.0);
            let y = panel[1] - (panel[1] - panel[0]) * up.share(dot.at.1);
            self.step_dot(x, y, color, dot.kept)?;
        }
        Ok(())
    }

    /// A step: a dot if it kept the bound, a ring if not.
    fn step_dot(&self, x: f64, y: f64, color: RGBColor, kept: bool) -> Drawn<DB> {
        if kept { self.dot(x, y, color) } else { self.ring(x, y, color) }
    }

    fn search_foot(&self, searched: Searched<'_>) -> Drawn<DB> {
        let parts = [
            format!("{} {}", searched.subject.program, env!("CARGO_PKG_VERSION")),
            "a response counts from when its message was due".to_owned(),
            "failed messages are infinitely late".to_owned(),
            "what breaks the bound is tried twice".to_owned(),
        ];
        self.left(FOOT, LEFT[0], 786.0, &parts.join(SEPARATOR))
    }
}

impl Climb {
    fn across(&self) -> Axis {
        Axis::rates(self.rates[0], self.rates[1])
    }
}

impl Searched<'_> {
    fn lead(self) -> Vec<String> {
        let (plan, hunt) = (self.subject.plan, self.hunt);
        let started = hunt.started().map(humantime::format_rfc3339_seconds);
        let elapsed: Duration = hunt.steps().iter().map(|step| step.elapsed).sum();
        let mut lead = vec![
            format!("{} messages", bytes(plan.length)),
            counted(plan.connections.into(), "connection"),
            format!("open loop at the highest rate with {}", hunt.goal()),
            format!("{} in {}", duration(elapsed), counted(hunt.steps().len() as u64, "step")),
        ];
        let utc = |started: humantime::Rfc3339Timestamp| {
            started.to_string().replace('T', " ").replace('Z', " UTC")
        };
        lead.extend(started.map(utc));
        lead
    }

    /// The rate of the step that is told in full.
    fn told_rate(self) -> f64 {
        match self.hunt.told().map(|(plan, _)| plan.pace) {
            Some(Pace::Rate(rate)) => rate,
            _ => 0.0,
        }
    }

    fn large(self) -> [(String, String); 3] {
        let goal = self.hunt.goal();
        let rate = match self.hunt.answer() {
            // All digits would reach into the next number.
            Answer::Between(kept, _) | Answer::AtLeast(kept) if kept >= 1e6 => {
                format!("{}/s", short_amount(kept))
            }
            Answer::Between(kept, _) | Answer::AtLeast(kept) => per_second(kept),
            Answer::Below(_) | Answer::Unknown => "none".to_owned(),
        };
        let kept = if self.hunt.is_complete() { "highest rate kept" } else { "kept so far" };
        let step = self.hunt.step(self.told_rate());
        let median = step.and_then(|step| step.p50);
        let (name, value) = if goal.one_in() == MEDIAN {
            ("p99", step.and_then(|step| step.p99))
        } else {
            (goal.name(), step.and_then(|step| step.bounded))
        };
        [
            (rate, kept.to_owned()),
            (word(median), "p50 response".to_owned()),
            (
                word(value),
                if name.contains(' ') { name.to_owned() } else { format!("{name} response") },
            ),
        ]
    }

    fn rows(self) -> Vec<Row> {
        let hunt = self.hunt;
        let total = |of: fn(&Step) -> u64| hunt.steps().iter().map(of).sum::<u64>();
        let broken = hunt
            .steps()
            .iter()
            .filter(|step| matches!(step.outcome(), Some(Outcome::Broken | Outcome::Missed)));
        let steps = count(hunt.steps().len() as u64);
        let failed = total(|step| step.failed);
        let mut rows = vec![
            row("Bound", hunt.goal().to_string()),
            row("Broken at", self.broken()),
            row("Steps", format!("{steps}, of which {} broken", broken.count())),
            row("Messages sent", count(total(|step| step.sent))),
            row("Due but never sent", count(total(|step| step.unsent))),
        ];
        rows.push(if failed > 0 {
            Row::failed(count(failed))
        } else {
            row("Failed", "none".to_owned())
        });
        rows
    }

    /// The lowest rate that is broken, and by what.
    fn broken(self) -> String {
        let (Answer::Between(_, broken) | Answer::Below(broken)) = self.hunt.answer() else {
            return "no rate that was tried".to_owned();
        };
        let step = self.hunt.step(broken);
        let why = step.and_then(|step| step.breach.map(|breach| (step, breach)));
        let why = match why {
            Some((Step { limit: Some(_), .. }, _)) => " (the instrument's limit)".to_owned(),
            Some((step, Breach::Slow)) => {
                format!(" ({} {})", self.hunt.goal().name(), word(step.bounded))
            }
            Some((step, Breach::Failed)) => format!(" ({} failed)", count(step.failed)),
            Some((_, Breach::Unsent)) => " (not all were sent)".to_owned(),
            Some((_, Breach::TooFew)) => " (too few messages)".to_owned(),
            None => String::new(),
        };
        format!("{}{why}", per_second(broken))
    }
}

fn word(arrival: Option<Arrival>) -> String {
    match arrival {
        None => "n/a".to_owned(),
        Some(Arrival::Never) => "never".to_owned(),
        Some(Arrival::After(time)) => duration(time),
    }
}

fn per_second(rate: f64) -> String {
    format!("{}/s", amount(rate))
}
