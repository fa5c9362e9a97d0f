//! By how much one group of values is shifted against another.
//!
//! The shift is the median of all differences between a value of one and a value of the other (Hodges and Lehmann 1963): one odd run
//! does not move it far. Which of these differences bound it follows from the ranks alone (Moses; Hollander and Wolfe,
//! Nonparametric Statistical Methods).

use crate::measurement::confidence::Z;

/// Up to as many differences the distribution of the ranks is counted out.
const COUNTED: usize = 400;

/// The share of cases in which the shift may lie beyond one end.
const BEYOND: f64 = 0.025;

/// The shift, and its 95 % confidence interval if there are enough values for one.
pub(super) fn shift(before: &[f64], after: &[f64]) -> (f64, Option<[f64; 2]>) {
    let mut differences: Vec<_> =
        after.iter().flat_map(|after| before.iter().map(move |before| after - before)).collect();
    differences.sort_by(f64::total_cmp);
    let count = differences.len();
    let middle = (differences[(count - 1) / 2] + differences[count / 2]) / 2.0;
    let ends = beyond(before.len(), after.len());
    (middle, ends.map(|rank| [differences[rank], differences[count - 1 - rank]]))
}

/// How many differences lie beyond each end of the interval; None if not even the outermost bound it.
fn beyond(n: usize, m: usize) -> Option<usize> {
    if n * m > COUNTED {
        let (n, m) = (n as f64, m as f64);
        let rank = n * m / 2.0 - Z * (n * m * (n + m + 1.0) / 12.0).sqrt();
        return Some(rank as usize);
    }
    let ways = ways(n, m);
    let most = ways.iter().sum::<f64>() * BEYOND;
    let mut below = 0.0;
    let within = ways.iter().take_while(|ways| {
        below += **ways;
        below <= most
    });
    within.count().checked_sub(1)
}

/// For each number of pairs in which the second is the smaller, the number of orders of n and m values that have it: the
/// coefficients of the Gaussian binomial.
fn ways(n: usize, m: usize) -> Vec<f64> {
    let mut ways = vec![0.0; n * m + 1];
    ways[0] = 1.0;
    for i in 1..=n {
        for place in (m + i..ways.len()).rev() {
            ways[place] -= ways[place - m - i];
        }
        for place in i..ways.len() {
            ways[place] += ways[place - i];
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn ranks_are_those_of_the_tables() {
        // Mann-Whitney, 5 %, both sides: the critical U of the tables; None where there is none.
        for (n, m, critical) in [
            (3, 3, None),
            (4, 4, Some(0)),
            (3, 5, Some(0)),
            (5, 5, Some(2)),
            (8, 8, Some(13)),
            (10, 10, Some(23)),
            (20, 20, Some(127)),
        ] {
            assert_eq!(beyond(n, m), critical, "{n} and {m}");
        }
        assert!(beyond(25, 25).is_some_and(|rank| rank.abs_diff(211) <= 1));
        assert_eq!(ways(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
    }

    #[test]
    fn a_shift_is_found_and_one_odd_value_does_not_matter() {
        let before = [70.0, 72.0, 71.0, 73.0, 69.0];
        let after = before.map(|value| value + 10.0);
        let (middle, ends) = shift(&before, &after);
        assert_eq!(middle, 10.0);
        let [low, high] = ends.expect("five a side");
        assert!(low < 10.0 && 10.0 < high && low > 6.0 && high < 14.0, "{low} {high}");
        let odd = [80.0, 82.0, 81.0, 83.0, 500.0];
        assert!((9.0..14.0).contains(&shift(&before, &odd).0));
        assert_eq!(shift(&[1.0; 3], &[2.0; 3]), (1.0, None));
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let mut random = Random(1);
        for n in [4, 5, 10] {
            let held = (0..2_000).filter(|_| {
                let before: Vec<_> = (0..n).map(|_| random.uniform().powi(3)).collect();
                let after: Vec<_> = (0..n).map(|_| random.uniform().powi(3) + 0.3).collect();
                let [low, high] = shift(&before, &after).1.expect("enough");
                (low..=high).contains(&0.3)
            });
            let share = held.count() as f64 / 2_000.0;
            // The ranks of few values are coarse: it holds somewhat more often.
            assert!((0.94..=0.985).contains(&share), "{share} of {n} a side");
        }
    }
}
