//! How many of all messages came back within a time that the user named. They are counted as they come, to the
//! nanosecond: what the histogram knows to three digits would leave open on which side of the bound a time lies.

use std::time::Duration;

use super::Measurement;
use super::blocks;
use super::timeline::Column;

/// The messages that came back within a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// The bound; a time that equals it is within.
    pub bound: Duration,
    /// The number of times within it.
    times: u64,
}

impl Within {
    pub(super) const fn new(bound: Duration) -> Self {
        Self { bound, times: 0 }
    }

    /// What had so many messages of a run within the bound, as [`messages`](Self::messages) counts.
    pub(crate) fn known_as(bound: Duration, messages: u64, run: &Measurement) -> Self {
        let (echoed, all) = (run.tally.echoed().max(1), run.times.len());
        let times = (u128::from(messages) * u128::from(all)).div_ceil(u128::from(echoed));
        Self { bound, times: times as u64 }
    }

    pub(super) fn record(&mut self, felt: Duration) {
        self.times += u64::from(felt <= self.bound);
    }

    /// Adds what another run had within the same bound.
    pub(super) fn add(&mut self, other: &Self) {
        self.times += other.times;
    }

    /// The number of messages of the `run` that came back within the bound.
    #[must_use]
    pub fn messages(&self, run: &Measurement) -> u64 {
        let (echoed, times) = (run.tally.echoed(), run.times.len());
        if times == echoed {
            return self.times;
        }
        // Which of them proved wrong later is not known: the others are like them all.
        (u128::from(self.times) * u128::from(echoed) / u128::from(times.max(1))) as u64
    }

    /// The share of all messages of the `run`, those that failed included, that came back within the bound;
    /// None without messages.
    #[must_use]
    pub fn share(&self, run: &Measurement) -> Option<f64> {
        let all = run.tally.messages();
        (all > 0).then(|| self.messages(run) as f64 / all as f64)
    }

    /// The 95 % confidence interval of that share.
    #[must_use]
    pub(crate) fn interval(&self, run: &Measurement) -> Option<(f64, f64)> {
        let late = run.tally.messages() - self.messages(run);
        let bound = self.bound.as_nanos() as f64;
        let failed = |column: &Column<'_>| column.failures() as f64;
        let (low, high) = blocks::share(
            run,
            late,
            |column| failed(column) + column.slower_than(bound),
            |column| failed(column) + column.round_trips() as f64,
        )?;
        Some((1.0 - high, 1.0 - low))
    }
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;

    use super::*;
    use crate::measurement::Sample;
    use crate::measurement::confidence::fail_rate_interval;
    use crate::plan::{Pace, Plan};

    const BOUND: Duration = Duration::from_millis(1);
    const NANO: Duration = Duration::from_nanos(1);

    fn run(plan: &Plan) -> Measurement {
        Measurement::of(&Plan { within: vec![BOUND], ..plan.clone() })
    }

    #[test]
    fn a_time_that_equals_the_bound_is_within_and_none_that_is_longer() {
        let mut run = run(&Plan::new());
        for took in [NANO, BOUND - NANO, BOUND, BOUND + NANO, 2 * BOUND] {
            run.record(&Sample::new(Duration::ZERO, 0, Ok(took)));
        }
        let within = run.within[0];
        assert_eq!((within.messages(&run), within.share(&run)), (3, Some(0.6)));
    }

    #[test]
    fn a_planned_rate_counts_the_wait_and_a_failure_is_never_within() {
        let mut run = run(&Plan { pace: Pace::Rate(1e3), ..Plan::new() });
        assert_eq!(run.within[0].share(&run), None);
        for late in [Duration::ZERO, NANO] {
            let sample = Sample::new(Duration::ZERO, 0, Ok(BOUND));
            run.record(&Sample { late, ..sample });
            run.record(&Sample { late, end: Err(Failure::Reset), ..sample });
            run.record(&Sample { interrupted: true, ..sample });
        }
        assert_eq!(run.within[0].share(&run), Some(0.25));
    }

    #[test]
    fn what_proved_wrong_later_is_not_within() {
        let mut run = run(&Plan::new());
        (0..4).for_each(|_| run.record(&Sample::new(Duration::ZERO, 0, Ok(BOUND))));
        let wrong = Failure::Extra { message: 1, bytes: 1 };
        (0..4).for_each(|_| run.revoke(&Sample::new(Duration::ZERO, 0, Err(wrong))));
        assert_eq!(run.within[0].share(&run), Some(0.0));
    }

    #[test]
    fn its_interval_is_that_of_what_is_late_or_failed() {
        let mut even = run(&Plan::new());
        let at = |n: u32| Duration::from_millis(n.into());
        for n in 0..2_000 {
            let end = match n % 20 {
                0 => Err(Failure::Reset),
                1 => Ok(2 * BOUND),
                _ => Ok(BOUND / 2),
            };
            even.record(&Sample::new(at(n), 0, end));
        }
        even.elapsed = at(2_000);
        let (low, high) = fail_rate_interval(200, 2_000).expect("messages");
        let (lower, higher) = even.within[0].interval(&even).expect("messages");
        assert!((lower - (1.0 - high)).abs() < 1e-9 && (higher - (1.0 - low)).abs() < 1e-9);
        // As many, but all at once.
        let mut crowd = run(&Plan::new());
        for n in 0..2_000 {
            let took = if (600..800).contains(&n) { 2 * BOUND } else { BOUND / 2 };
            crowd.record(&Sample::new(at(n), 0, Ok(took)));
        }
        crowd.elapsed = at(2_000);
        let crowd = crowd.within[0].interval(&crowd).expect("messages");
        assert!(crowd.0 < lower - 0.02 && crowd.1 > higher, "{crowd:?} {lower} {higher}");
    }
}
