//! The runs of several machines on one page, as far as their reports know them: the sum of their rates, and in place of the
//! heat map a line for p50 and one for p99 of each, with its name.

use std::slice;
use std::time::Duration;

use plotters::series::LineSeries;
use plotters_backend::DrawingBackend;

use super::axis::Axis;
use super::columns::{Course, Curve, Line, Rate, Span};
use super::names::names;
use super::panels::{HALF_A_LETTER, LEFT, LOWER, apart};
use super::style::{AMBER, Chart, Drawn, INK, LABEL, Page, RULE, stroke};
use crate::measurement::together::{Host, Part, Together};
use crate::measurement::{Measurement, bits};
use crate::terminal::escape::Escaped;

/// The most names that stand above each other beside the panel.
const MOST: usize = 16;

/// How wide a name may be.
const WIDEST: f64 = 130.0;

/// From the panel to its name, in pixels.
const LEADER: f64 = 14.0;

/// The left and the right side of the panels over time: the names of hosts stand beside them.
pub(super) fn sides(run: &Measurement) -> Span {
    let names = run.together.iter().flat_map(|together| named(&together.hosts));
    let widest = names.map(|name| LABEL.width(&name) + LEADER + 6.0).fold(0.0, f64::max);
    [LEFT[0], LEFT[1] - widest]
}

/// The names of all hosts, as they stand beside the panel.
fn named(hosts: &[Host]) -> Vec<String> {
    let whole = hosts.iter().map(|host| Escaped(host.name.as_bytes()).to_string());
    names(&whole.collect::<Vec<_>>(), WIDEST)
}

impl<DB: DrawingBackend> Page<DB> {
    /// The percentiles of each host over time, and their legends, which end at `right`.
    pub(super) fn curves_of_hosts(
        &self,
        chart: &mut Chart<'_, DB>,
        course: &Course,
        mut right: f64,
    ) -> Drawn<DB> {
        for (name, color, curve) in [("p50", INK, &course.p50), ("p99", AMBER, &course.p99)] {
            for line in &curve.lines {
                chart.draw_series(LineSeries::new(line.iter().copied(), stroke(color, 1.2)))?;
            }
            if !curve.is_empty() {
                right = self.legend_of_a_curve(name, color, right)?;
            }
        }
        Ok(())
    }

    /// The name of each host where its lines end: where there are too many, only of the medians, and of the slowest.
    pub(super) fn names_of_hosts(&self, run: &Measurement, end: f64, up: &Axis) -> Drawn<DB> {
        let Some(together) = &run.together else { return Ok(()) };
        let [left, right] = sides(run);
        let named = named(&together.hosts);
        let ends = |which| {
            together.hosts.iter().zip(&named).filter_map(move |(host, name)| {
                let (time, ns) = *lines(slice::from_ref(host), which).last()?.last()?;
                let y = LOWER[1] - (LOWER[1] - LOWER[0]) * up.share(ns);
                Some((left + (right - left) * time / end, y, name))
            })
        };
        let mut places: Vec<_> = ends(0).collect();
        if 2 * places.len() <= MOST {
            places.extend(ends(1));
        }
        places.sort_by(|(_, a, _), (_, b, _)| b.total_cmp(a));
        places.drain(..places.len().saturating_sub(MOST));
        let labels = apart(places.iter().map(|(_, y, _)| *y));
        for ((x, y, name), label) in places.iter().zip(labels) {
            let points = [(*x, *y), (right, *y), (right + LEADER, label)];
            self.line(&points, stroke(RULE, 1.0))?;
            self.left(LABEL, right + LEADER + 6.0, label + HALF_A_LETTER, name)?;
        }
        Ok(())
    }
}

impl Course {
    /// The course of all, over the whole time of all.
    pub(super) fn of_hosts(together: &Together, message_bytes: u64) -> Self {
        let hosts = &together.hosts;
        let end = hosts.iter().map(|host| host.span()[1]).fold(1e-9, f64::max);
        let widest =
            hosts.iter().flat_map(|host| &host.course).map(|part| part.time[1] - part.time[0]);
        let widest = widest.fold(0.0, f64::max);
        Self {
            end,
            column_width: Duration::try_from_secs_f64(widest).unwrap_or_default(),
            rates: rates(hosts, end, message_bytes),
            cells: Vec::new(),
            p50: Curve { lines: lines(hosts, 0), points: Line::new() },
            p99: Curve { lines: lines(hosts, 1), points: Line::new() },
            failed: failed(hosts),
        }
    }
}

/// The parts of a host, by the time of all.
fn parts(host: &Host) -> impl Iterator<Item = (Span, &Part)> {
    let start = host.after.as_secs_f64();
    host.course.iter().map(move |part| (part.time.map(|time| start + time), part))
}

/// The sum of all rates: it changes where that of one host does.
fn rates(hosts: &[Host], end: f64, message_bytes: u64) -> Vec<Rate> {
    let of_part = |([from, to], part): (Span, &Part)| [(from, part.rate), (to, -part.rate)];
    let changes = hosts.iter().flat_map(parts).flat_map(of_part);
    let mut changes: Vec<_> = changes.chain([(0.0, 0.0), (end, 0.0)]).collect();
    changes.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut rates = Vec::new();
    let mut all = 0.0;
    for pair in changes.windows(2) {
        let [(from, change), (to, _)] = [pair[0], pair[1]];
        all += change;
        // What is left of a difference of large numbers is nothing.
        let bits_per_second = bits(all.max(0.0), message_bytes);
        if to > from {
            rates.push(Rate { time: [from, to], bits_per_second });
        }
    }
    rates
}

/// A line for each host through a percentile of its parts; where one has too few messages, it is interrupted.
fn lines(hosts: &[Host], which: usize) -> Vec<Line> {
    let of_host = |host| {
        let points: Vec<_> = parts(host)
            .map(|([from, to], part)| {
                part.percentiles[which].map(|value| ((from + to) / 2.0, value))
            })
            .collect();
        let whole = points.split(Option::is_none).filter(|line| line.len() > 1);
        whole.map(|line| line.iter().copied().flatten().collect()).collect::<Vec<Line>>()
    };
    hosts.iter().flat_map(of_host).collect()
}

/// The times in which messages of any host failed.
fn failed(hosts: &[Host]) -> Vec<Span> {
    let parts = hosts.iter().flat_map(parts).filter(|(_, part)| part.failed);
    let mut spans: Vec<Span> = parts.map(|(span, _)| span).collect();
    spans.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut out: Vec<Span> = Vec::new();
    for span in spans {
        match out.last_mut().filter(|last| span[0] <= last[1]) {
            Some(last) => last[1] = last[1].max(span[1]),
            None => out.push(span),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Format, encode};
    use crate::made_up::{MadeUp, spread};
    use crate::plan::Plan;

    fn host(after: u64, parts: &[(f64, bool, Option<f64>)]) -> Host {
        let part = |(n, &(rate, failed, p50)): (usize, &(f64, bool, Option<f64>))| Part {
            time: [n as f64, n as f64 + 1.0],
            rate,
            failed,
            percentiles: [p50, None],
        };
        let elapsed = Duration::from_secs(parts.len() as u64);
        Host {
            name: "north".into(),
            after: Duration::from_millis(after),
            run: Measurement { elapsed, ..Measurement::new() },
            rate: None,
            limits: None,
            wrong: Vec::new(),
            course: parts.iter().enumerate().map(part).collect(),
        }
    }

    #[test]
    fn lines_end_at_the_name_of_their_host_as_far_as_names_have_room() {
        let named = |n: usize| {
            let plan = Plan { length: 1000, ..Plan::new() };
            let mut made = MadeUp::new(plan, 1_000);
            made.echoes(spread(20_000, 70));
            let host = |n| {
                let time = Some(80_000.0 + n as f64);
                let mut host = host(0, &[(9.0, false, time); 3]);
                host.course.iter_mut().for_each(|part| part.percentiles = [time; 2]);
                Host { name: format!("north-{n}\n"), ..host }
            };
            made.run.together = Some(Together { hosts: (0..n).map(host).collect() }.into());
            let svg = encode(&made.subject(), &made.run, Format::Svg, 1.0).expect("a figure");
            let svg = String::from_utf8(svg).expect("UTF-8");
            let times = |n| svg.matches(&format!("\"north-{n}\\n\"")).count();
            (0..n).map(times).collect::<Vec<_>>()
        };
        assert_eq!(named(8), [2; 8]);
        assert_eq!(named(9), [1; 9]);
        assert_eq!(named(20), [&[0; 4][..], &[1; MOST]].concat());
    }

    #[test]
    fn rates_add_up_and_nothing_is_echoed_before_the_start_or_after_the_end() {
        let hosts = vec![
            host(0, &[(10.0, false, None); 2]),
            host(500, &[(1.0, false, None), (3.0, false, None)]),
        ];
        let course = Course::of_hosts(&Together { hosts }, 1);
        let told: Vec<_> =
            course.rates.iter().map(|rate| (rate.time, rate.bits_per_second / 8.0)).collect();
        assert_eq!(
            told,
            [
                ([0.0, 0.5], 10.0),
                ([0.5, 1.0], 11.0),
                ([1.0, 1.5], 11.0),
                ([1.5, 2.0], 13.0),
                ([2.0, 2.5], 3.0)
            ]
        );
        assert_eq!(course.end, 2.5);
    }

    #[test]
    fn a_line_ends_where_too_few_came_back_and_failures_of_all_are_marked_once() {
        let (good, none, bad) =
            ((9.0, false, Some(70.0)), (0.0, false, None), (9.0, true, Some(80.0)));
        let hosts = vec![
            host(0, &[good, good, none, good, bad]),
            host(500, &[none, good, good, bad, good]),
        ];
        let course = Course::of_hosts(&Together { hosts }, 1);
        let lengths: Vec<_> = course.p50.lines.iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 2, 4]);
        assert_eq!(course.p50.lines[2][0], (2.0, 70.0));
        assert_eq!(course.failed, [[3.5, 5.0]]);
        assert!(course.p99.is_empty());
    }
}
