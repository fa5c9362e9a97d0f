//! The totals of a server that still runs, as Prometheus reads them: its text format, version 0.0.4.
//!
//! The format is a few lines, and no name or value comes from outside. OpenMetrics, which the crate
//! `prometheus-client` writes, would have one name for `echo_connections` and `echo_connections_total`.

use std::fmt::Write;
use std::time::Duration;

use super::Totals;

/// The media type of the text.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text for a server that has done this so far, and that started this long after 1970.
pub(super) fn exposition(totals: &Totals, started: Duration) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let one = |value: f64| [(String::new(), value)];
    let count = |n: u64| n as f64;
    family("echo_connections", "gauge", "Connections that are open.", &one(count(totals.open())));
    family(
        "echo_connections_total",
        "counter",
        "Connections that were accepted.",
        &one(count(totals.opened)),
    );
    family("echo_bytes_total", "counter", "Bytes that were echoed.", &one(count(totals.bytes)));
    let ends: Vec<_> = totals
        .ends()
        .map(|(word, n)| (format!("{{reason=\"{}\"}}", word.replace(' ', "_")), count(n)))
        .collect();
    family(
        "echo_sessions_ended_total",
        "counter",
        "Sessions that ended, by the reason; a probe left without having sent anything.",
        &ends,
    );
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    family("echo_build_info", "gauge", "The version of the server.", &[(version, 1.0)]);
    family(
        "process_start_time_seconds",
        "gauge",
        "When the server started, in seconds since 1970.",
        &one(started.as_secs_f64()),
    );
    text
}

#[cfg(test)]
mod tests {
    use echo_core::CloseReason;

    use super::super::{Counters, End};
    use super::*;

    #[test]
    fn each_count_has_its_help_its_type_and_its_value() {
        let counters = Counters::default();
        (0..3).for_each(|_| counters.open());
        counters.echo(1 << 40);
        counters.end(0, &End::Closed(CloseReason::Disconnected));
        counters.end(5, &End::CutOff);
        let text = exposition(&counters.totals(), Duration::from_millis(1_500));
        insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }
}
