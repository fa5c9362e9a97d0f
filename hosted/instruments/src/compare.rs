//! What changed from some reports to others, and whether that may be chance.
//!
//! What is compared are runs: a report is one, or as many as it has `runs`. Of one run a side only the scatter within each is
//! known (`pair`); several show how far runs of one program differ (`groups`).

use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use self::change::{Change, Unit};
use self::side::Side;
use self::table::table;
use crate::terminal::notes::note;
use crate::terminal::wrap::wrap;
use crate::terminal::{streams, width};
use crate::verdict::{Misuse, Verdict};

mod change;
mod groups;
mod pair;
mod permutation;
mod shift;
mod side;
mod steadiness;
mod table;

#[cfg(test)]
mod simulation;

/// Compares reports and prints what changed: worse means by more than `threshold` per cent.
///
/// # Errors
///
/// If a report cannot be read, or they have nothing to compare.
pub fn run(before: &[PathBuf], after: &[PathBuf], threshold: f64) -> Result<Verdict> {
    let sides = [Side::read(before)?, Side::read(after)?];
    let kinds = side::differing(&sides, side::KIND);
    if !kinds.is_empty() {
        let text = format!("cannot compare runs of different kinds: {}", kinds.join(", "));
        return Err(Misuse(text).into());
    }
    let unlike = side::unlike(&sides);
    if !unlike.is_empty() {
        note(&format!("note: the runs differ in their settings: {}", unlike.join(", ")));
    }
    let runs = sides.each_ref().map(Side::runs);
    for (side, runs) in ["before", "after"].into_iter().zip(&runs) {
        let unsteady = runs.iter().filter_map(|run| steadiness::unsteady(run));
        unsteady.for_each(|how| note(&format!("note: a run {side} is {how}")));
    }
    let judgement = judge(&runs, threshold)?;
    let width = width(io::stdout());
    let mut text = judgement.text(width);
    if let Some(width) = width {
        text = format!("{}\n", wrap(&text, width));
    }
    streams::print(&text).context("cannot write to stdout")?;
    Ok(judgement.verdict())
}

/// Compares the runs of two sides, each a report or one of its runs.
///
/// # Errors
///
/// If they have nothing to compare.
pub fn judge(sides: &[Vec<&Value>; 2], threshold: f64) -> Result<Judgement> {
    let [before, after] = sides;
    let (changes, sureness) = match (&before[..], &after[..]) {
        ([before], [after]) => (pair::changes([before, after])?, pair::sureness([before, after])),
        _ => groups::changes(sides)?,
    };
    if changes.is_empty() {
        let text = "cannot compare: the reports have no number in common";
        return Err(Misuse(text.into()).into());
    }
    Ok(Judgement { changes, sureness, threshold })
}

/// What is to be known about how sure a comparison is.
#[derive(Debug)]
struct Sureness {
    /// What is in the table, if it is not the two runs; a whole line.
    heading: String,
    /// Where something has changed.
    advice: String,
    /// Where nothing could be told.
    lack: String,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Judgement {
    changes: Vec<Change>,
    sureness: Sureness,
    threshold: f64,
}

impl Judgement {
    /// Whether something is worse, and not by chance.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        self.changes.iter().any(|change| change.is_worse(self.threshold))
    }

    /// No check should pass because too little was measured.
    fn verdict(&self) -> Verdict {
        if self.is_judged() && !self.is_alarm() { Verdict::Well } else { Verdict::Failed }
    }

    /// Whether anything is known well enough. A fail rate of zero is soon certain, and says nothing about speed.
    fn is_judged(&self) -> bool {
        self.changes.iter().any(|change| change.unit != Unit::Share && change.judged)
    }

    /// The table, and what it means.
    fn text(&self, width: Option<usize>) -> String {
        let threshold = self.threshold;
        let listed = |which: &dyn Fn(&Change) -> bool| {
            let named = self.changes.iter().filter(|change| which(change));
            named.map(|change| format!("{} {}", change.name, change.worded())).collect::<Vec<_>>()
        };
        let worse = listed(&|change| change.is_worse(threshold));
        let better = listed(&|change| change.is_better(threshold));
        let perhaps = listed(&|change| change.exceeds(threshold));
        let mut text = format!("{}{}", self.sureness.heading, table(&self.changes, width));
        if !worse.is_empty() {
            text.push_str(&format!("worse: {}\n", worse.join(", ")));
        } else if !self.is_judged() {
            text.push_str(&format!("{}\n", self.sureness.lack));
            return text;
        } else if perhaps.is_empty() {
            text.push_str(&format!("nothing is worse by more than {threshold} %\n"));
        } else {
            text.push_str(&format!(
                "nothing is surely worse by more than {threshold} %; perhaps worse: {}\n",
                perhaps.join(", ")
            ));
        }
        if !better.is_empty() {
            text.push_str(&format!("better: {}\n", better.join(", ")));
        }
        if !(worse.is_empty() && better.is_empty() && perhaps.is_empty()) {
            text.push_str(&format!("{}\n", self.sureness.advice));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(p50: u64, ends: Option<[u64; 2]>, rate: f64) -> Value {
        json!({
            "schema": "hosted/1",
            "service_ns": { "p50": p50, "p99": null, "interval95": { "p50": ends } },
            "response_ns": null,
            "rate_bps": rate,
            "rate_bps_interval95": [rate, rate],
        })
    }

    fn failing(rate: f64, interval: [f64; 2]) -> Value {
        json!({ "fail_rate": rate, "fail_rate_interval95": interval, "rate_bps": 0.0 })
    }

    fn judged(before: &[Value], after: &[Value]) -> Judgement {
        let sides = [before, after].map(|side| side.iter().collect());
        judge(&sides, 5.0).expect("numbers of runs")
    }

    fn pair(before: &Value, after: &Value) -> Judgement {
        judged(std::slice::from_ref(before), std::slice::from_ref(after))
    }

    fn named(judgement: &Judgement, which: impl Fn(&Change) -> bool) -> Vec<&str> {
        let named = judgement.changes.iter().filter(|change| which(change));
        named.map(|change| change.name.as_str()).collect()
    }

    fn worse(before: &Value, after: &Value) -> Vec<String> {
        let judgement = pair(before, after);
        named(&judgement, |change| change.is_worse(5.0)).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn two_runs_are_worse_only_beyond_what_runs_of_one_program_show() {
        let known = |p50: u64, rate: f64| report(p50, Some([p50, p50]), rate);
        let before = known(1_000, 100.0);
        let factor = pair::ALIKE as u64;
        let alike = known(1_000 * factor, 100.0 / pair::ALIKE);
        assert_eq!(worse(&before, &alike), [""; 0]);
        let told = pair(&before, &alike);
        assert_eq!(named(&told, |change| change.exceeds(5.0)), ["p50", "rate"]);
        assert!(told.text(None).contains("perhaps worse: p50 +"), "{}", told.text(None));
        assert!(told.text(None).contains("two runs, not two programs"), "{}", told.text(None));
        let apart = known(1_001 * factor, 99.0 / pair::ALIKE);
        assert_eq!(worse(&before, &apart), ["p50", "rate"]);
        assert_eq!(named(&pair(&apart, &before), |change| change.is_better(5.0)), ["p50", "rate"]);
        let wide = report(9_000 * factor, Some([900, 99_000 * factor]), 100.0);
        assert_eq!(worse(&before, &wide), [""; 0], "not even its own run knows it");
        assert_eq!(
            worse(&before, &report(9_000 * factor, None, 100.0)),
            [""; 0],
            "too few to tell"
        );
    }

    #[test]
    fn failures_from_none_are_worse_unless_by_chance() {
        let well = failing(0.0, [0.0, 3e-4]);
        assert_eq!(worse(&well, &failing(0.01, [0.008, 0.012])), ["failed"]);
        assert_eq!(worse(&well, &failing(1e-4, [2e-5, 6e-4])), [""; 0]);
        assert_eq!(worse(&failing(0.01, [0.008, 0.012]), &well), [""; 0]);
    }

    #[test]
    fn too_few_is_told_from_too_scattered() {
        let of = |n: u64, mean: Option<[u64; 2]>| {
            let ends = json!({ "p50": [9, 11], "p90": null, "mean": mean });
            json!({ "service_ns": { "n": n, "p50": 10, "p90": 20, "interval95": ends } })
        };
        let told = |before: &Value, after: &Value| {
            let text = pair(before, after).text(None);
            assert!(text.contains("(95 %: before 9 ns to 11 ns, after "), "{text}");
            text.lines().nth(2).map(|line| line.contains("too scattered to tell"))
        };
        let (many, few, short) =
            (of(10_000, Some([9, 12])), of(50, Some([9, 12])), of(10_000, None));
        assert_eq!(told(&many, &many), Some(true));
        for less in [&few, &short] {
            assert_eq!([told(&many, less), told(less, &many)], [Some(false); 2], "{less}");
        }
    }

    #[test]
    fn nothing_is_ever_nan() {
        let rates = [0.0, 1e-300, 1.0].map(|rate| failing(rate, [rate, rate]));
        for (before, after) in rates.iter().flat_map(|a| rates.iter().map(move |b| (a, b))) {
            for runs in [1, 5] {
                let text =
                    judged(&vec![before.clone(); runs], &vec![after.clone(); runs]).text(None);
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            }
        }
    }

    #[test]
    fn what_no_run_can_have_is_refused() {
        for p50 in [json!(1e308), json!(-1), json!("70 us"), json!([70])] {
            let mut odd = report(1, None, 1.0);
            odd["service_ns"]["p50"] = p50;
            let well = report(1, None, 1.0);
            let error = judge(&[vec![&well], vec![&odd]], 5.0).expect_err("no run").to_string();
            assert!(
                error.starts_with("cannot compare: no run has a /service_ns/p50 of "),
                "{error}"
            );
        }
        let mut odd = report(2_000, None, 1.0);
        odd["service_ns"]["interval95"]["p50"] = json!([1e308, 1e308]);
        assert_eq!(worse(&report(1, Some([1, 1]), 1.0), &odd), [""; 0], "no interval");
    }

    #[test]
    fn what_one_report_lacks_is_not_compared() {
        let names = |before: &Value, after: &Value| -> Vec<_> {
            let sides = [vec![before], vec![after]];
            judge(&sides, 5.0).map_or(Vec::new(), |judgement| {
                named(&judgement, |_| true).into_iter().map(str::to_owned).collect()
            })
        };
        let times = report(2, None, 1.0);
        assert_eq!(names(&report(1, None, 1.0), &times), ["p50", "rate"]);
        let without = json!({ "service_ns": null, "rate_bps": 0.0 });
        assert_eq!(names(&without, &times), ["rate"]);
        assert_eq!(names(&json!({ "rate_bps": null }), &times), [""; 0]);
    }

    fn runs(p50s: [u64; 5]) -> Vec<Value> {
        p50s.iter().map(|p50| report(*p50, None, 1e9 / *p50 as f64)).collect()
    }

    #[test]
    fn several_runs_tell_a_small_change_and_how_sure_it_is() {
        let (before, after) = (
            runs([70_000, 71_000, 72_000, 70_500, 71_500]),
            runs([77_500, 79_000, 78_000, 78_500, 77_000]),
        );
        let judgement = judged(&before, &after);
        insta::assert_snapshot!(judgement.text(None), @"
        the middle of 5 runs before and of 5 after:
                    before         after      change
        p50        71.0 µs       78.0 µs      +9.9 %   (95 %: +7.7 % to +12.1 %; sure)
        rate   14.1 kbit/s   12.8 kbit/s      -9.0 %   (95 %: -10.8 % to -7.1 %; sure)
        worse: p50 +9.9 %, rate -9.0 %
        (if both sides were the same program, 5 and 5 runs would differ that much in one of 126 comparisons)
        ");
        assert_eq!(judgement.verdict(), Verdict::Failed);
        insta::assert_snapshot!(judged(&after, &before).text(None), @"
        the middle of 5 runs before and of 5 after:
                    before         after      change
        p50        78.0 µs       71.0 µs      -9.0 %   (95 %: -10.8 % to -7.1 %; sure)
        rate   12.8 kbit/s   14.1 kbit/s      +9.9 %   (95 %: +7.7 % to +12.1 %; sure)
        nothing is worse by more than 5 %
        better: p50 -9.0 %, rate +9.9 %
        (if both sides were the same program, 5 and 5 runs would differ that much in one of 126 comparisons)
        ");
        assert_eq!(judged(&after, &before).verdict(), Verdict::Well);
    }

    #[test]
    fn where_nothing_differs_there_is_no_chance() {
        let told = |shares: [f64; 2]| {
            let side = |share: f64| vec![failing(share, [0.0, 1.0]); 4];
            judged(&side(shares[0]), &side(shares[1])).text(None)
        };
        for share in [0.0, 0.25] {
            let text = told([share, share]);
            assert!(text.contains("+0.0 %   (the same in all runs)\n"), "{text}");
            assert!(!text.contains("chance"), "{text}");
        }
        assert!(told([0.0, 0.25]).contains("from none   (sure)"), "{}", told([0.0, 0.25]));
    }

    /// The rate of runs at `-R 333`, of which some are one message longer.
    #[test]
    fn what_rounding_leaves_differs_by_nothing_and_hides_nothing() {
        let rate = |longer: bool| if longer { 2_664_000.000_000_267 } else { 2_664_000.0 };
        let side = |from: u64| (0..4).map(move |run| report(from + run, None, rate(run % 2 == 0)));
        let judgement =
            judged(&side(70_000).collect::<Vec<_>>(), &side(77_000).collect::<Vec<_>>());
        let text = judgement.text(None);
        assert!(text.contains("+0.0 %   (the same in all runs)\n"), "{text}");
        assert_eq!(named(&judgement, |change| change.is_worse(5.0)), ["p50"], "{text}");
    }

    #[test]
    fn a_change_that_some_other_division_shows_may_be_chance() {
        let (before, after) = (
            runs([70_000, 90_000, 72_000, 95_000, 71_500]),
            runs([77_500, 99_000, 78_000, 71_500, 97_000]),
        );
        let judgement = judged(&before, &after);
        insta::assert_snapshot!(judgement.text(None), @"
        the middle of 5 runs before and of 5 after:
                    before         after      change
        p50        72.0 µs       78.0 µs      +7.8 %   (95 %: -18.4 % to +38.5 %; may be chance)
        rate   13.9 kbit/s   12.8 kbit/s      -7.2 %   (95 %: -27.8 % to +22.6 %; may be chance)
        nothing is surely worse by more than 5 %; perhaps worse: p50 +7.8 %, rate -7.2 %
        (if both sides were the same program, 5 and 5 runs would differ that much in 55 of 100 comparisons, which is no surprise)
        ");
        assert_eq!(judgement.verdict(), Verdict::Well);
    }

    #[test]
    fn too_few_runs_show_nothing_and_no_check_passes_because_of_that() {
        let (before, after) = (runs([70_000; 5]), runs([90_000; 5]));
        let judgement = judged(&before[..3], &after[..3]);
        insta::assert_snapshot!(judgement.text(None), @"
        the middle of 3 runs before and of 3 after:
                    before         after      change
        p50        70.0 µs       90.0 µs     +28.6 %   (too few runs to tell)
        rate   14.3 kbit/s   11.1 kbit/s     -22.2 %   (too few runs to tell)
        3 and 3 runs cannot show whether one program is worse, whatever they say: make at least 4 a side, better 5 (--repeat 5)
        ");
        assert_eq!(judgement.verdict(), Verdict::Failed);
    }
}
