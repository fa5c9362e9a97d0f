//! The report that programs read.

mod runs;

use std::net::IpAddr;
use std::time::Duration;

use echo_core::FailureKind;
use serde_json::{Map, Value, json};

use super::environment::{environment, host};
use super::{
    Subject, datagrams, distribution, effort, independence, key, loss, passages, spacing,
    stationarity,
};
use crate::args::Label;
use crate::measurement::blocks::{self, Blocks};
use crate::measurement::percentiles::{self, MEDIAN, P99, PERCENTILES};
use crate::measurement::times::Times;
use crate::measurement::{Ended, Measurement, bits};
use crate::plan::Pace;
use crate::stack::Kernel;
use crate::target;

/// Version of the shape below: the number changes when a reader may break.
pub(crate) const SCHEMA: &str = "hosted/1";

/// The closing report as one object. What is not known is null, never NaN.
#[must_use]
pub fn json(subject: &Subject<'_>, measurement: &Measurement) -> Value {
    let plan = subject.plan;
    let tally = &measurement.tally;
    let blocks = Blocks::of(measurement);
    let fail_rate = blocks::fail_rate(measurement);
    let rate = blocks.as_ref().and_then(Blocks::messages_per_second);
    let (service, response) = match measurement.response {
        None => (blocks.as_ref(), None),
        Some(_) => (None, blocks.as_ref()),
    };
    let failed: Map<_, _> = FailureKind::ALL
        .into_iter()
        .map(|kind| (key(kind).to_owned(), tally.failed(kind).into()))
        .collect();
    let about = json!({
        "schema": SCHEMA,
        "tool": subject.program,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "command": subject.command,
        "host": host(),
        "labels": labels(subject.labels),
        "complete": measurement.ended == Ended::AsPlanned,
        "started": started(measurement),
        "target": {
            "name": subject.name,
            "ip": target::ip(subject.address),
            "port": subject.address.port(),
            "protocol": plan.protocol.as_str(),
        },
        "config": config(subject),
    });
    let numbers = json!({
        "elapsed_s": measurement.elapsed.as_secs_f64(),
        "sent": measurement.sent(),
        "echoed": tally.echoed(),
        "failed": failed,
        "datagrams": datagrams::json(measurement),
        "wrong": measurement.wrong.sorts().map(|sort| json!({
            "what": sort.first.fault.as_str(),
            "byte": sort.overwritten_by(),
            "messages": sort.messages,
            "first_message": sort.first.message,
            "first_offset": sort.first.offset,
        })).collect::<Vec<_>>(),
        "under_way": {
            "messages": measurement.under_way.len(),
            "longest_ns": measurement.under_way.iter().max().map(|time| nanos(*time)),
        },
        "closed_while_idle": measurement.closed_while_idle,
        "interrupted": {
            "messages": measurement.interrupted,
            "stops": measurement.stops.times,
            "stopped_ns": nanos(measurement.stops.total),
        },
        "fail_rate": tally.fail_rate(),
        "fail_rate_interval95": fail_rate,
        "fail_rate_upper95": fail_rate.map(|(_, high)| high),
        "service_ns": times(&measurement.times, service),
        "response_ns": measurement.response.as_ref().map(|felt| times(felt, response)),
        "response_with_failures": loss::percentiles_json(measurement),
        "within": loss::within_json(measurement),
        "connect_ns": measurement.connecting.as_ref().map(|connecting| times(connecting, None)),
        "late_ns": measurement.late.as_ref().map(|late| times(late, None)),
        "unsent": measurement.unsent,
        "omitted": measurement.omitted,
        "arrivals": spacing::json(measurement),
        "rate_bps": measurement.bits_per_second(plan.length),
        "rate_bps_interval95": rate.map(|ends| ends.map(|messages| bits(messages, plan.length))),
        "messages_per_s": measurement.messages_per_second(),
        "independence": independence::json(measurement),
        "stationary": stationarity::json(measurement),
        "intervals_of": if measurement.response.is_some() { "response" } else { "service" },
        "intervals": intervals(subject, measurement),
        "where": passages::json(measurement),
        "tcp_info": measurement.kernel.map(tcp_info),
        "local_ports": measurement.ports.map(|ports| json!({
            "all": ports.all,
            "time_wait": ports.resting,
        })),
        "self": own(measurement),
        "search": null,
        "environment": environment(),
    });
    let parts = [about, numbers, runs::runs(subject, measurement).into()];
    let parts = parts.into_iter().filter_map(|part| match part {
        Value::Object(part) => Some(part),
        _ => None,
    });
    parts.flatten().collect::<Map<_, _>>().into()
}

/// When it began, in UTC and as exactly as clocks of several machines agree at best.
pub(super) fn started(measurement: &Measurement) -> String {
    humantime::format_rfc3339_micros(measurement.started).to_string()
}

fn labels(labels: &[Label]) -> Value {
    labels.iter().map(|Label { key, value }| (key.clone(), Value::from(value.clone()))).collect()
}

/// What the kernel says of its connections.
fn tcp_info(kernel: Kernel) -> Value {
    json!({
        "retransmits": kernel.retransmits,
        "srtt_us": kernel.srtt.as_micros() as u64,
        "min_rtt_us": kernel.min_rtt.map(|time| time.as_micros() as u64),
    })
}

/// The instrument itself.
fn own(measurement: &Measurement) -> Value {
    let instrument = measurement.instrument;
    let late = measurement.late.as_ref().and_then(|late| percentiles::percentile(late, P99));
    json!({
        "clock_ns": instrument.map(|instrument| nanos(instrument.clock)),
        "clock_resolution_ns": instrument.map(|instrument| nanos(instrument.resolution)),
        "late_p99_ns": late.map(nanos),
        "floor_ns": instrument.and_then(|instrument| instrument.floor).map(nanos),
        "limited_by": effort::limits(measurement),
        "effort": effort::json(measurement),
    })
}

/// The load that was asked for; what was not is null.
fn config(subject: &Subject<'_>) -> Value {
    let plan = subject.plan;
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let (pace, interval, rate) = match plan.pace {
        Pace::Closed => ("closed", None, None),
        Pace::Interval(interval) => ("interval", Some(interval), None),
        Pace::Rate(per_second) => ("rate", None, Some(per_second)),
    };
    let mut config = json!({
        "message_bytes": plan.length,
        "payload": subject.payload,
        "connections": plan.connections,
        "connection_per_message": plan.per_message,
        "reset": plan.reset,
        "bind": subject.sources.iter().map(IpAddr::to_string).collect::<Vec<_>>(),
        "pace": pace,
        "interval_s": seconds(interval),
        "rate_per_s": rate,
        "arrivals": rate.map(|_| spacing::kind(plan.arrivals)),
        "omit_s": plan.omit.as_secs_f64(),
        "count": plan.count,
        "time_s": seconds(plan.time),
        "timeout_s": seconds(plan.limit),
        "spin_s": seconds((plan.spin < Duration::MAX).then_some(plan.spin)),
    });
    if plan.repeat > 1 {
        config["repeat"] = plan.repeat.into();
    }
    config
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

/// The course of the run; its times are from a coarser histogram, to 6 %.
fn intervals(subject: &Subject<'_>, measurement: &Measurement) -> Vec<Value> {
    let mut timeline = measurement.timeline.clone();
    // It ends with the last message; the time after it belongs to the run.
    let whole = |width: Duration| measurement.elapsed.as_nanos().div_ceil(width.as_nanos());
    while whole(timeline.column_width()) > INTERVALS {
        timeline.widen();
    }
    let width = timeline.column_width();
    let whole = whole(width) as usize;
    timeline.resize(whole);
    let columns = timeline.columns().take(whole).zip(0_u32..).map(|(column, number)| {
        let start = width * number;
        let end = measurement.elapsed.min(start + width);
        let seconds = end.saturating_sub(start).as_secs_f64();
        let rate = (seconds > 0.0).then(|| column.echoed() / seconds);
        let quantile = |one_in: u64| {
            let supported = column.round_trips() >= one_in;
            let value = column.quantile(1.0 - 1.0 / one_in as f64).filter(|_| supported);
            value.map(|value| value as u64)
        };
        json!({
            "start_s": start.as_secs_f64(),
            "end_s": end.as_secs_f64(),
            "echoed": column.round_trips(),
            "failed": column.failures(),
            "messages_per_s": rate,
            "rate_bps": rate.map(|rate| bits(rate, subject.plan.length)),
            "p50_ns": quantile(MEDIAN),
            "p99_ns": quantile(P99),
        })
    });
    columns.collect()
}

/// The most intervals of a report.
const INTERVALS: u128 = 120;

/// The times with the confidence intervals of the `blocks`, if those belong to these times, and with their distribution.
fn times(times: &Times, blocks: Option<&Blocks<'_>>) -> Value {
    let ends = |ends: Option<[Duration; 2]>| json!(ends.map(|ends| ends.map(nanos)));
    let percentiles = PERCENTILES.into_iter().map(|(name, one_in)| {
        (name.replace('.', "_"), ends(blocks.and_then(|blocks| blocks.percentile(one_in))))
    });
    let mean = ("mean".to_owned(), ends(blocks.and_then(Blocks::mean)));
    let mut out = numbers(times);
    out.insert("interval95".into(), percentiles.chain([mean]).collect::<Map<_, _>>().into());
    distribution::add(&mut out, times);
    out.into()
}

/// The times without an interval.
pub(super) fn numbers(times: &Times) -> Map<String, Value> {
    let nanos = |time: Option<Duration>| Value::from(time.map(nanos));
    let mut out = Map::new();
    out.insert("n".into(), times.len().into());
    out.insert("min".into(), nanos(times.fastest()));
    out.insert("mean".into(), nanos(times.mean()));
    out.insert("stdev".into(), nanos(times.deviation()));
    for (name, one_in) in PERCENTILES {
        out.insert(name.replace('.', "_"), nanos(percentiles::percentile(times, one_in)));
    }
    out.insert("max".into(), nanos(times.slowest()));
    out
}
