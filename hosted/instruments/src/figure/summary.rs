//! The summary of a run in numbers: three large ones, and a row for each of the others.
//!
//! There is a row only for what happened, except that failures always have one.

use std::cmp::Reverse;

use plotters_backend::DrawingBackend;

use super::Run;
use super::panels::{HALF_A_LETTER, Quantity, RIGHT};
use super::style::{Drawn, FAILED, FIGURE, GRID, LABEL, Page, Type, VALUE, stroke};
use crate::measurement::Measurement;
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::measurement::times::Times;
use crate::quantity::{self, amount, bit_rate, bytes, count, counted, duration, ratio};
use crate::report::{self, datagrams, passages};

impl<DB: DrawingBackend> Page<DB> {
    pub(super) fn summary(&self, run: Run<'_>) -> Drawn<DB> {
        let times = run.measurement.felt();
        let [median, p99] = Quantity::of(run.measurement).percentiles();
        let large = [
            (word(run.mean_rate().map(bit_rate)), "mean echo rate".to_owned()),
            (time(times, MEDIAN), median.to_owned()),
            (time(times, P99), p99.to_owned()),
        ];
        self.large(large)?;
        self.rows(rows(run))
    }

    /// Three large numbers and their names.
    pub(super) fn large(&self, large: [(String, String); 3]) -> Drawn<DB> {
        for (x, (number, name)) in [956.0, 1136.0, 1287.0].into_iter().zip(large) {
            self.left(FIGURE, x, 146.0, &number)?;
            self.left(LABEL, x, 168.0, &name)?;
        }
        Ok(())
    }

    /// A row for each number that is not large.
    pub(super) fn rows(&self, rows: Vec<Row>) -> Drawn<DB> {
        // A few rows end where the panel beside them ends, many where the next panel begins.
        let bottom = if rows.len() > 7 { 331.0 } else { 305.0 };
        let pitch = (bottom - TOP) / (rows.len() - 1) as f64;
        for (i, Row { name, value, kind }) in (0_u8..).zip(rows) {
            let baseline = TOP + pitch * f64::from(i);
            let rule = baseline - HALF_A_LETTER - pitch / 2.0;
            self.line(&RIGHT.map(|x| (x, rule)), stroke(GRID, 1.0))?;
            self.left(LABEL, RIGHT[0], baseline, name)?;
            self.right(kind, RIGHT[1], baseline, &value)?;
        }
        Ok(())
    }
}

/// The baseline of the first row.
const TOP: f64 = 197.0;

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) value: String,
    kind: Type,
}

pub(super) fn row(name: &'static str, value: String) -> Row {
    Row { name, value, kind: VALUE }
}

impl Row {
    /// The row of failures that happened.
    pub(super) fn failed(value: String) -> Self {
        Self { name: "Failed", value, kind: FAILED }
    }
}

const PAYLOAD: &str = "Payload echoed";

/// So many rows have 17 pixels each.
const MOST: usize = 9;

fn rows(run: Run<'_>) -> Vec<Row> {
    let Run { subject, measurement } = run;
    let echoes = measurement.tally.echoed();
    let quantity = Quantity::of(measurement);
    let mut rows = vec![
        row("Echoes", count(echoes)),
        row("Echoes per second", word(measurement.messages_per_second().map(amount))),
        row(PAYLOAD, bytes(echoes.saturating_mul(subject.plan.length))),
        row(quantity.fastest(), word(measurement.felt().fastest().map(duration))),
    ];
    if measurement.response.is_some() {
        let [median, p99] = [MEDIAN, P99].map(|one_in| time(&measurement.times, one_in));
        rows.push(row("Service time, p50 and p99", format!("{median}, {p99}")));
    }
    rows.push(failed(measurement).0);
    if let Some(together) = &measurement.together {
        let (time, share) = together.overlap();
        rows.push(row(
            "Time shared by all hosts",
            format!("{} ({})", duration(time), quantity::share(share)),
        ));
    }
    let besides = datagrams::besides(measurement);
    if !besides.is_empty() {
        let told = besides.into_iter().map(|(class, n)| format!("{} {}", count(n), class.worded()));
        rows.push(row("Besides", told.collect::<Vec<_>>().join(", ")));
    }
    if measurement.unsent > 0 {
        // They are counted neither in the times nor in the failures.
        let share = measurement.unsent_rate().map(ratio).unwrap_or_default();
        let unsent = format!("{} ({share})", count(measurement.unsent));
        rows.push(row("Due but never sent", unsent));
    }
    if let Some(parts) = measurement.passages.as_deref().and_then(passages::means) {
        rows.push(row("Send, kernel to kernel, wake up", parts.join(", ")));
    }
    rows.extend(without_end(measurement));
    if rows.len() > MOST {
        // It follows from the number of echoes.
        rows.retain(|row| row.name != PAYLOAD);
    }
    rows
}

/// Messages that neither came back nor failed.
pub(super) fn without_end(measurement: &Measurement) -> impl Iterator<Item = Row> {
    let waited = measurement.under_way.iter().copied().max();
    // A wait that is no longer than some round trip is not worth showing.
    let waited = waited.filter(|waited| Some(*waited) > measurement.felt().slowest());
    let in_flight = waited.map(|waited| {
        let messages = counted(measurement.under_way.len() as u64, "message");
        let up_to = if measurement.under_way.len() == 1 { "" } else { "up to " };
        row("In flight at the end", format!("{messages}, for {up_to}{}", duration(waited)))
    });
    let (stops, interrupted) = (measurement.stops, measurement.interrupted);
    let interrupted = (stops.times > 0 || interrupted > 0).then(|| {
        let messages = counted(interrupted, "message");
        let stops = format!("{} of {}", counted(stops.times, "stop"), duration(stops.total));
        row("Interrupted", format!("{messages}, {stops}"))
    });
    in_flight.into_iter().chain(interrupted)
}

/// How many messages failed, their share, and why, the most frequent reason first. Reasons for which the row has
/// no room are returned separately.
pub(super) fn failed(measurement: &Measurement) -> (Row, Option<String>) {
    const NAME: &str = "Failed";
    let tally = &measurement.tally;
    let mut reasons = report::failures(measurement);
    let Some(share) = tally.fail_rate().filter(|_| !reasons.is_empty()).map(ratio) else {
        return (row(NAME, "none".to_owned()), None);
    };
    reasons.sort_by_key(|(_, n)| Reverse(*n));
    let reasons: Vec<_> =
        reasons.iter().map(|(reason, n)| format!("{} {reason}", count(*n))).collect();
    let (all, why) = (format!("{} ({share})", count(tally.failures())), reasons.join(", "));
    let both = format!("{all}: {why}");
    let room = RIGHT[1] - RIGHT[0] - LABEL.width(NAME) - 20.0;
    let (value, why) = if FAILED.width(&both) <= room { (both, None) } else { (all, Some(why)) };
    (Row { name: NAME, value, kind: FAILED }, why)
}

fn word(number: Option<String>) -> String {
    number.unwrap_or_else(|| "n/a".to_owned())
}

fn time(times: &Times, one_in: u64) -> String {
    word(percentile(times, one_in).map(duration))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use echo_core::{Failure, Instant};

    use super::*;
    use crate::made_up::MadeUp;
    use crate::measurement::Sample;
    use crate::plan::{Pace, Plan};
    use crate::stack::{Passage, Stops};

    #[test]
    fn there_is_room_for_all_that_can_be_said() {
        let plan = Plan { pace: Pace::Rate(1e3), keep_going: true, follows: true, ..Plan::new() };
        let mut made = MadeUp::new(plan, 10_000);
        made.echoes((0..10_000).map(|_| 80));
        for (n, reason) in (0..).zip([Failure::Local, Failure::Unreachable, Failure::Reset]) {
            (0..1_000).for_each(|i| made.fails(n * 1_000 + i, 0, reason));
        }
        made.run.unsent = 123_456_789;
        made.run.under_way = vec![Duration::from_millis(999_900); 65_535];
        let sample = Sample::new(Duration::ZERO, 0, Err(Failure::Reset));
        (0..65_535).for_each(|_| made.ends(Sample { interrupted: true, ..sample }));
        made.run.stops = Stops { times: 1_000, total: Duration::from_secs(86_400) };
        let passages = made.run.passages.as_mut().expect("asked for");
        let [sent, received] = [88_800, 177_600].map(Duration::from_micros);
        let [sent, received] = [sent, received].map(|at| Instant::START + at);
        let passage = Passage { sent, received, within: Duration::ZERO };
        passages.record(Instant::START, Duration::from_micros(266_400), Some(passage));
        let rows = rows(Run { subject: &made.subject(), measurement: &made.run });
        assert_eq!(rows.len(), MOST);
        for Row { name, value, kind } in rows {
            let width = LABEL.width(name) + 20.0 + kind.width(&value);
            assert!(width < RIGHT[1] - RIGHT[0], "{name} {value}");
        }
    }
}
