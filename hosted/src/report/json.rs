//! The report that programs read.

use std::time::Duration;

use echo_core::FailureKind;
use serde_json::{Map, Value, json};

use super::Subject;
use super::confidence::fail_rate_interval;
use crate::load::{Ended, Measurement};
use crate::percentiles::{self, PERCENTILES};
use crate::times::Times;

/// Version of the shape below: the number changes when a reader may break.
const SCHEMA: &str = "hosted/1";

/// The closing report as one object. What is not known is null, never NaN.
#[must_use]
pub fn json(subject: &Subject, measurement: &Measurement) -> Value {
    let tally = &measurement.tally;
    let interval = fail_rate_interval(tally.failures(), tally.messages());
    let failed: Map<_, _> = FailureKind::ALL
        .into_iter()
        .map(|kind| (key(kind).to_owned(), tally.failed(kind).into()))
        .collect();
    json!({
        "schema": SCHEMA,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "command": subject.command,
        "complete": measurement.ended == Ended::AsPlanned,
        "started": humantime::format_rfc3339_seconds(measurement.started).to_string(),
        "target": {
            "name": subject.name,
            "ip": subject.address.ip().to_string(),
            "port": subject.address.port(),
            "protocol": "tcp",
        },
        "config": {
            "message_bytes": subject.length,
            "connections": subject.connections,
            "pace": "closed loop",
            "payload": subject.payload,
        },
        "elapsed_s": measurement.elapsed.as_secs_f64(),
        "sent": tally.messages(),
        "echoed": tally.echoed(),
        "failed": failed,
        "fail_rate": tally.fail_rate(),
        "fail_rate_upper95": interval.map(|(_, high)| high),
        "service_ns": times(&measurement.times),
        "response_ns": null,
        "rate_bps": measurement.bits_per_second(subject.length),
        "messages_per_s": measurement.messages_per_second(),
    })
}

fn times(times: &Times) -> Value {
    let nanos = |time: Option<Duration>| time.map(|time| time.as_nanos() as u64);
    let mut out = Map::new();
    out.insert("n".into(), times.len().into());
    out.insert("min".into(), nanos(times.fastest()).into());
    out.insert("mean".into(), nanos(times.mean()).into());
    out.insert("stdev".into(), nanos(times.deviation()).into());
    for (name, one_in) in PERCENTILES {
        let value = percentiles::percentile(times, one_in);
        out.insert(name.replace('.', "_"), nanos(value).into());
    }
    out.insert("max".into(), nanos(times.slowest()).into());
    out.into()
}

const fn key(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::TimedOut => "timeout",
        FailureKind::Refused => "refused",
        FailureKind::Reset => "reset",
        FailureKind::ClosedEarly => "closed_early",
        FailureKind::Differs => "differs",
        FailureKind::Extra => "extra",
        FailureKind::Unreachable => "unreachable",
        FailureKind::Local => "local",
    }
}
