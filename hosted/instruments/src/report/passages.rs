//! Where the time of a round trip goes, in words and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::measurement::Measurement;
use crate::measurement::passages::Passages;
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::measurement::times::Times;
use crate::quantity;

/// A line on the messages that were followed, or why none was.
pub(super) fn text(measurement: &Measurement) -> Option<String> {
    let passages = measurement.passages.as_ref()?;
    let messages = quantity::counted(passages.whole.len(), "message");
    let whole = passages.whole.mean().map(quantity::duration).unwrap_or_default();
    Some(match (means(passages), &passages.unseen) {
        (Some([sending, away, waking]), _) => format!(
            "where the time goes (mean of {messages}, {whole}): {sending} to send, {away} from kernel to \
             kernel, {waking} to wake up and read"
        ),
        (None, Some(why)) => format!("where the time goes is not known: {why}"),
        (None, None) => "where the time goes is not known: no message was followed".into(),
    })
}

/// The mean of each part, in words; they add up to the mean round trip of these messages.
pub(crate) fn means(passages: &Passages) -> Option<[String; 3]> {
    let [sending, away, waking] = [&passages.sending, &passages.away, &passages.waking];
    let mean = |times: &Times| times.mean().map(quantity::duration);
    Some([mean(sending)?, mean(away)?, mean(waking)?])
}

/// For programs.
pub(super) fn json(measurement: &Measurement) -> Option<Value> {
    let passages = measurement.passages.as_ref()?;
    let nanos = |time: Option<Duration>| time.map(|time| time.as_nanos() as u64);
    let part = |times: &Times| {
        json!({
            "mean": nanos(times.mean()),
            "p50": nanos(percentile(times, MEDIAN)),
            "p99": nanos(percentile(times, P99)),
            "max": nanos(times.slowest()),
        })
    };
    Some(json!({
        "messages": passages.whole.len(),
        "lost": passages.lost,
        "reason": passages.unseen,
        "error_ns": passages.error.as_nanos() as u64,
        "sending_ns": part(&passages.sending),
        "kernel_to_kernel_ns": part(&passages.away),
        "waking_ns": part(&passages.waking),
        "round_trip_ns": part(&passages.whole),
    }))
}

#[cfg(test)]
mod tests {
    use echo_core::Instant;

    use super::*;
    use crate::plan::Plan;
    use crate::stack::Passage;

    #[test]
    fn the_parts_are_told_or_why_there_are_none() {
        let mut out = Measurement::of(&Plan { follows: true, ..Plan::new() });
        assert_eq!(
            text(&out).unwrap_or_default(),
            "where the time goes is not known: no message was followed"
        );
        let passages = out.passages.as_mut().expect("asked for");
        let at = |micros| Instant::START + Duration::from_micros(micros);
        let way = Passage { sent: at(105), received: at(123), within: Duration::ZERO };
        passages.record(at(100), Duration::from_micros(70), Some(way));
        assert_eq!(
            text(&out).unwrap_or_default(),
            "where the time goes (mean of 1 message, 70.0 µs): 5.00 µs to send, 18.0 µs from kernel to kernel, \
             47.0 µs to wake up and read"
        );
        let json = json(&out).expect("asked for");
        assert_eq!(json["kernel_to_kernel_ns"]["mean"], 18_000);
        assert_eq!(text(&Measurement::of(&Plan::new())), None);
    }
}
