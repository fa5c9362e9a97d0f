//! The progress texts of the two instruments.

use echo_core::Tally;

use crate::measurement::Measurement;
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::quantity;

/// The texts of one of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// One line, as the original program had it.
    pub(super) line: fn(&Measurement, u64) -> String,
    /// What the line of the rate ends with on a terminal.
    pub(super) success: fn(&Measurement) -> [String; 2],
}

impl Words {
    pub(super) const RATE: Self = Self { line: rate_line, success: |_| Default::default() };
    pub(super) const FAIL_RATE: Self = Self { line: fail_rate_line, success };
}

/// The number of recent messages that `fail-rate` reports on.
const WINDOW: u32 = 10;

/// The line of `rate`, which begins as in the original program.
fn rate_line(measurement: &Measurement, length: u64) -> String {
    let bits = quantity::bit_rate(measurement.bits_per_second(length).unwrap_or_default());
    let per_second = quantity::amount(measurement.messages_per_second().unwrap_or_default());
    let mut line = format!("Echo rate: {bits}, {per_second} messages/s");
    for (name, times) in measurement.named() {
        let [p50, p99] = [MEDIAN, P99]
            .map(|one_in| percentile(times, one_in).map_or("n/a".into(), quantity::duration));
        line.push_str(&format!("   {name} p50 {p50}  p99 {p99}"));
    }
    format!("{line}{}", counts(measurement))
}

/// How many messages there are, and how far behind its schedule the run is.
fn counts(measurement: &Measurement) -> String {
    let tally = &measurement.tally;
    let messages = quantity::counted(tally.messages(), "message");
    let [failed, unsent] = [tally.failures(), measurement.unsent].map(quantity::count);
    let behind = if measurement.unsent > 0 { format!("   {unsent} unsent") } else { String::new() };
    format!("   {messages}   {failed} failed{behind}")
}

/// The shares of the last ten messages that came back, which reacts at once, and of all messages. The
/// first begins as in the original program.
fn success(measurement: &Measurement) -> [String; 2] {
    let tally = &measurement.tally;
    let recent = tally.recent(WINDOW).unwrap_or(1.0) * 100.0;
    [format!("Success rate: {recent:.1}% (last {WINDOW})"), format!("all: {}", echoed(tally))]
}

/// The share of messages that were echoed.
fn echoed(tally: &Tally) -> String {
    quantity::share(1.0 - tally.fail_rate().unwrap_or_default())
}

fn fail_rate_line(measurement: &Measurement, _length: u64) -> String {
    format!("{}{}", success(measurement).join("   "), counts(measurement))
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;
    use insta::assert_snapshot;

    use super::*;
    use crate::made_up::{MadeUp, spread};
    use crate::plan::Plan;

    #[test]
    fn a_line_of_the_rate() {
        let mut made = MadeUp::new(Plan { length: 1000, ..Plan::new() }, 2_000);
        let line = |made: &MadeUp| (Words::RATE.line)(&made.run, made.plan.length);
        assert_snapshot!(line(&made), @"Echo rate: 0 bit/s, 0 messages/s   rtt p50 n/a  p99 n/a   0 messages   0 failed");
        made.echoes(spread(24_680, 71));
        assert_snapshot!(line(&made), @"Echo rate: 98.7 Mbit/s, 12 340 messages/s   rtt p50 80.0 µs  p99 90.0 µs   24 680 messages   0 failed");
        assert_eq!((Words::RATE.success)(&made.run), ["", ""]);
        made.run.response = Some(made.run.times.clone());
        assert_snapshot!(line(&made), @"Echo rate: 98.7 Mbit/s, 12 340 messages/s   service p50 80.0 µs  p99 90.0 µs   response p50 80.0 µs  p99 90.0 µs   24 680 messages   0 failed");
    }

    #[test]
    fn a_line_of_the_fail_rate() {
        let mut made = MadeUp::new(Plan { keep_going: true, ..Plan::new() }, 2_000);
        let line = |made: &MadeUp| (Words::FAIL_RATE.line)(&made.run, made.plan.length);
        assert_snapshot!(line(&made), @"Success rate: 100.0% (last 10)   all: 100 %   0 messages   0 failed");
        made.echoes(spread(24_680, 71));
        (0..3).for_each(|_| made.fails(1_000, 0, Failure::Reset));
        assert_snapshot!(line(&made), @"Success rate: 70.0% (last 10)   all: 99.988 %   24 683 messages   3 failed");
        let parts = ["Success rate: 70.0% (last 10)", "all: 99.988 %"];
        assert_eq!((Words::FAIL_RATE.success)(&made.run), parts);
    }
}
