//! The totals of a server that still runs, as Prometheus reads them: its text format, version 0.0.4.
//!
//! The format is a few lines, and no name or value comes from outside. OpenMetrics, which the crate
//! `prometheus-client` writes, would have one name for `echo_connections` and `echo_connections_total`.

use std::fmt::Write;
use std::time::Duration;

use echo_core::datagram::Unanswered;

use super::{Dropped, Totals};

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
    family(
        "echo_bytes_total",
        "counter",
        "Bytes that were echoed on connections.",
        &one(count(totals.bytes)),
    );
    let by_reason = |reason: &str, n| (format!("{{reason=\"{reason}\"}}"), count(n));
    let ends: Vec<_> =
        totals.ends().map(|(word, n)| by_reason(&word.replace(' ', "_"), n)).collect();
    family(
        "echo_sessions_ended_total",
        "counter",
        "Sessions that ended, by the reason; a probe left without having sent anything.",
        &ends,
    );
    if let Some(datagrams) = &totals.datagrams {
        let unanswered = Unanswered::ALL.map(unanswered).into_iter().zip(datagrams.unanswered);
        let unanswered: Vec<_> = unanswered.map(|(label, n)| by_reason(label, n)).collect();
        let dropped = Dropped::ALL.map(dropped).into_iter().zip(datagrams.dropped);
        let dropped: Vec<_> = dropped.map(|(label, n)| by_reason(label, n)).collect();
        let (echoed, bytes) = (count(datagrams.echoed), count(datagrams.bytes));
        for (name, help, samples) in [
            ("echo_datagrams_total", "Datagrams that were echoed.", &one(echoed)[..]),
            ("echo_datagram_bytes_total", "Bytes in datagrams that were echoed.", &one(bytes)),
            (
                "echo_datagrams_unanswered_total",
                "Datagrams that are never answered, by the reason.",
                &unanswered,
            ),
            (
                "echo_datagrams_dropped_total",
                "Datagrams that were to be echoed and could not be, by the reason.",
                &dropped,
            ),
        ] {
            family(name, "counter", help, samples);
        }
    }
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

/// The label of a reason: it is what queries are made of, and does not change with our words.
const fn unanswered(reason: Unanswered) -> &'static str {
    match reason {
        Unanswered::Service => "service_port",
        Unanswered::Own => "own_port",
        Unanswered::Source => "source",
        Unanswered::Group => "group",
        Unanswered::Answer => "answer",
    }
}

/// The same.
const fn dropped(reason: Dropped) -> &'static str {
    match reason {
        Dropped::Unreceived => "receive_buffer",
        Dropped::Cut => "cut",
        Dropped::TooLong => "too_long",
        Dropped::Full => "send_buffer",
        Dropped::Forbidden => "forbidden",
        Dropped::Unreachable => "unreachable",
    }
}

#[cfg(test)]
mod tests {
    use echo_core::CloseReason;

    use super::super::{Counters, Datagrams, End};
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

    #[test]
    fn datagrams_have_counts_where_any_are_to_be_echoed() {
        let counters = Counters::default();
        let told = || {
            let text = exposition(&counters.totals(), Duration::ZERO);
            let about = text.lines().filter(|line| line.contains("_datagram"));
            about.map(|line| format!("{line}\n")).collect::<String>()
        };
        assert_eq!(told(), "", "none are");
        let mut datagrams = Datagrams::default();
        counters.tell(datagrams);
        assert!(told().contains("\necho_datagrams_total 0\n"), "{}", told());
        datagrams.echo(5, 4_000);
        (0..2).for_each(|_| datagrams.leave(Unanswered::Own));
        datagrams.drop(Dropped::Unreachable, 3);
        counters.tell(datagrams);
        insta::assert_snapshot!(told(), @r#"
        # HELP echo_datagrams_total Datagrams that were echoed.
        # TYPE echo_datagrams_total counter
        echo_datagrams_total 5
        # HELP echo_datagram_bytes_total Bytes in datagrams that were echoed.
        # TYPE echo_datagram_bytes_total counter
        echo_datagram_bytes_total 4000
        # HELP echo_datagrams_unanswered_total Datagrams that are never answered, by the reason.
        # TYPE echo_datagrams_unanswered_total counter
        echo_datagrams_unanswered_total{reason="service_port"} 0
        echo_datagrams_unanswered_total{reason="own_port"} 2
        echo_datagrams_unanswered_total{reason="source"} 0
        echo_datagrams_unanswered_total{reason="group"} 0
        echo_datagrams_unanswered_total{reason="answer"} 0
        # HELP echo_datagrams_dropped_total Datagrams that were to be echoed and could not be, by the reason.
        # TYPE echo_datagrams_dropped_total counter
        echo_datagrams_dropped_total{reason="receive_buffer"} 0
        echo_datagrams_dropped_total{reason="cut"} 0
        echo_datagrams_dropped_total{reason="too_long"} 0
        echo_datagrams_dropped_total{reason="send_buffer"} 0
        echo_datagrams_dropped_total{reason="forbidden"} 0
        echo_datagrams_dropped_total{reason="unreachable"} 3
        "#);
    }
}
