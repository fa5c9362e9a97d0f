//! The report that people read.

use std::fmt::Write;
use std::time::Duration;

use super::Subject;
use super::confidence::fail_rate_interval;
use crate::load::{Ended, Measurement, Times};
use crate::percentiles::{self, PERCENTILES};
use crate::units::{self, plain};

/// Width of a column of the table of percentiles.
const COLUMN: usize = 10;

/// The first line, before anything is measured.
#[must_use]
pub fn header(subject: &Subject) -> String {
    let Subject { name, address, length, connections, .. } = subject;
    let place = if *name == address.to_string() { String::new() } else { format!(" ({address})") };
    let connections = units::counted((*connections).into(), "connection");
    format!("ECHO {name}{place} tcp, {length} bytes, closed loop, {connections}")
}

/// The closing report, without a line break at its end.
#[must_use]
pub fn text(subject: &Subject, measurement: &Measurement) -> String {
    let mut lines = vec![format!("--- {} echo statistics ---", subject.name)];
    lines.push(totals(measurement));
    lines.extend(round_trips(&measurement.times));
    lines.extend(rates(subject, measurement));
    if !measurement.times.is_empty() {
        lines.extend(percentile_table(&measurement.times));
    }
    lines.extend(incidents(measurement));
    plain(&lines.join("\n"))
}

/// `60 000 sent, 60 000 echoed, 0 failed (…), 4.88 s`, and which way they failed.
fn totals(measurement: &Measurement) -> String {
    let tally = &measurement.tally;
    let (sent, failed) = (tally.messages(), tally.failures());
    let [all, echoed, bad] = [sent, tally.echoed(), failed].map(units::count);
    let mut line = format!("{all} sent, {echoed} echoed, {bad} failed");
    match fail_rate_interval(failed, sent) {
        None => {}
        Some((_, high)) if failed == 0 => {
            let _ = write!(line, " (fail rate below {} at 95 % confidence)", units::ratio(high));
        }
        Some((low, high)) => {
            let [low, high] = [low, high].map(units::ratio);
            let rate = units::share(failed, sent);
            let _ = write!(line, " (fail rate {rate}; {low} to {high} at 95 % confidence)");
        }
    }
    let _ = write!(line, ", {}", units::duration(measurement.elapsed));
    let kinds: Vec<_> = super::failures(tally)
        .into_iter()
        .map(|(kind, n)| format!("{} {kind}", units::count(n)))
        .collect();
    if !kinds.is_empty() {
        let _ = write!(line, "\nfailed: {}", kinds.join(", "));
    }
    line
}

/// As `ping` words it.
fn round_trips(times: &Times) -> Option<String> {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let [min, mean, max, deviation] =
        [times.fastest()?, times.mean()?, times.slowest()?, times.deviation()?].map(millis);
    Some(format!("rtt min/avg/max/mdev = {min:.3}/{mean:.3}/{max:.3}/{deviation:.3} ms"))
}

fn rates(subject: &Subject, measurement: &Measurement) -> Option<String> {
    let bits = units::bit_rate(measurement.bits_per_second(subject.length)?);
    let messages = units::amount(measurement.messages_per_second()?);
    Some(format!("echo rate {bits}, {messages} messages/s"))
}

fn percentile_table(times: &Times) -> [String; 2] {
    let row = |cells: &[String]| -> String {
        let row: String = cells.iter().map(|cell| format!("{cell:<COLUMN$}")).collect();
        format!("   {}", row.trim_end())
    };
    let shown = PERCENTILES.iter().filter(|(name, _)| *name != "p99.999");
    let (mut names, mut values): (Vec<_>, Vec<_>) = shown
        .map(|(name, one_in)| {
            let value = percentiles::percentile(times.histogram(), *one_in);
            (name.to_string(), value.map_or("n/a".into(), units::duration))
        })
        .unzip();
    names.push("max".into());
    values.push(units::duration(percentiles::slowest(times.histogram())));
    [row(&names), row(&values)]
}

/// The first failures one by one, and why the run ended before its plan.
fn incidents(measurement: &Measurement) -> Vec<String> {
    let mut lines: Vec<_> = measurement
        .incidents
        .iter()
        .map(|incident| {
            let at = units::duration(incident.at);
            format!("after {at}, connection {}: {}", incident.connection, incident.failure)
        })
        .collect();
    let more = measurement.tally.failures() - measurement.incidents.len() as u64;
    if more > 0 {
        lines.push(format!("and {} more", units::counted(more, "failure")));
    }
    if measurement.ended == Ended::Failed {
        lines.push("stopped at the first failure (fail-rate goes on after failures)".into());
    }
    lines
}
