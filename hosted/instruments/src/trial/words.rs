//! How the two instruments word their progress.

use crate::measurement::Measurement;
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::quantity;

/// The words of one of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// One line, as the original program had it.
    pub(super) line: fn(&Measurement, u64) -> String,
    /// What the line of the rate ends with on a terminal.
    pub(super) success: fn(&Measurement) -> String,
}

impl Words {
    pub(super) const RATE: Self = Self { line: rate_line, success: |_| String::new() };
    pub(super) const FAIL_RATE: Self =
        Self { line: fail_rate_line, success: |now| format!("   {}", success(now)) };
}

/// How many of the last messages `fail-rate` speaks of.
const WINDOW: u32 = 10;

/// As the original program worded it, and more.
fn rate_line(measurement: &Measurement, length: u64) -> String {
    let bits = measurement.bits_per_second(length).unwrap_or_default();
    let (kbps, mbps) = (bits / 1e3, bits / 1e6);
    let [p50, p99] = [MEDIAN, P99].map(|one_in| {
        percentile(measurement.felt(), one_in).map_or("n/a".into(), quantity::duration)
    });
    let times = measurement.felt_name();
    let messages = quantity::count(measurement.tally.messages());
    let failed = quantity::count(measurement.tally.failures());
    format!(
        "Echo rate: {kbps:.1} Kbps, {mbps:.1} Mbps   {times} p50 {p50}  p99 {p99}   \
         {messages} messages   {failed} failed"
    )
}

/// As the original program worded it.
fn success(measurement: &Measurement) -> String {
    let recent = measurement.tally.recent(WINDOW).unwrap_or(1.0) * 100.0;
    format!("Success rate: {recent:.1}%")
}

fn fail_rate_line(measurement: &Measurement, _length: u64) -> String {
    let tally = &measurement.tally;
    let overall = tally.fail_rate().map_or(1.0, |rate| 1.0 - rate) * 100.0;
    let [messages, failed] = [tally.messages(), tally.failures()].map(quantity::count);
    let recent = success(measurement);
    format!("{recent}   overall {overall:.3}%   {messages} messages   {failed} failed")
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
        assert_snapshot!(line(&made), @"Echo rate: 0.0 Kbps, 0.0 Mbps   rtt p50 n/a  p99 n/a   0 messages   0 failed");
        made.echoes(spread(24_680, 71));
        assert_snapshot!(line(&made), @"Echo rate: 98720.0 Kbps, 98.7 Mbps   rtt p50 80.0 µs  p99 90.0 µs   24 680 messages   0 failed");
        assert_eq!((Words::RATE.success)(&made.run), "");
        made.run.response = Some(made.run.times.clone());
        assert_snapshot!(line(&made), @"Echo rate: 98720.0 Kbps, 98.7 Mbps   response p50 80.0 µs  p99 90.0 µs   24 680 messages   0 failed");
    }

    #[test]
    fn a_line_of_the_fail_rate() {
        let mut made = MadeUp::new(Plan { keep_going: true, ..Plan::new() }, 2_000);
        let line = |made: &MadeUp| (Words::FAIL_RATE.line)(&made.run, made.plan.length);
        assert_snapshot!(line(&made), @"Success rate: 100.0%   overall 100.000%   0 messages   0 failed");
        made.echoes(spread(24_680, 71));
        (0..3).for_each(|_| made.fails(1_000, 0, Failure::Reset));
        assert_snapshot!(line(&made), @"Success rate: 70.0%   overall 99.988%   24 683 messages   3 failed");
        assert_eq!((Words::FAIL_RATE.success)(&made.run), "   Success rate: 70.0%");
    }
}
