//! The report that people read.

mod histogram;
mod hosts;
#[cfg(test)]
mod layouts;
mod rows;
mod runs;
#[cfg(test)]
mod snapshots;
mod table;

use std::fmt::Write;
use std::time::Duration;

use echo_core::{Difference, Failure, Fault};

use super::hints::hints;
use super::ports::ports;
use super::{Subject, datagrams, effort, independence, loss, passages, spacing, stationarity};
use crate::measurement::blocks;
use crate::measurement::percentiles::{P99, percentile};
use crate::measurement::times::Times;
use crate::measurement::wrong::Sort;
use crate::measurement::{Ended, Incident, Measurement};
use crate::quantity;
use crate::reason::reason;
use crate::stack::Stops;
use crate::terminal::wrap::wrap;

/// How a report is laid out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layout {
    /// The columns of the terminal, if it is read on one; elsewhere lines are not broken.
    pub width: Option<usize>,
    /// Whether to add all percentiles and a histogram.
    pub histogram: bool,
}

impl Layout {
    /// The columns of a histogram where there is no terminal.
    const COLUMNS: usize = 80;

    pub(super) fn fit(self, text: String) -> String {
        self.width.map_or_else(|| text.clone(), |width| wrap(&text, width))
    }
}

/// The first line, before anything is measured.
#[must_use]
pub fn header(subject: &Subject<'_>, layout: Layout) -> String {
    headed(subject, &subject.pace(), layout)
}

/// The first line, with other words for the pace.
pub(super) fn headed(subject: &Subject<'_>, pace: &str, layout: Layout) -> String {
    let name = &subject.name;
    let place = subject.place().map(|address| format!(" ({address})")).unwrap_or_default();
    let connections = subject.connections();
    let bytes = quantity::counted(subject.plan.length, "byte");
    let protocol = subject.plan.protocol.as_str();
    let runs = subject.runs().map(|runs| format!(", {runs}")).unwrap_or_default();
    layout.fit(format!("ECHO {name}{place} {protocol}, {bytes}, {pace}, {connections}{runs}"))
}

/// The closing report, without a line break at its end.
#[must_use]
pub fn text(subject: &Subject<'_>, measurement: &Measurement, layout: Layout) -> String {
    let width = layout.width.unwrap_or(usize::MAX);
    let mut lines = vec![format!("--- {} echo statistics ---", subject.name)];
    lines.push(totals(measurement));
    lines.extend(datagrams::text(measurement));
    lines.extend(warm_up(subject, measurement));
    lines.extend(in_flight(measurement));
    lines.extend(closed_while_idle(measurement));
    lines.extend(interrupted(measurement));
    lines.extend(measurement.named().filter_map(|(name, times)| round_trips(name, times)));
    lines.extend(rates(subject, measurement));
    lines.extend(table::percentiles(measurement, width, layout.histogram));
    lines.extend(loss::explained(measurement));
    lines.extend(loss::within(measurement));
    // Where a run is not one distribution, its messages follow each other because of that.
    lines.extend(stationarity::text(measurement).or_else(|| independence::text(measurement)));
    lines.extend(schedule(measurement));
    lines.extend(spacing::text(measurement));
    lines.extend(runs::runs(subject, measurement));
    lines.extend(hosts::text(subject, measurement));
    if layout.histogram {
        lines.extend(histograms(measurement, layout.width.unwrap_or(Layout::COLUMNS)));
    }
    lines.extend(passages::text(measurement));
    lines.extend(kernel(measurement));
    lines.extend(instrument(measurement));
    lines.extend(effort::text(measurement));
    lines.extend(hints(subject, measurement));
    lines.extend(ports(subject, measurement));
    lines.extend(wrong(measurement));
    lines.extend(incidents(measurement));
    layout.fit(lines.join("\n"))
}

/// `60 000 sent, 60 000 echoed, 0 failed (…), 4.88 s`, and the failures by kind.
fn totals(measurement: &Measurement) -> String {
    let tally = &measurement.tally;
    let failed = tally.failures();
    let [sent, echoed, bad] = [measurement.sent(), tally.echoed(), failed].map(quantity::count);
    let mut line = format!("{sent} sent, {echoed} echoed, {bad} failed");
    match blocks::fail_rate(measurement) {
        None => {}
        Some((_, high)) if failed == 0 => {
            let _ = write!(line, " (fail rate below {} at 95 % confidence)", quantity::ratio(high));
        }
        Some((low, high)) => {
            let [low, high] = [low, high].map(quantity::ratio);
            let rate = quantity::ratio(tally.fail_rate().unwrap_or_default());
            let _ = write!(line, " (fail rate {rate}; {low} to {high} at 95 % confidence)");
        }
    }
    let elapsed = quantity::duration(measurement.elapsed);
    let _ = write!(line, ", {}", super::in_runs(elapsed, measurement));
    let kinds: Vec<_> = super::failures(measurement)
        .into_iter()
        .map(|(kind, n)| format!("{} {kind}", quantity::count(n)))
        .collect();
    if !kinds.is_empty() {
        let _ = write!(line, "\nfailed: {}", kinds.join(", "));
    }
    line
}

/// The warm-up, which was left out.
fn warm_up(subject: &Subject<'_>, measurement: &Measurement) -> Option<String> {
    if subject.plan.omit.is_zero() {
        return None;
    }
    let messages = quantity::counted(measurement.omitted, "message");
    let end = if measurement.elapsed.is_zero() {
        "; the run ended before anything was measured"
    } else {
        ""
    };
    let each = if measurement.runs.is_empty() { "" } else { " each" };
    let omit = quantity::duration(subject.plan.omit);
    Some(format!("warm-up of {omit}{each}: {messages} left out{end}"))
}

/// The messages in flight at the end. How long they had been so matters only if it is longer than
/// the slowest echo took.
fn in_flight(measurement: &Measurement) -> Option<String> {
    let longest = measurement.under_way.iter().copied().max()?;
    let messages = quantity::counted(measurement.under_way.len() as u64, "message");
    let told = Some(longest) > measurement.felt().slowest();
    let long = told.then(|| format!(", for up to {}", quantity::duration(longest)));
    Some(format!("{messages} in flight at the end{}", long.unwrap_or_default()))
}

/// The connections that the server closed between two messages.
fn closed_while_idle(measurement: &Measurement) -> Option<String> {
    let n = measurement.closed_while_idle;
    let connections = quantity::counted(n, "connection");
    // It may have been either: that cannot be known.
    let stop = if measurement.stops.times > 0 { ", or than the stop" } else { "" };
    (n > 0).then(|| {
        format!(
            "{connections} closed by the server while idle, and reopened before the next message: \
             its idle time-out is shorter than the pause between two messages{stop}"
        )
    })
}

/// The stops in which nothing was measured.
fn interrupted(measurement: &Measurement) -> Option<String> {
    let Stops { times, total } = measurement.stops;
    if times == 0 {
        return None;
    }
    let (time, stops) = (quantity::duration(total), quantity::counted(times, "stop"));
    let messages = quantity::counted(measurement.interrupted, "message");
    Some(format!(
        "the instrument did not run for {time} ({stops}): {messages} interrupted, neither echoed \
         nor failed; clock and schedule were paused"
    ))
}

/// The line in the format of `ping`.
fn round_trips(name: &str, times: &Times) -> Option<String> {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let [min, mean, max, deviation] =
        [times.fastest()?, times.mean()?, times.slowest()?, times.deviation()?].map(millis);
    Some(format!("{name} min/avg/max/mdev = {min:.3}/{mean:.3}/{max:.3}/{deviation:.3} ms"))
}

fn rates(subject: &Subject<'_>, measurement: &Measurement) -> Option<String> {
    let bits = quantity::bit_rate(measurement.bits_per_second(subject.plan.length)?);
    let messages = quantity::amount(measurement.messages_per_second()?);
    let of = measurement.together.as_deref().map(hosts::while_all_ran).unwrap_or_default();
    Some(format!("echo rate {bits}, {messages} messages/s{of}"))
}

/// A histogram of each sort of times.
fn histograms(measurement: &Measurement, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, times) in measurement.named().filter(|(_, times)| !times.is_empty()) {
        lines.push(format!("{name} distribution (each row starts at its time):"));
        lines.extend(histogram::histogram(times, width));
    }
    lines
}

/// How well the schedule was kept.
fn schedule(measurement: &Measurement) -> Option<String> {
    let late = measurement.late.as_ref()?;
    let word = |time: Option<Duration>| time.map_or("n/a".into(), quantity::duration);
    let [p99, max] = [percentile(late, P99), late.slowest()].map(word);
    let mut line = format!("sent late by: p99 {p99}, max {max}");
    if measurement.unsent > 0 {
        let _ = write!(line, "; {} due but never sent", quantity::count(measurement.unsent));
    }
    Some(line)
}

/// What the kernel saw of the same connections. Its lowest round trip does not include the
/// programs; its smoothed one is a snapshot, and says nothing about the run.
fn kernel(measurement: &Measurement) -> Option<String> {
    let kernel = measurement.kernel?;
    let lowest = kernel
        .min_rtt
        .map(|time| format!("min rtt {} (segment to ACK), ", quantity::duration(time)));
    let again = quantity::counted(kernel.retransmits, "segment");
    Some(format!("kernel: {}{again} retransmitted", lowest.unwrap_or_default()))
}

/// The share of the times that is the instrument's own.
fn instrument(measurement: &Measurement) -> Option<String> {
    let instrument = measurement.instrument?;
    let clock = quantity::duration(instrument.clock);
    let floor =
        instrument.floor.map(|floor| format!("{} per message, ", quantity::duration(floor)));
    let busy =
        measurement.busy().map(|share| format!(", at work {} of the time", quantity::ratio(share)));
    let waiting = measurement.waiting().filter(|share| *share >= 0.01);
    let waiting =
        waiting.map(|share| format!(", waiting for a processor {}", quantity::ratio(share)));
    let [floor, busy, waiting] = [floor, busy, waiting].map(Option::unwrap_or_default);
    Some(format!("instrument: {floor}clock {clock}{busy}{waiting}"))
}

/// What happened to echoes with wrong bytes: `2 stale (from message k-1 at byte 992)`.
fn wrong(measurement: &Measurement) -> Vec<String> {
    let of_hosts = measurement.together.iter().flat_map(|together| together.wrong());
    let of_hosts =
        of_hosts.map(|(what, messages)| format!("   {} {what}", quantity::count(messages)));
    let mut lines: Vec<_> = measurement
        .wrong
        .sorts()
        .map(|sort| {
            let (messages, place) = (quantity::count(sort.messages), place(sort));
            format!("   {messages} {} ({place})", sort.first.fault.as_str())
        })
        .chain(of_hosts)
        .collect();
    if !lines.is_empty() {
        lines.insert(0, "messages with wrong bytes:".into());
    }
    lines
}

/// The place of the first wrong byte of a sort, and what came instead.
fn place(sort: &Sort) -> String {
    let Difference { message, offset, expected, received, fault } = sort.first;
    let instead = || format!("0x{received:02x} instead of 0x{expected:02x}");
    let what = match fault {
        Fault::Stale(from) => {
            format!("from message k-{} at byte {}", message - from.message, from.offset)
        }
        Fault::Crossed(from) => format!("from connection {}", from.connection),
        Fault::Skipped { bytes } => format!("{} missing", quantity::counted(bytes, "byte")),
        Fault::Repeated { bytes } => {
            format!("the last {} repeated", quantity::counted(bytes, "byte"))
        }
        Fault::Flipped => format!("bits 0x{:02x}", expected ^ received),
        Fault::Overwritten { .. } | Fault::Changed | Fault::Foreign => instead(),
    };
    if let Some(by) = sort.overwritten_by() {
        return format!("0x{by:02x}; first in message {message} at byte {offset}");
    }
    format!("first in message {message} at byte {offset}: {what}")
}

/// The first failures one by one, and why the run ended before its plan.
fn incidents(measurement: &Measurement) -> Vec<String> {
    if measurement.together.is_some() {
        return Vec::new();
    }
    let mut lines: Vec<_> = measurement
        .incidents
        .iter()
        .map(|incident| {
            let Incident { at, connection, message, failure, errno, icmp, unopened } = incident;
            let at = quantity::duration(*at);
            // Other failures say all that there is to know.
            let open = matches!(failure, Failure::Unreachable | Failure::Local);
            let said = errno
                .filter(|_| open && icmp.is_none())
                .map(|errno| format!(": {}", reason(&errno.into())));
            // Wrong bytes and wrong lengths name their message themselves, and without a connection there is none.
            let named = matches!(
                failure,
                Failure::Differs(_) | Failure::Extra { .. } | Failure::Cut { .. }
            ) || *unopened;
            let message = if named { String::new() } else { format!(", message {message}") };
            let failure = match (failure, icmp) {
                (_, Some(icmp)) => icmp.to_string(),
                (Failure::TimedOut { .. }, _) if *unopened => "timed out while connecting".into(),
                (Failure::TimedOut { .. }, _) if measurement.datagrams.is_some() => {
                    "not back in time".into()
                }
                _ => worded(failure),
            };
            let said = said.unwrap_or_default();
            format!("after {at}, connection {connection}{message}: {failure}{said}")
        })
        .collect();
    let more = measurement.tally.failures() - measurement.incidents.len() as u64;
    if more > 0 {
        lines.push(format!("and {} more", quantity::counted(more, "failure")));
    }
    if measurement.ended == Ended::Failed {
        // A datagram that is lost ends no run.
        let but = if measurement.datagrams.is_some() { " that is no loss" } else { "" };
        lines.push(format!("stopped at the first failure{but} (fail-rate goes on after failures)"));
    }
    lines
}

/// A failure in the report's units.
fn worded(failure: &Failure) -> String {
    match failure {
        Failure::TimedOut { whole: Some(took), .. } => {
            format!("timed out: the whole echo took {}", quantity::duration(*took))
        }
        _ => failure.to_string(),
    }
}
