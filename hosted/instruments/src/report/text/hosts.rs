//! The machines whose runs were added, a row each.

use super::Subject;
use super::rows::aligned;
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::measurement::together::{Host, Together};
use crate::measurement::{Ended, Measurement, bits};
use crate::quantity::{self, count, duration};

/// The time that a rate of all is about: ` while all ran (9.98 s)`.
pub(super) fn while_all_ran(together: &Together) -> String {
    match &together.hosts[..] {
        [_] => String::new(),
        _ => format!(" while all ran ({})", duration(together.overlap().0)),
    }
}

/// The lines about hosts; none of a run that is not a sum of theirs.
pub(super) fn text(subject: &Subject<'_>, sum: &Measurement) -> Vec<String> {
    let Some(together) = &sum.together else { return Vec::new() };
    let times = if sum.response.is_some() { ", response times" } else { "" };
    let hosts = quantity::counted(together.hosts.len() as u64, "host");
    let (time, share) = together.overlap();
    let heading = match time.is_zero() {
        true => format!("{hosts}, which had no time in common{times}:"),
        false => format!(
            "{hosts}, which all ran for {}, {} of the longest run{times}:",
            duration(time),
            quantity::share(share)
        ),
    };
    // Where nothing failed the totals say so.
    let failed = sum.tally.failures() > 0;
    let mut rows = vec![NAMES.map(str::to_owned)];
    rows.extend(together.hosts.iter().map(|host| row(host, subject.plan.length)));
    if !failed {
        rows.iter_mut().for_each(|row| row[FAILED].clear());
    }
    [heading].into_iter().chain(aligned(&rows)).collect()
}

const NAMES: [&str; 8] = ["host", "from", "echoed", "failed", "p50", "p99", "max", "rate"];
const FAILED: usize = 3;

fn row(host: &Host, length: u64) -> [String; 8] {
    let (run, word) = (&host.run, |text: Option<String>| text.unwrap_or_else(|| "n/a".to_owned()));
    let time = |one_in| word(percentile(run.felt(), one_in).map(duration));
    let rate = word(host.rate.map(|messages| quantity::bit_rate(bits(messages, length))));
    let cut = if run.ended == Ended::AsPlanned { "" } else { " (cut short)" };
    [
        host.name.clone(),
        format!("+{}", duration(host.after)),
        count(run.tally.echoed()),
        count(run.tally.failures()),
        time(MEDIAN),
        time(P99),
        word(run.longest_wait().map(duration)),
        format!("{rate}{cut}"),
    ]
}
