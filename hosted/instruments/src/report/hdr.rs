//! The distribution as an `HdrHistogram` log, version 2, which public tools read.

use anyhow::{Result, anyhow};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::Subject;
use crate::args::Label;
use crate::measurement::Measurement;
use crate::measurement::times::Times;
use crate::measurement::together::Host;

/// Nanoseconds are recorded; the column of the maximum is in milliseconds, as usual.
const MAX_DIVISOR: f64 = 1e6;

/// The tag of an interval: the sort of times, if there are two, and the labels of the run. What a tag may not contain
/// becomes an underscore.
fn tag(sort: Option<&str>, labels: &[Label]) -> String {
    let parts = sort.map(str::to_owned).into_iter().chain(labels.iter().map(Label::to_string));
    parts.collect::<Vec<_>>().join(";").replace([',', ' '], "_")
}

/// The log: one interval, the whole run, for each sort of time; of several runs, or hosts, one each, as far apart as they
/// began. The tag says whose it is.
///
/// # Errors
///
/// If the histogram cannot be encoded.
pub(crate) fn hdr(subject: &Subject<'_>, measurement: &Measurement) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(&format!("[{} of {} in nanoseconds]", subject.command, subject.address))
        .with_start_time(measurement.started)
        .with_base_time(measurement.started)
        .with_max_value_divisor(MAX_DIVISOR)
        .begin_log_with(&mut bytes, &mut serializer)?;
    let mut add = |name: Option<&str>, times: &Times, run: &Measurement, labels: &[Label]| {
        let tag = tag(name, labels);
        let tag = Some(&*tag).filter(|tag| !tag.is_empty()).and_then(Tag::new);
        let start = run.started.duration_since(measurement.started).unwrap_or_default();
        log.write_histogram(times.histogram(), start, run.elapsed, tag)
            .map_err(|error| anyhow!("cannot encode the histogram: {error:?}"))
    };
    for (run, labels) in runs(subject, measurement) {
        match &run.response {
            None => add(None, &run.times, run, &labels)?,
            Some(response) => {
                add(Some("service"), &run.times, run, &labels)?;
                add(Some("response"), response, run, &labels)?;
            }
        }
    }
    Ok(bytes)
}

/// The runs of which there is an interval, and what each is called.
fn runs<'a>(
    subject: &Subject<'_>,
    measurement: &'a Measurement,
) -> Vec<(&'a Measurement, Vec<Label>)> {
    if let Some(together) = &measurement.together {
        let host = |host: &'a Host| {
            let label = Label { key: "host".into(), value: host.name.clone() };
            (&host.run, vec![label])
        };
        return together.hosts.iter().map(host).collect();
    }
    let one = std::slice::from_ref(measurement);
    let runs = if measurement.runs.is_empty() { one } else { &measurement.runs };
    runs.iter().map(|run| (run, subject.labels.to_vec())).collect()
}
