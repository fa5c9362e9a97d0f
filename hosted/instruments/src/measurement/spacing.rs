//! Whether the messages of a planned rate were sent as planned: as many, and at distances of the sort that was
//! asked for.
//!
//! The planned instants are exact. What is checked here is what came of them: a message that waits for its
//! connection, or for this process to wake up, is sent at another distance from the one before.

use std::time::Duration;

use crate::plan::{Arrivals, Pace, Plan};

/// The most distances that are kept.
const KEPT: usize = 2_000;

/// The fewest that say anything.
const FEWEST: usize = 50;

/// The rate may differ from the planned one by so much.
const TOLERANCE: f64 = 0.1;

/// A random rate differs by chance. This many standard deviations are exceeded in one run of a thousand.
const CHANCE: f64 = 3.3;

/// Exponential distances exceed this value of A²* in less than one run of ten thousand (simulated below). It is
/// twice the value that one in a hundred exceeds, as the authors of Lancet chose, so that only what matters is
/// found.
const BOUND: f64 = 2.0 * CRITICAL;

/// One in a hundred samples with exponential distances exceeds it, if their mean is taken from the sample
/// (Stephens 1974, with his factor 1 + 0.6/n; the simulation below agrees).
const CRITICAL: f64 = 1.957;

/// Of equal distances this share may be wrong by more than half.
const UNEVEN: f64 = 0.1;

/// The distances between messages as they were sent.
#[derive(Debug, Clone)]
pub struct Spacing {
    per_second: f64,
    arrivals: Arrivals,
    first: Option<Duration>,
    last: Duration,
    sent: u64,
    waited: u64,
    /// Distances in nanoseconds, one in `stride` of all.
    gaps: Vec<u64>,
    stride: u64,
}

/// Whether messages were sent as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They were.
    AsPlanned,
    /// There were too few to tell.
    TooFew,
    /// There were more or fewer of them.
    Rate,
    /// Their distances were of another sort.
    Distances,
}

impl Spacing {
    /// Nothing was sent yet; None if no rate is planned.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        let Pace::Rate(per_second) = plan.pace else { return None };
        Some(Self {
            per_second,
            arrivals: plan.arrivals,
            first: None,
            last: Duration::ZERO,
            sent: 0,
            waited: 0,
            gaps: Vec::with_capacity(KEPT),
            stride: 1,
        })
    }

    /// A message was sent, perhaps later than it was due because its connection was busy. Allocates nothing.
    pub(crate) fn sent(&mut self, at: Duration, waited: bool) {
        let gap = at.saturating_sub(self.last);
        self.last = at;
        self.waited += u64::from(waited);
        self.sent += 1;
        if self.first.is_none() {
            self.first = Some(at);
        } else if self.sent.is_multiple_of(self.stride) {
            self.gaps.push(gap.as_nanos() as u64);
        }
        self.thin_out();
    }

    /// Adds what was sent in another run of the same plan, which began so long `after` this one.
    pub(super) fn add(&mut self, other: &Self, after: Duration) {
        let Some(first) = other.first else { return };
        self.first = self.first.map_or(Some(after + first), |mine| Some(mine.min(after + first)));
        self.last = self.last.max(after + other.last);
        self.sent += other.sent;
        self.waited += other.waited;
        self.gaps.extend(&other.gaps);
        self.stride = self.stride.max(other.stride);
        self.thin_out();
    }

    /// Every second one of independent distances is as independent.
    fn thin_out(&mut self) {
        while self.gaps.len() >= KEPT {
            let mut number = 0_usize;
            self.gaps.retain(|_| {
                number += 1;
                number.is_multiple_of(2)
            });
            self.stride *= 2;
        }
    }

    /// What was planned.
    #[must_use]
    pub const fn arrivals(&self) -> Arrivals {
        self.arrivals
    }

    /// The messages per second that were planned.
    #[must_use]
    pub const fn planned_rate(&self) -> f64 {
        self.per_second
    }

    /// The messages per second that were sent, if there were two at least.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let time = self.last.saturating_sub(self.first?).as_secs_f64();
        (time > 0.0).then(|| (self.sent - 1) as f64 / time)
    }

    /// The share of messages that were due while their connection was busy with the one before.
    #[must_use]
    pub fn waited(&self) -> Option<f64> {
        (self.sent > 0).then(|| self.waited as f64 / self.sent as f64)
    }

    /// Whether they were sent as planned.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let Some(rate) = self.rate().filter(|_| self.gaps.len() >= FEWEST) else {
            return Verdict::TooFew;
        };
        let (chance, alike) = match self.arrivals {
            Arrivals::Even => (0.0, self.uneven().is_some_and(|share| share <= UNEVEN)),
            Arrivals::Poisson { .. } => {
                let chance = CHANCE / (self.sent as f64).sqrt();
                (chance, self.anderson_darling().is_some_and(|a2| a2 <= BOUND))
            }
        };
        // Of few messages the mean distance scatters more evenly than the rate.
        if (self.per_second / rate - 1.0).abs() > TOLERANCE.max(chance) {
            Verdict::Rate
        } else if alike {
            Verdict::AsPlanned
        } else {
            Verdict::Distances
        }
    }

    /// How unlike an exponential distribution the distances are (A²*, Anderson and Darling), and what it may be, if
    /// that was planned.
    #[must_use]
    pub fn unlikeness(&self) -> Option<[f64; 2]> {
        matches!(self.arrivals, Arrivals::Poisson { .. }).then_some(())?;
        Some([self.anderson_darling()?, BOUND])
    }

    /// The share of distances that are wrong by more than half of the planned one.
    fn uneven(&self) -> Option<f64> {
        let planned = 1e9 / self.per_second;
        let wrong = |gap: &&u64| (**gap as f64 - planned).abs() > planned / 2.0;
        let wrong = self.gaps.iter().filter(wrong).count();
        (!self.gaps.is_empty()).then(|| wrong as f64 / self.gaps.len() as f64)
    }

    /// A² of the distances against the exponential distribution of their mean, as for a sample of any size.
    fn anderson_darling(&self) -> Option<f64> {
        // The clock is too coarse for a shorter one.
        let mut gaps: Vec<_> = self.gaps.iter().map(|gap| (*gap as f64).max(0.5)).collect();
        gaps.sort_unstable_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let terms = gaps.iter().zip(gaps.iter().rev()).zip(0_u32..).map(|((short, long), i)| {
            let below = -(-short / mean).exp_m1();
            (2.0 * f64::from(i) + 1.0) * (below.ln() - long / mean)
        });
        let a2 = -n - terms.sum::<f64>() / n;
        (n > 0.0).then_some(a2 * (1.0 + 0.6 / n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const RATE: f64 = 5_000.0;

    fn spacing(arrivals: Arrivals) -> Spacing {
        let plan = Plan { pace: Pace::Rate(RATE), arrivals, ..Plan::new() };
        Spacing::of(&plan).expect("a rate")
    }

    const POISSON: Arrivals = Arrivals::Poisson { seed: 1 };

    /// What is seen of so many messages at these distances, in means.
    fn seen(arrivals: Arrivals, sent: u32, mut gap: impl FnMut() -> f64) -> Spacing {
        let mut spacing = spacing(arrivals);
        let mut at = 0.0;
        for _ in 0..sent {
            at += gap() / RATE;
            spacing.sent(Duration::from_secs_f64(at), false);
        }
        spacing
    }

    fn exponential(random: &mut Random) -> f64 {
        -random.uniform().ln()
    }

    /// The published value, and how seldom a good sample is doubted.
    #[test]
    fn few_samples_with_exponential_distances_are_doubted() {
        const RUNS: u32 = 4_000;
        let mut random = Random(1);
        let (mut critical, mut doubted) = (0, 0);
        for run in 0..RUNS {
            // A run of 51 messages, or of some hundred: the factor makes them alike.
            let sent = if run % 2 == 0 { 51 } else { 301 };
            let spacing = seen(POISSON, sent, || exponential(&mut random));
            let a2 = spacing.anderson_darling().expect("distances");
            critical += u32::from(a2 > CRITICAL);
            doubted += u32::from(spacing.verdict() != Verdict::AsPlanned);
        }
        // 1 % ± 4 standard deviations; those of the rate and of the distances together below 0.3 %.
        assert!((15..=65).contains(&critical), "{critical}");
        assert!(doubted <= 12, "{doubted}");
    }

    #[test]
    fn another_sort_of_distances_is_found() {
        let mut random = Random(2);
        let verdict = |spacing: Spacing| spacing.verdict();
        assert_eq!(verdict(seen(POISSON, 2_000, || exponential(&mut random))), Verdict::AsPlanned);
        assert_eq!(verdict(seen(POISSON, 2_000, || 1.0)), Verdict::Distances);
        assert_eq!(verdict(seen(POISSON, 2_000, || 2.0 * random.uniform())), Verdict::Distances);
        // None is shorter than a tenth of the mean, because a connection is busy for so long.
        let busy = |random: &mut Random| exponential(random).max(0.1);
        assert_eq!(verdict(seen(POISSON, 2_000, || busy(&mut random))), Verdict::Distances);
        assert_eq!(verdict(seen(POISSON, 2_000, || 1.3 * exponential(&mut random))), Verdict::Rate);
        assert_eq!(verdict(seen(POISSON, 2_000, || 0.8 * exponential(&mut random))), Verdict::Rate);
        assert_eq!(verdict(seen(POISSON, 50, || exponential(&mut random))), Verdict::TooFew);
        let even = Arrivals::Even;
        assert_eq!(verdict(seen(even, 2_000, || 0.9 + 0.2 * random.uniform())), Verdict::AsPlanned);
        assert_eq!(verdict(seen(even, 2_000, || exponential(&mut random))), Verdict::Distances);
        assert_eq!(verdict(seen(even, 2_000, || 1.2)), Verdict::Rate);
    }

    #[test]
    fn a_long_run_needs_no_more_memory_and_says_the_same() {
        let mut random = Random(3);
        let spacing = seen(POISSON, 1_000_000, || exponential(&mut random));
        assert!((KEPT / 2 - 1..KEPT).contains(&spacing.gaps.len()), "{}", spacing.gaps.len());
        assert_eq!((spacing.gaps.capacity(), spacing.verdict()), (KEPT, Verdict::AsPlanned));
        let rate = spacing.rate().expect("a rate");
        assert!((rate / RATE - 1.0).abs() < 0.005, "{rate}");
    }
}
