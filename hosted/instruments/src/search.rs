//! `--search`: the highest rate at which a server keeps a bound, like `p99<1ms`, found in steps of one rate each.
//!
//! The rate is doubled until a step breaks the bound (or halved until one keeps it); then the gap is halved, on a
//! scale of factors, until it is less than 5 %. What disturbs a step can only make it slower: so one that breaks
//! the bound is repeated once, and counts as broken only if the repetition breaks it, too. Only a step in which
//! every single message was too slow is beyond doubt.
//!
//! [`Search`] decides which rate is tried next; a [`Goal`] says how long a step must be; a [`Step`] is what came of
//! one; a [`Hunt`] makes plans of it all. None of them knows a clock or a stack.

mod goal;
mod hunt;
mod step;

pub use self::goal::Goal;
pub use self::hunt::Hunt;
pub use self::step::{Breach, Step};

/// The search stops when the rate that is broken exceeds the one that is kept by no more than this factor.
const CLOSE: f64 = 1.05;

/// The highest rate that is tried.
const HIGHEST: f64 = 1e7;

/// By how much the first rate may be too high.
const TOO_HIGH: f64 = 8.0;

/// What is tried next, by what has been found.
#[derive(Debug, Clone)]
pub struct Search {
    lowest: f64,
    highest: f64,
    kept: Option<f64>,
    broken: Option<f64>,
    /// The rate of the next step; None if there is none.
    next: Option<f64>,
    /// Whether the last step broke the bound and is repeated.
    doubted: bool,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The bound was kept.
    Kept,
    /// It was broken, perhaps only because something disturbed the step.
    Broken,
    /// It was broken, beyond doubt.
    Missed,
}

/// What a search has found: rates in messages per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// The bound is kept at the first rate and broken at the second.
    Between(f64, f64),
    /// It is kept even at this rate, the highest that was tried.
    AtLeast(f64),
    /// It is broken even at this rate, the lowest that was tried.
    Below(f64),
    /// No step came to its end.
    Unknown,
}

impl Search {
    /// A search that begins with this rate.
    #[must_use]
    pub fn from(first: f64) -> Self {
        let first = round(first).min(HIGHEST);
        Self {
            lowest: round(first / TOO_HIGH),
            highest: HIGHEST,
            kept: None,
            broken: None,
            next: Some(first),
            doubted: false,
        }
    }

    /// The rate of the next step; None if the search is over.
    #[must_use]
    pub const fn next(&self) -> Option<f64> {
        self.next
    }

    /// Tells what came of the next step.
    pub fn tell(&mut self, outcome: Outcome) {
        let Some(rate) = self.next else { return };
        if outcome == Outcome::Broken && !self.doubted {
            self.doubted = true;
            return;
        }
        self.doubted = false;
        let end = if outcome == Outcome::Kept { &mut self.kept } else { &mut self.broken };
        *end = Some(rate);
        self.next = match (self.kept, self.broken) {
            (Some(kept), None) => Some(round(2.0 * kept).min(self.highest)),
            (None, Some(broken)) => Some(round(broken / 2.0).max(self.lowest)),
            (Some(kept), Some(broken)) if broken > kept * CLOSE => {
                Some(round((kept * broken).sqrt()))
            }
            _ => None,
        }
        // Nothing is tried twice.
        .filter(|next| Some(*next) != self.kept && Some(*next) != self.broken);
    }

    /// What has been found so far.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        match (self.kept, self.broken) {
            (Some(kept), Some(broken)) => Answer::Between(kept, broken),
            (Some(kept), None) => Answer::AtLeast(kept),
            (None, Some(broken)) => Answer::Below(broken),
            (None, None) => Answer::Unknown,
        }
    }
}

/// The rate in three digits.
fn round(rate: f64) -> f64 {
    format!("{rate:.2e}").parse().expect("a formatted number is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches by this rule, by the rate and the number of the step; returns the rates tried.
    fn search(first: f64, keeps: impl Fn(f64, usize) -> bool) -> (Answer, Vec<f64>) {
        let (mut search, mut tried) = (Search::from(first), Vec::new());
        while let Some(rate) = search.next() {
            let keeps = keeps(rate, tried.len());
            search.tell(if keeps { Outcome::Kept } else { Outcome::Broken });
            tried.push(rate);
            assert!(tried.len() < 60, "no end is in sight: {tried:?}");
        }
        (search.answer(), tried)
    }

    #[test]
    fn any_limit_is_found_within_five_per_cent() {
        for exponent in 0..500 {
            let limit = 30.0 * 10_f64.powf(f64::from(exponent) / 100.0);
            let (answer, tried) = search(200.0, |rate, _| rate <= limit);
            let Answer::Between(kept, broken) = answer else { panic!("{limit}: {answer:?}") };
            assert!(kept <= limit && limit < broken, "{limit}: {kept} {broken}");
            assert!(broken / kept <= CLOSE, "{limit}: {kept} {broken}");
            assert!(tried.len() <= 32, "{limit}: {tried:?}");
        }
    }

    #[test]
    fn the_steps_double_and_then_close_in() {
        let (answer, tried) = search(1_000.0, |rate, _| rate <= 5_000.0);
        let double = [1_000.0, 2_000.0, 4_000.0, 8_000.0, 8_000.0];
        let close = [5_660.0, 5_660.0, 4_760.0, 5_190.0, 5_190.0, 4_970.0];
        assert_eq!(tried, [&double[..], &close[..]].concat());
        assert_eq!(answer, Answer::Between(4_970.0, 5_190.0));
    }

    #[test]
    fn a_step_that_was_disturbed_is_repeated_and_ends_nothing() {
        let (undisturbed, steps) = search(200.0, |rate, _| rate <= 5_000.0);
        for disturbed in 0..steps.len() {
            let (answer, _) = search(200.0, |rate, step| rate <= 5_000.0 && step != disturbed);
            assert_eq!(answer, undisturbed, "step {disturbed} of {steps:?}");
        }
    }

    #[test]
    fn what_is_always_or_never_kept_has_an_end() {
        let (answer, tried) = search(200.0, |_, _| true);
        assert_eq!((answer, tried.last()), (Answer::AtLeast(HIGHEST), Some(&HIGHEST)));
        let (answer, tried) = search(200.0, |_, _| false);
        assert_eq!(answer, Answer::Below(25.0));
        assert_eq!(tried, [200.0, 200.0, 100.0, 100.0, 50.0, 50.0, 25.0, 25.0]);
        assert_eq!(search(1e9, |_, _| true).0, Answer::AtLeast(HIGHEST));
    }

    #[test]
    fn what_is_beyond_doubt_is_not_repeated() {
        let mut search = Search::from(200.0);
        assert_eq!(search.answer(), Answer::Unknown);
        for rate in [200.0, 100.0, 50.0, 25.0] {
            assert_eq!(search.next(), Some(rate));
            search.tell(Outcome::Missed);
        }
        assert_eq!((search.next(), search.answer()), (None, Answer::Below(25.0)));
        search.tell(Outcome::Kept);
        assert_eq!(search.answer(), Answer::Below(25.0), "it is over");
    }
}
