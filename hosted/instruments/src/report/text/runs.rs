//! The runs of a series one by one, and what they say about runs to come.

use std::time::Duration;

use super::Subject;
use super::rows::aligned;
use crate::measurement::between::{Between, Differences};
use crate::measurement::percentiles::{MEDIAN, P99, percentile};
use crate::measurement::{Ended, Measurement, bits};
use crate::quantity;

type Row = [String; 5];

/// The lines about runs; none of a single run.
pub(super) fn runs(subject: &Subject<'_>, sum: &Measurement) -> Vec<String> {
    let Some(all) = Differences::of(sum) else { return Vec::new() };
    let length = subject.plan.length;
    let times = if sum.response.is_some() { ", response times" } else { "" };
    let mut lines = vec![format!("{}, each over new connections{times}:", made(subject, sum))];
    // Where nothing failed the totals say so, and a narrow terminal has no room to repeat it.
    let failed = sum.tally.failures() > 0;
    let last = if failed { "failed" } else { "" };
    let mut rows = vec![["run", "p50", "p99", "rate", last].map(str::to_owned)];
    rows.extend((1..).zip(&sum.runs).map(|(number, run)| row(number, run, length, failed)));
    let known = [all.p50, all.p99, all.rate].iter().all(Option::is_some);
    for (name, pick) in SUMMED {
        let time = |all: Option<Between>| word(all.and_then(|all| pick(&all)).map(nanos));
        let rate = all.rate.and_then(|rate| pick(&rate));
        let rate = word(rate.map(|rate| quantity::bit_rate(bits(rate, length))));
        if all.rate.is_some() {
            rows.push([name.to_owned(), time(all.p50), time(all.p99), rate, String::new()]);
        }
    }
    lines.extend(aligned(&rows));
    lines.push(if known { meaning(&all) } else { too_few(&all) });
    lines
}

/// A row of all runs together: its name, and which of their numbers it shows.
type Summed = (&'static str, fn(&Between) -> Option<f64>);

const SUMMED: [Summed; 3] = [
    ("mean", |all| Some(all.mean)),
    ("from", |all| Some(all.told()?[0])),
    ("to", |all| Some(all.told()?[1])),
];

/// How many runs there were, of how many.
fn made(subject: &Subject<'_>, sum: &Measurement) -> String {
    let (made, planned) = (sum.runs.len() as u64, u64::from(subject.plan.repeat));
    if made < planned {
        format!("{made} of {}", quantity::counted(planned, "run"))
    } else {
        quantity::counted(made, "run")
    }
}

fn row(number: usize, run: &Measurement, length: u64, failed: bool) -> Row {
    let time = |one_in| word(percentile(run.felt(), one_in).map(quantity::duration));
    let rate = word(run.bits_per_second(length).map(quantity::bit_rate));
    let failed = failed.then(|| quantity::count(run.tally.failures()));
    let cut = (run.ended != Ended::AsPlanned).then(|| "(cut short)".to_owned());
    let last: Vec<_> = failed.into_iter().chain(cut).collect();
    [number.to_string(), time(MEDIAN), time(P99), rate, last.join(" ")]
}

/// What somebody needs to know who has never heard of an interval.
fn meaning(all: &Differences) -> String {
    let varies =
        |number: Option<Between>| quantity::ratio(number.map_or(0.0, |number| number.variation()));
    let vague = [all.p50, all.p99, all.rate].iter().flatten().any(Between::is_vague);
    let wide = if vague { "; more runs (--repeat) tell it better" } else { "" };
    format!(
        "from run to run p50 varies by {}, p99 by {}, the rate by {}; the mean of very many such \
         runs is between \"from\" and \"to\" (95 % sure{wide})",
        varies(all.p50),
        varies(all.p99),
        varies(all.rate)
    )
}

fn too_few(all: &Differences) -> String {
    if all.runs < 2 {
        "it takes two whole runs or more to tell how far runs differ".to_owned()
    } else {
        "too few messages in a run to tell how far runs differ".to_owned()
    }
}

fn word(text: Option<String>) -> String {
    text.unwrap_or_else(|| "n/a".to_owned())
}

fn nanos(ns: f64) -> String {
    quantity::duration(Duration::from_nanos(ns.round() as u64))
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;
    use insta::assert_snapshot;

    use super::super::{Layout, text};
    use super::*;
    use crate::made_up::{MadeUp, spread};
    use crate::plan::Plan;

    fn series(usual: &[u64], planned: u16) -> MadeUp {
        let plan = Plan { length: 1000, repeat: planned, keep_going: true, ..Plan::new() };
        let runs = usual.iter().map(|usual| {
            let mut made = MadeUp::new(plan.clone(), 1_000);
            made.echoes(spread(10_000, *usual));
            made.run
        });
        let runs: Vec<_> = runs.collect();
        let mut out = MadeUp::new(plan.clone(), 0);
        for run in runs {
            out.run = if out.run.runs.is_empty() { run.first() } else { followed(out.run, run) };
        }
        out
    }

    fn followed(mut sum: Measurement, run: Measurement) -> Measurement {
        sum.follow(run);
        sum
    }

    fn shown(made: &MadeUp) -> String {
        text(&made.subject(), &made.run, Layout { width: Some(80), histogram: false })
    }

    #[test]
    fn several_runs() {
        assert_snapshot!(shown(&series(&[71, 73, 70], 3)), @"
        --- board.local:2333 echo statistics ---
        30 000 sent, 30 000 echoed, 0 failed (fail rate below 0.0100 % at 95 %
            confidence), 3.00 s in 3 runs
        rtt min/avg/max/mdev = 0.070/0.087/0.730/0.063 ms
        echo rate 80.0 Mbit/s, 10 000 messages/s
           p50       p90       p99       p99.9     p99.99    max
           81.0 µs   89.0 µs   92.0 µs   730 µs    730 µs    730 µs
        successive round trips are alike: 30 000 tell as much as about 6400 independent
            ones (the mean is known to ±3.90 %)
        3 runs, each over new connections:
           run   p50      p99      rate
           1     80.0 µs  90.0 µs  80.0 Mbit/s
           2     82.0 µs  92.0 µs  80.0 Mbit/s
           3     79.0 µs  89.0 µs  80.0 Mbit/s
           mean  80.4 µs  90.3 µs  80.0 Mbit/s
           from  76.6 µs  86.6 µs  80.0 Mbit/s
           to    84.2 µs  94.2 µs  80.0 Mbit/s
        from run to run p50 varies by 1.90 %, p99 by 1.69 %, the rate by 0 %; the mean
            of very many such runs is between \"from\" and \"to\" (95 % sure)
        ");
    }

    #[test]
    fn runs_that_say_little_ask_for_more() {
        let told = |usual: &[u64]| {
            let made = series(usual, 2);
            runs(&made.subject(), &made.run).join("\n")
        };
        let two = told(&[71, 400]);
        assert!(two.contains("   from  n/a ") && two.contains("   to    n/a "), "{two}");
        assert!(two.ends_with("(95 % sure; more runs (--repeat) tell it better)"), "{two}");
        assert!(told(&[71, 72]).ends_with("(95 % sure)"));
    }

    #[test]
    fn a_series_that_was_cut_short() {
        let mut made = series(&[71, 73], 5);
        let mut last = series(&[71], 1);
        last.fails(900, 0, Failure::Reset);
        last.run.ended = Ended::Stopped;
        last.run.runs.clear();
        made.run.follow(last.run);
        assert_snapshot!(shown(&made), @"
        --- board.local:2333 echo statistics ---
        30 001 sent, 30 000 echoed, 1 failed (fail rate 33.3 ppm; 0 % to 0.0189 % at
            95 % confidence), 3.00 s in 3 runs
        failed: 1 reset
        rtt min/avg/max/mdev = 0.071/0.087/0.730/0.064 ms
        echo rate 80.0 Mbit/s, 10 000 messages/s
                          p50       p90       p99       p99.9     p99.99    max
           rtt            81.0 µs   89.0 µs   92.0 µs   730 µs    730 µs    730 µs
           with failures  81.0 µs   89.0 µs   710 µs    730 µs    730 µs    never
        with failures: the 33.3 ppm that failed are counted as infinitely late
        successive round trips are alike: 30 000 tell as much as about
            12 000 independent ones (the mean is known to ±2.52 %)
        3 of 5 runs, each over new connections:
           run   p50      p99      rate         failed
           1     80.0 µs  90.0 µs  80.0 Mbit/s  0
           2     82.0 µs  92.0 µs  80.0 Mbit/s  0
           3     80.0 µs  90.0 µs  80.0 Mbit/s  1 (cut short)
           mean  81.0 µs  91.0 µs  80.0 Mbit/s
           from  69.4 µs  79.2 µs  80.0 Mbit/s
           to    94.7 µs  105 µs   80.0 Mbit/s
        from run to run p50 varies by 1.73 %, p99 by 1.54 %, the rate by 0 %; the mean
            of very many such runs is between \"from\" and \"to\" (95 % sure)
        after 2.90 s, connection 0, message 0: connection reset by the peer
        ");
    }

    #[test]
    fn one_whole_run_says_nothing_about_others() {
        assert_snapshot!(runs(&series(&[71], 2).subject(), &series(&[71], 2).run).join("\n"), @"
        1 of 2 runs, each over new connections:
           run  p50      p99      rate
           1    80.0 µs  90.0 µs  80.0 Mbit/s
        it takes two whole runs or more to tell how far runs differ
        ");
    }
}
