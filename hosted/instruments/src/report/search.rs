//! A search as text: a row for each step, and what was found.

mod json;

pub(crate) use self::json::report;
use super::{Layout, Subject, effort, headed, loss};
use crate::measurement::arrival::Arrival;
use crate::quantity;
use crate::search::{Answer, Breach, Goal, Hunt, Step};

/// The least width of a column of times.
const TIME: usize = 9;

/// The first lines, before anything is measured: what is searched for, and the names of the columns.
#[must_use]
pub(crate) fn begin(subject: &Subject<'_>, goal: &Goal, layout: Layout) -> String {
    let header = headed(subject, &format!("the highest rate with {goal}"), layout);
    let names: String = names(goal).map(|name| in_column(name, name)).collect();
    let (rate, unsent) = ("rate", "unsent");
    let columns = layout.fit(format!("{rate:>12}{names}{unsent:>9}"));
    format!("{header}\n{columns}")
}

/// The row of a step.
#[must_use]
pub(crate) fn row(goal: &Goal, step: &Step, layout: Layout) -> String {
    let rate = rate(step.rate);
    let columns = names(goal).zip(times(goal, step));
    let times: String = columns.map(|(name, time)| in_column(name, &loss::word(time))).collect();
    let unsent = quantity::ratio(step.unsent_rate);
    let outcome = match (step.outcome(), step.breach) {
        (None, _) => "stopped".into(),
        (_, None) => "kept".into(),
        (_, Some(Breach::Slow)) => "broken: too slow".into(),
        (_, Some(Breach::Failed)) => format!("broken: {} failed", quantity::count(step.failed)),
        (_, Some(Breach::Unsent)) => "broken: unsent".into(),
        (_, Some(Breach::TooFew)) => "broken: too few".into(),
    };
    layout.fit(format!("{rate:>12}{times}{unsent:>9}  {outcome}"))
}

/// The line between the table and the report: which step that is.
#[must_use]
pub(crate) fn in_full(hunt: &Hunt<'_>, layout: Layout) -> String {
    let which = match hunt.answer() {
        Answer::Between(..) | Answer::AtLeast(_) => "the one with the highest rate kept",
        Answer::Below(_) | Answer::Unknown => "the last one",
    };
    layout.fit(format!("of these steps {which}, in full:"))
}

/// What was found, in one sentence.
#[must_use]
pub(crate) fn answer(hunt: &Hunt<'_>, layout: Layout) -> String {
    let goal = hunt.goal();
    let at = |rate: f64| hunt.step(rate);
    let told = |rate: f64| {
        let word = at(rate).map_or_else(|| "n/a".into(), |step| loss::word(step.bounded));
        format!("{} {word}", goal.name())
    };
    let stopped = if hunt.is_complete() { "" } else { "stopped early: " };
    let text = match hunt.answer() {
        Answer::Between(kept, broken) => format!(
            "the highest rate with {goal} is between {}, kept ({}), and {}, broken ({})",
            rate(kept),
            told(kept),
            rate(broken),
            why(goal, at(broken)),
        ),
        Answer::AtLeast(kept) if hunt.is_complete() => format!(
            "{goal} is kept even at {}, the highest rate that is tried ({})",
            rate(kept),
            told(kept)
        ),
        Answer::AtLeast(kept) => format!(
            "{goal} is kept at {} ({}); whether at more is not known",
            rate(kept),
            told(kept)
        ),
        Answer::Below(broken) => {
            let advice =
                if hunt.can_begin_lower() { " (a longer --time begins lower)" } else { "" };
            format!(
                "{goal} is kept at no rate that was tried: at {}, the lowest, {}{advice}",
                rate(broken),
                why(goal, at(broken)),
            )
        }
        Answer::Unknown => format!("nothing is known of {goal}: no step came to its end"),
    };
    layout.fit(format!("{stopped}{text}{}", limited(hunt).unwrap_or_default()))
}

/// A line that says so if the rate that is broken is not the server's limit.
fn limited(hunt: &Hunt<'_>) -> Option<String> {
    let (Answer::Between(_, broken) | Answer::Below(broken)) = hunt.answer() else { return None };
    let limit = hunt.step(broken)?.limit?;
    Some(format!(
        "\nat {} the instrument was the limit: {}, so the server may keep more",
        rate(broken),
        effort::short(limit)
    ))
}

/// Why a step broke the goal.
fn why(goal: &Goal, step: Option<&Step>) -> String {
    let Some(step) = step else { return "n/a".into() };
    match step.breach {
        Some(Breach::Failed) => {
            format!("{} failed", quantity::counted(step.failed, "message"))
        }
        Some(Breach::Unsent) => format!(
            "{} were due but never sent: all connections were busy, see --parallel",
            quantity::ratio(step.unsent_rate)
        ),
        Some(Breach::TooFew) => "too few messages came back".into(),
        Some(Breach::Slow) | None => format!("{} {}", goal.name(), loss::word(step.bounded)),
    }
}

/// The names of the columns of times: p50, p99, and what the goal bounds, if that is another one.
fn names(goal: &Goal) -> impl Iterator<Item = &str> {
    ["p50", "p99"].into_iter().chain(is_other(goal).then(|| goal.name()))
}

fn times(goal: &Goal, step: &Step) -> impl Iterator<Item = Option<Arrival>> + use<> {
    [step.p50, step.p99].into_iter().chain(is_other(goal).then_some(step.bounded))
}

/// A cell of the column of this name.
fn in_column(name: &str, cell: &str) -> String {
    format!("{cell:>0$}", TIME.max(name.len() + 2))
}

fn is_other(goal: &Goal) -> bool {
    !matches!(goal.name(), "p50" | "p99")
}

fn rate(per_second: f64) -> String {
    format!("{}/s", quantity::amount(per_second))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use echo_core::Failure;

    use super::*;
    use crate::made_up::MadeUp;
    use crate::measurement::Measurement;
    use crate::measurement::effort::Effort;
    use crate::measurement::{Ended, Sample};
    use crate::plan::{Pace, Plan};
    use crate::usage::Usage;

    /// All that is printed of a search, whose steps take so many microseconds by their rates, or fail, or leave out
    /// this share.
    fn told(goal: &str, answer: impl Fn(f64, usize, &mut Measurement)) -> String {
        told_within(80, goal, answer)
    }

    fn told_within(
        width: usize,
        goal: &str,
        answer: impl Fn(f64, usize, &mut Measurement),
    ) -> String {
        let goal: Goal = goal.parse().expect("a goal");
        let made = MadeUp::new(Plan { connections: 16, length: 64, ..Plan::new() }, 0);
        let mut hunt = Hunt::new(&goal, &made.plan);
        let layout = Layout { width: Some(width), histogram: false };
        let mut lines = vec![begin(&made.subject(), &goal, layout)];
        while let Some(plan) = hunt.next() {
            let (Pace::Rate(rate), Some(time)) = (plan.pace, plan.time) else { panic!("{plan:?}") };
            let mut run = Measurement::of(&plan);
            run.elapsed = time;
            answer(rate, hunt.steps().len(), &mut run);
            lines.push(row(&goal, hunt.tell(plan, run), layout));
        }
        lines.push(super::answer(&hunt, layout));
        assert!(lines.iter().all(|line| line.lines().all(|line| line.chars().count() <= width)));
        lines.join("\n")
    }

    fn echoes(run: &mut Measurement, micros: u64) {
        let sample = Sample::new(Duration::ZERO, 0, Ok(Duration::from_micros(micros)));
        (0..1_000).for_each(|_| run.record(&sample));
    }

    #[test]
    fn a_search_that_finds_the_highest_rate() {
        let told = told("p99<1ms", |rate, step, run| {
            // Somebody disturbs the third.
            echoes(run, if rate > 1_500.0 || step == 2 { 4_000 } else { 70 });
        });
        insta::assert_snapshot!(told, @"
        ECHO board.local:2333 (192.0.2.7:2333) tcp, 64 bytes, the highest rate with
            p99<1ms, 16 connections
                rate      p50      p99   unsent
               200/s  70.0 µs  70.0 µs      0 %  kept
               400/s  70.0 µs  70.0 µs      0 %  kept
               800/s  4.00 ms  4.00 ms      0 %  broken: too slow
               566/s  70.0 µs  70.0 µs      0 %  kept
               673/s  70.0 µs  70.0 µs      0 %  kept
               734/s  70.0 µs  70.0 µs      0 %  kept
               766/s  70.0 µs  70.0 µs      0 %  kept
        the highest rate with p99<1ms is between 766/s, kept (p99 70.0 µs), and 800/s,
            broken (p99 4.00 ms)
        ");
    }

    #[test]
    fn a_narrow_terminal_breaks_no_word() {
        let told = told_within(40, "p50<1ms", |rate, _, run| {
            echoes(run, if rate > 10.0 { 4_000 } else { 70 });
        });
        let lines: Vec<_> = told.lines().skip(3).take(4).collect();
        assert_eq!(
            lines,
            [
                "        rate      p50      p99   unsent",
                "      10.0/s  70.0 µs  70.0 µs      0 %",
                "          kept",
                "      20.0/s  4.00 ms  4.00 ms      0 %",
            ],
            "{told}"
        );
    }

    #[test]
    fn whatever_breaks_it_is_named() {
        let told = told("service p99.9<5ms", |rate, _, run| {
            echoes(run, 70);
            match rate {
                ..=2_000.0 => {}
                ..=2_500.0 => run.unsent = 500,
                _ => run.record(&Sample::new(Duration::ZERO, 0, Err(Failure::Reset))),
            }
        });
        insta::assert_snapshot!(told, @"
        ECHO board.local:2333 (192.0.2.7:2333) tcp, 64 bytes, the highest rate with
            service p99.9<5ms, 16 connections
                rate      p50      p99  service p99.9   unsent
              2000/s  70.0 µs  70.0 µs        70.0 µs      0 %  kept
              4000/s  70.0 µs  70.0 µs        70.0 µs      0 %  broken: 1 failed
              4000/s  70.0 µs  70.0 µs        70.0 µs      0 %  broken: 1 failed
              2830/s  70.0 µs  70.0 µs        70.0 µs      0 %  broken: 1 failed
              2830/s  70.0 µs  70.0 µs        70.0 µs      0 %  broken: 1 failed
              2380/s  70.0 µs  70.0 µs        70.0 µs   33.3 %  broken: unsent
              2380/s  70.0 µs  70.0 µs        70.0 µs   33.3 %  broken: unsent
              2180/s  70.0 µs  70.0 µs        70.0 µs   33.3 %  broken: unsent
              2180/s  70.0 µs  70.0 µs        70.0 µs   33.3 %  broken: unsent
              2090/s  70.0 µs  70.0 µs        70.0 µs   33.3 %  broken: unsent
              2090/s  70.0 µs  70.0 µs        70.0 µs   33.3 %  broken: unsent
        the highest rate with service p99.9<5ms is between 2000/s, kept (service
            p99.9 70.0 µs), and 2090/s, broken (33.3 % were due but never sent: all
            connections were busy, see --parallel)
        ");
    }

    #[test]
    fn a_bound_that_is_never_or_always_kept() {
        let never = told("p90<1ms", |_, _, run| echoes(run, 1_500));
        insta::assert_snapshot!(never, @"
        ECHO board.local:2333 (192.0.2.7:2333) tcp, 64 bytes, the highest rate with
            p90<1ms, 16 connections
                rate      p50      p99      p90   unsent
              20.0/s  1.50 ms  1.50 ms  1.50 ms      0 %  broken: too slow
              10.0/s  1.50 ms  1.50 ms  1.50 ms      0 %  broken: too slow
              5.00/s  1.50 ms  1.50 ms  1.50 ms      0 %  broken: too slow
              2.50/s  1.50 ms  1.50 ms  1.50 ms      0 %  broken: too slow
        p90<1ms is kept at no rate that was tried: at 2.50/s, the lowest, p90 1.50 ms (a
            longer --time begins lower)
        ");
        let never = told("p50<1ms", |_, _, run| echoes(run, 1_500));
        assert!(never.contains("at 1.25/s, the lowest"), "{never}");
        assert!(!never.contains("begins lower"), "a longer one would not: {never}");
        let always = told("p99.99<1ms", |_, _, run| (0..10).for_each(|_| echoes(run, 70)));
        insta::assert_snapshot!(always, @"
        ECHO board.local:2333 (192.0.2.7:2333) tcp, 64 bytes, the highest rate with
            p99.99<1ms, 16 connections
                rate      p50      p99   p99.99   unsent
            20 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
            40 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
            80 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
           160 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
           320 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
           640 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
         1 280 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
         2 560 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
         5 120 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
        10 000 000/s  70.0 µs  70.0 µs  70.0 µs      0 %  kept
        p99.99<1ms is kept even at 10 000 000/s, the highest rate that is tried
            (p99.99 70.0 µs)
        ");
    }

    #[test]
    fn what_the_instrument_breaks_is_not_laid_to_the_server() {
        let busy = |rate: f64, above: f64, run: &mut Measurement| {
            echoes(run, if rate > 1_500.0 { 4_000 } else { 70 });
            let ran = if rate > above { run.elapsed } else { run.elapsed / 2 };
            let used = Usage { ran, ..Usage::default() };
            run.effort = Some(Effort { used, ..Effort::default() });
        };
        let told = |above| told("p99<1ms", |rate, _, run| busy(rate, above, run));
        let said = "\nat 1530/s the instrument was the limit: its thread had no time left, so the\n    server may keep more";
        assert!(told(1_500.0).ends_with(said), "{}", told(1_500.0));
        assert!(!told(f64::INFINITY).contains("the instrument was"), "it had time");
    }

    #[test]
    fn what_is_known_of_a_search_that_was_stopped() {
        let stopped = |at: usize| {
            told("p50<1ms", |_, step, run| {
                echoes(run, 70);
                run.ended = if step == at { Ended::Stopped } else { Ended::AsPlanned };
            })
        };
        insta::assert_snapshot!(stopped(0), @"
        ECHO board.local:2333 (192.0.2.7:2333) tcp, 64 bytes, the highest rate with
            p50<1ms, 16 connections
                rate      p50      p99   unsent
              10.0/s  70.0 µs  70.0 µs      0 %  stopped
        stopped early: nothing is known of p50<1ms: no step came to its end
        ");
        insta::assert_snapshot!(stopped(2), @"
        ECHO board.local:2333 (192.0.2.7:2333) tcp, 64 bytes, the highest rate with
            p50<1ms, 16 connections
                rate      p50      p99   unsent
              10.0/s  70.0 µs  70.0 µs      0 %  kept
              20.0/s  70.0 µs  70.0 µs      0 %  kept
              40.0/s  70.0 µs  70.0 µs      0 %  stopped
        stopped early: p50<1ms is kept at 20.0/s (p50 70.0 µs); whether at more is not
            known
        ");
    }
}
