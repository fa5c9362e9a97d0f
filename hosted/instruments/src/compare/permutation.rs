//! Whether two groups of runs differ by more than chance, for several numbers of each run at once.
//!
//! If both sides are the same program, which run stands on which side is arbitrary: every other division of the runs
//! was as likely. So the difference that was found is compared with those of all other divisions, and nothing is supposed about
//! how runs scatter. Ten numbers are ten chances of being wrong; so each division counts by the largest difference among its
//! numbers (Westfall and Young, Resampling-Based Multiple Testing, 1993): then a false alarm about any of them is as rare as
//! it is said to be, however much the numbers resemble each other.

use crate::random::Random;

/// The share of comparisons of like runs that may find a difference.
pub(super) const ALPHA: f64 = 0.05;

/// Up to as many divisions all are looked at: 10 runs a side have 184 756.
const ALL: f64 = 200_000.0;

/// Otherwise so many are drawn.
const DRAWN: u32 = 20_000;

/// The number of ways to divide so many runs into sides of these sizes.
pub(super) fn divisions(before: usize, after: usize) -> f64 {
    (1..=before).map(|n| (after + n) as f64 / n as f64).product::<f64>().round()
}

/// Whether that many runs can show a difference at all: it may be found the other way round, too.
pub(super) fn can_tell(before: usize, after: usize) -> bool {
    2.0 / divisions(before, after) <= ALPHA
}

/// For each number the share of divisions whose largest difference is no smaller than its own. A number is
/// its values in all runs, those of the first side `before` first.
pub(super) fn chances(numbers: &[Vec<f64>], before: usize) -> Vec<f64> {
    let runs = numbers.first().map_or(0, Vec::len);
    let sums: Vec<_> = numbers.iter().map(|values| Sums::of(values, before)).collect();
    let found: Vec<_> = sums.iter().map(|sums| sums.difference(0..before)).collect();
    let mut hits = vec![0.0; numbers.len()];
    let mut count = 0.0;
    let mut look = |first: &[usize]| {
        let differences = sums.iter().map(|sums| sums.difference(first.iter().copied()));
        let largest = differences.fold(0.0, f64::max);
        for (hits, found) in hits.iter_mut().zip(&found) {
            // Sums in another order differ in their last digits.
            *hits += f64::from(u8::from(largest >= found * (1.0 - 1e-9)));
        }
        count += 1.0;
    };
    let mut first: Vec<_> = (0..before).collect();
    if divisions(before, runs - before) <= ALL {
        loop {
            look(&first);
            if !next(&mut first, runs) {
                break;
            }
        }
    } else {
        look(&first);
        let mut random = Random(1);
        let mut all: Vec<_> = (0..runs).collect();
        for _ in 0..DRAWN {
            for place in 0..before {
                all.swap(place, place + random.below(runs - place));
            }
            look(&all[..before]);
        }
    }
    hits.iter().map(|hits| hits / count).collect()
}

/// One number of all runs, ready to be divided in many ways.
struct Sums {
    /// The values, from their mean.
    values: Vec<f64>,
    squares: f64,
    before: f64,
    after: f64,
}

impl Sums {
    fn of(values: &[f64], before: usize) -> Self {
        let n = values.len() as f64;
        // From the first one: those that are all alike are their mean to the last digit.
        let first = values.first().copied().unwrap_or_default();
        let values = values.iter().map(|value| value - first);
        let mean = values.clone().sum::<f64>() / n;
        let values: Vec<_> = values.map(|value| value - mean).collect();
        let squares = values.iter().map(|value| value * value).sum();
        let before = before as f64;
        Self { values, squares, before, after: n - before }
    }

    /// How far the means of the sides are apart, in units of how far runs of one side scatter (the absolute value of
    /// Student's t, but for a factor that is the same for all divisions).
    fn difference(&self, first: impl IntoIterator<Item = usize>) -> f64 {
        let sum: f64 = first.into_iter().map(|run| self.values[run]).sum();
        // The sums of both sides are opposite: the values are told from their mean.
        let between = sum * sum * (1.0 / self.before + 1.0 / self.after);
        let within = (self.squares - between).max(self.squares * 1e-12);
        if self.squares > 0.0 { (between / within).sqrt() } else { 0.0 }
    }
}

/// The next subset of so many `of` numbers, in the order of a dictionary; false after the last.
fn next(subset: &mut [usize], of: usize) -> bool {
    let size = subset.len();
    let Some(place) = (0..size).rev().find(|place| subset[*place] < of - size + place) else {
        return false;
    };
    let from = subset[place] + 1;
    for (offset, number) in subset[place..].iter_mut().enumerate() {
        *number = from + offset;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_are_binomial() {
        for (before, after, count) in
            [(1, 1, 2.0), (3, 3, 20.0), (5, 5, 252.0), (10, 10, 184_756.0)]
        {
            assert_eq!(divisions(before, after), count);
        }
        let able: Vec<_> = (1..=5).map(|n| can_tell(n, n)).collect();
        assert_eq!(able, [false, false, false, true, true]);
        assert!(can_tell(3, 5) && !can_tell(1, 38) && can_tell(1, 39));
    }

    #[test]
    fn all_subsets_come_once() {
        let mut subset = [0, 1, 2];
        let mut seen = std::collections::BTreeSet::from([subset]);
        while next(&mut subset, 6) {
            assert!(seen.insert(subset));
        }
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn sides_that_do_not_overlap_are_one_division_of_all() {
        let apart =
            |n: usize| (0..2 * n).map(move |run| run as f64 + if run < n { 0.0 } else { 99.0 });
        for n in [3, 4, 5, 7] {
            let chance = chances(&[apart(n).collect()], n)[0];
            // And its mirror image.
            assert_eq!(chance, 2.0 / divisions(n, n));
        }
    }

    /// Such as the rate of runs at a planned one: 8 Mbit/s each time.
    #[test]
    fn a_number_that_is_the_same_in_all_runs_hides_no_other() {
        let runs = 10_usize;
        let apart = |run: usize| run as f64 + if run < runs / 2 { 0.0 } else { 99.0 };
        let numbers: Vec<Vec<_>> = vec![(0..runs).map(apart).collect()];
        let alone = chances(&numbers, runs / 2)[0];
        for same in (1..1_000).map(|rate| f64::from(rate) * 8e3).chain([0.0]) {
            for same in [same, same.max(1e-9).ln()] {
                let both = [numbers.clone(), vec![vec![same; runs]]].concat();
                assert_eq!(chances(&both, runs / 2), [alone, 1.0], "{same}");
            }
        }
    }

    #[test]
    fn the_chance_is_that_of_the_textbook() {
        // Two-sided test of the difference of means, all 70 divisions of 1..=8 by hand: sums of four that are
        // as far from 18 as 10 is: 10 and 26 (one each). As far as 11: four. As far as 12: eight.
        for (first, of_70) in
            [([1.0, 2.0, 3.0, 4.0], 2.0), ([1.0, 2.0, 3.0, 5.0], 4.0), ([1.0, 2.0, 3.0, 6.0], 8.0)]
        {
            let rest = (1..=8).map(f64::from).filter(|value| !first.contains(value));
            let values: Vec<_> = first.into_iter().chain(rest).collect();
            assert!((chances(&[values], 4)[0] - of_70 / 70.0).abs() < 1e-12, "{first:?}");
        }
    }

    #[test]
    fn a_second_number_is_a_second_chance_unless_it_is_the_same() {
        let one = vec![1.0, 2.0, 4.0, 3.0, 7.0, 5.0, 8.0, 6.0];
        let alone = chances(std::slice::from_ref(&one), 4)[0];
        let twice = chances(&[one.clone(), one.iter().map(|value| 3.0 * value).collect()], 4);
        assert!(twice.iter().all(|chance| (chance - alone).abs() < 1e-12), "{twice:?} {alone}");
        let other = vec![5.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0];
        assert!(chances(&[one, other], 4)[0] > alone);
    }

    #[test]
    fn many_runs_are_drawn_from_and_nothing_differs_from_itself() {
        let values = |shift: f64| -> Vec<_> {
            (0..40)
                .map(|run| f64::from(run * 7 % 20) + if run < 20 { 0.0 } else { shift })
                .collect()
        };
        assert_eq!(chances(&[vec![3.0; 40]], 20), [1.0]);
        assert!(chances(&[values(0.0)], 20)[0] > 0.9);
        assert!(chances(&[values(30.0)], 20)[0] < 1e-4);
    }
}
