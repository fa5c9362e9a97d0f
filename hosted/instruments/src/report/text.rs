//! The report that people read.

#[cfg(test)]
mod snapshots;

use std::fmt::Write;
use std::time::Duration;

use echo_core::{Difference, Failure, Fault};

use super::Subject;
use super::hints::hints;
use super::ports::ports;
use crate::measurement::blocks;
use crate::measurement::percentiles::{self, P99, PERCENTILES};
use crate::measurement::times::Times;
use crate::measurement::{Ended, Incident, Measurement};
use crate::plan::Plan;
use crate::quantity;
use crate::reason::reason;
use crate::stack::Stops;

/// Width of a column of the table of percentiles.
const COLUMN: usize = 10;

/// The first line, before anything is measured.
#[must_use]
pub fn header(subject: &Subject<'_>) -> String {
    let (name, pace) = (&subject.name, subject.pace());
    let Plan { length, connections, .. } = subject.plan;
    let address = subject.address;
    let place = if *name == address.to_string() { String::new() } else { format!(" ({address})") };
    let connections = quantity::counted((*connections).into(), "connection");
    let bytes = if *length == 1 { "byte" } else { "bytes" };
    format!("ECHO {name}{place} tcp, {length} {bytes}, {pace}, {connections}")
}

/// The closing report, without a line break at its end.
#[must_use]
pub fn text(subject: &Subject<'_>, measurement: &Measurement) -> String {
    let mut lines = vec![format!("--- {} echo statistics ---", subject.name)];
    lines.push(totals(measurement));
    lines.extend(warm_up(subject, measurement));
    lines.extend(under_way(measurement));
    lines.extend(closed_while_idle(measurement));
    lines.extend(interrupted(measurement));
    lines.extend(round_trips(&measurement.times));
    lines.extend(rates(subject, measurement));
    lines.extend(percentile_table(measurement));
    lines.extend(schedule(measurement));
    lines.extend(kernel(measurement));
    lines.extend(instrument(measurement));
    lines.extend(hints(measurement));
    lines.extend(ports(subject, measurement));
    lines.extend(wrong(measurement));
    lines.extend(incidents(measurement));
    lines.join("\n")
}

/// `60 000 sent, 60 000 echoed, 0 failed (…), 4.88 s`, and which way they failed.
fn totals(measurement: &Measurement) -> String {
    let tally = &measurement.tally;
    let (sent, failed) = (tally.messages(), tally.failures());
    let [all, echoed, bad] = [sent, tally.echoed(), failed].map(quantity::count);
    let mut line = format!("{all} sent, {echoed} echoed, {bad} failed");
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
    let _ = write!(line, ", {}", quantity::duration(measurement.elapsed));
    let kinds: Vec<_> = super::failures(tally)
        .into_iter()
        .map(|(kind, n)| format!("{} {kind}", quantity::count(n)))
        .collect();
    if !kinds.is_empty() {
        let _ = write!(line, "\nfailed: {}", kinds.join(", "));
    }
    line
}

/// What was left out.
fn warm_up(subject: &Subject<'_>, measurement: &Measurement) -> Option<String> {
    if subject.plan.omit.is_zero() {
        return None;
    }
    let messages = quantity::counted(measurement.omitted, "message");
    let end =
        if measurement.elapsed.is_zero() { "; it ended before anything was measured" } else { "" };
    Some(format!("warm-up of {}: {messages} left out{end}", quantity::duration(subject.plan.omit)))
}

/// What no time shows yet: somebody waited longer than anybody who got an answer.
fn under_way(measurement: &Measurement) -> Option<String> {
    let longest = measurement.under_way.iter().copied().max()?;
    if Some(longest) <= measurement.felt().slowest() {
        return None;
    }
    let messages = quantity::counted(measurement.under_way.len() as u64, "message");
    Some(format!(
        "{messages} still under way at the end, for up to {}",
        quantity::duration(longest)
    ))
}

/// What the server may do between two messages.
fn closed_while_idle(measurement: &Measurement) -> Option<String> {
    let n = measurement.closed_while_idle;
    let connections = quantity::counted(n, "connection");
    (n > 0).then(|| {
        format!(
            "{connections} closed by the server while idle, and opened anew before the next \
             message: its idle limit is shorter than the pause between two"
        )
    })
}

/// When nobody measured.
fn interrupted(measurement: &Measurement) -> Option<String> {
    let Stops { times, total } = measurement.stops;
    if times == 0 {
        return None;
    }
    let (time, stops) = (quantity::duration(total), quantity::counted(times, "stop"));
    let messages = quantity::counted(measurement.interrupted, "message");
    Some(format!(
        "the instrument did not run for {time} ({stops}): {messages} interrupted, neither echoed \
         nor failed; the clock and the schedule stood still"
    ))
}

/// As `ping` words it.
fn round_trips(times: &Times) -> Option<String> {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let [min, mean, max, deviation] =
        [times.fastest()?, times.mean()?, times.slowest()?, times.deviation()?].map(millis);
    Some(format!("rtt min/avg/max/mdev = {min:.3}/{mean:.3}/{max:.3}/{deviation:.3} ms"))
}

fn rates(subject: &Subject<'_>, measurement: &Measurement) -> Option<String> {
    let bits = quantity::bit_rate(measurement.bits_per_second(subject.plan.length)?);
    let messages = quantity::amount(measurement.messages_per_second()?);
    Some(format!("echo rate {bits}, {messages} messages/s"))
}

/// One row of times; where a rate was planned, one from sending and one from the plan.
fn percentile_table(measurement: &Measurement) -> Vec<String> {
    let connecting = measurement.connecting.as_ref().map(|times| ("connect", times));
    let rows = match &measurement.response {
        None => vec![("message", &measurement.times)],
        Some(response) => vec![("service", &measurement.times), ("response", response)],
    };
    let rows: Vec<_> = rows.into_iter().chain(connecting).collect();
    let first = if rows.len() > 1 { COLUMN } else { 0 };
    let line = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:<COLUMN$}")).collect();
        let name = if first > 0 { name } else { "" };
        format!("   {name:<first$}{}", cells.trim_end())
    };
    let shown = || PERCENTILES.into_iter().filter(|(name, _)| *name != "p99.999");
    let names = shown().map(|(name, _)| name.to_owned()).chain(["max".to_owned()]);
    let mut lines = vec![line("", names.collect())];
    for (name, times) in rows {
        let Some(slowest) = times.slowest() else { continue };
        let values = shown().map(|(_, one_in)| percentiles::percentile(times, one_in));
        let cells =
            values.chain([Some(slowest)]).map(|time| time.map_or("n/a".into(), quantity::duration));
        lines.push(line(name, cells.collect()));
    }
    if lines.len() > 1 { lines } else { Vec::new() }
}

/// How well the schedule was kept.
fn schedule(measurement: &Measurement) -> Option<String> {
    let late = measurement.late.as_ref()?;
    let word = |time: Option<Duration>| time.map_or("n/a".into(), quantity::duration);
    let [p99, max] = [percentiles::percentile(late, P99), late.slowest()].map(word);
    let mut line = format!("sent after they were due: p99 {p99}, max {max}");
    if measurement.unsent > 0 {
        let _ = write!(line, "; {} due and never sent", quantity::count(measurement.unsent));
    }
    Some(line)
}

/// What the kernel saw of the same connections.
fn kernel(measurement: &Measurement) -> Option<String> {
    let kernel = measurement.kernel?;
    let (srtt, again) =
        (quantity::duration(kernel.srtt), quantity::counted(kernel.retransmits, "segment"));
    Some(format!("kernel: smoothed rtt {srtt}, {again} retransmitted"))
}

/// What of the times is the instrument's own.
fn instrument(measurement: &Measurement) -> Option<String> {
    let instrument = measurement.instrument?;
    let clock = quantity::duration(instrument.clock);
    let floor = instrument.floor.map(|floor| format!("{} a message, ", quantity::duration(floor)));
    Some(format!("instrument: {}clock {clock}", floor.unwrap_or_default()))
}

/// What happened to echoes with wrong bytes: `2 stale (from message k-1 at byte 992)`.
fn wrong(measurement: &Measurement) -> Option<String> {
    let sorts: Vec<_> = measurement
        .wrong
        .sorts()
        .map(|(first, n)| {
            let (count, place) = (quantity::count(*n), place(first));
            format!("{count} {} ({place})", first.fault.as_str())
        })
        .collect();
    (!sorts.is_empty()).then(|| format!("wrong bytes: {}", sorts.join(", ")))
}

/// Where the first of a sort was wrong, and what was there instead.
fn place(first: &Difference) -> String {
    let Difference { message, offset, expected, received, fault } = *first;
    let what = match fault {
        Fault::Stale(from) => {
            format!("from message k-{} at byte {}", message - from.message, from.offset)
        }
        Fault::Crossed(from) => format!("from connection {}", from.connection),
        Fault::Skipped { bytes } => format!("{} missing", quantity::counted(bytes, "byte")),
        Fault::Repeated { bytes } => format!("the last {} again", quantity::counted(bytes, "byte")),
        Fault::Flipped => format!("bits 0x{:02x}", expected ^ received),
        Fault::Foreign => format!("0x{received:02x} instead of 0x{expected:02x}"),
    };
    format!("first in message {message} at byte {offset}: {what}")
}

/// The first failures one by one, and why the run ended before its plan.
fn incidents(measurement: &Measurement) -> Vec<String> {
    let mut lines: Vec<_> = measurement
        .incidents
        .iter()
        .map(|incident| {
            let Incident { at, connection, failure, errno } = incident;
            let at = quantity::duration(*at);
            // Other failures say all that there is to know.
            let open = matches!(failure, Failure::Unreachable | Failure::Local);
            let said = errno.filter(|_| open).map(|errno| format!(": {}", reason(&errno.into())));
            format!("after {at}, connection {connection}: {failure}{}", said.unwrap_or_default())
        })
        .collect();
    let more = measurement.tally.failures() - measurement.incidents.len() as u64;
    if more > 0 {
        lines.push(format!("and {} more", quantity::counted(more, "failure")));
    }
    if measurement.ended == Ended::Failed {
        lines.push("stopped at the first failure (fail-rate goes on after failures)".into());
    }
    lines
}
