//! The distribution of times, in bars. Rows are logarithmic: one outlier would squeeze linear
//! ones into one.

use std::time::Duration;

use crate::measurement::times::Times;
use crate::quantity;

/// The most rows.
const ROWS: usize = 16;

/// Where rows begin in each decade, from fine to coarse.
const STEPS: [&[f64]; 5] = [
    &[1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0],
    &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
    &[1.0, 2.0, 5.0],
    &[1.0, 3.0],
    &[1.0],
];

/// The widest bar where there is room.
const WIDEST: usize = 50;

/// Eighths of a letter, and none.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A row for each range of times, within `width`: where it begins, a bar, the share and the count.
pub(super) fn histogram(times: &Times, width: usize) -> Vec<String> {
    let (Some(fastest), Some(slowest)) = (times.fastest(), times.slowest()) else {
        return Vec::new();
    };
    let edges = edges(nanos(fastest), nanos(slowest));
    let counts = counts(times, &edges);
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let wide = quantity::count(most).len();
    // The margin, the time, the share, and blanks between the parts.
    let room = width.saturating_sub(3 + 7 + 8 + wide + 3 * 2).clamp(1, WIDEST);
    let row = |(edge, count): (&f64, &u64)| {
        let from = quantity::duration(Duration::from_nanos(edge.round() as u64));
        let share = quantity::ratio(*count as f64 / times.len() as f64);
        let bar = bar(*count as f64 / most as f64, room);
        // The bar's letters are one column each.
        format!("   {from:>7}  {bar:<room$}  {share:>8}  {:>wide$}", quantity::count(*count))
    };
    edges.iter().zip(&counts).map(row).collect()
}

/// Where the rows begin that hold all times from the `fastest` to the `slowest`, in nanoseconds.
fn edges(fastest: f64, slowest: f64) -> Vec<f64> {
    let decades = 0..=slowest.max(1.0).log10() as i32;
    let of = |steps: &'static [f64]| {
        let all = decades
            .clone()
            .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
        let all: Vec<_> = all.take_while(|edge| *edge <= slowest.max(1.0)).collect();
        let first = all.iter().rposition(|edge| *edge <= fastest).unwrap_or(0);
        all[first..].to_vec()
    };
    let fits = |edges: &Vec<f64>| edges.len() <= ROWS;
    STEPS.into_iter().map(of).find(fits).unwrap_or_else(|| of(STEPS[4]))
}

/// The number of times in each row. They are known to three digits.
fn counts(times: &Times, edges: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.len()];
    for value in times.histogram().iter_recorded() {
        let at = times.known(value.value_iterated_to());
        let row = edges.partition_point(|edge| *edge <= nanos(at)).max(1) - 1;
        counts[row] += value.count_since_last_iteration();
    }
    counts
}

/// A bar for this share of `room` columns; any share above 0 is visible.
fn bar(share: f64, room: usize) -> String {
    let eighths = (share * room as f64 * 8.0).ceil() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nanos: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::new();
        nanos.into_iter().for_each(|nanos| times.record(Duration::from_nanos(nanos)));
        times
    }

    #[test]
    fn every_time_is_in_one_row_and_rows_are_few() {
        for nanos in [
            vec![0],
            vec![1, 2],
            vec![999, 1_000, 1_001],
            vec![1, 3_600_000_000_000],
            (1..3_000).map(|n: u64| n.pow(3)).collect(),
            (0..500).map(|n| 80_000 + 7 * n).collect(),
        ] {
            let times = of(nanos.iter().copied());
            let ends =
                [times.fastest(), times.slowest()].map(|end| super::nanos(end.expect("one")));
            let edges = edges(ends[0], ends[1]);
            assert!(edges.len() <= 20 && edges.is_sorted(), "{edges:?}");
            assert_eq!(counts(&times, &edges).iter().sum::<u64>(), nanos.len() as u64);
            for width in [1, 40, 80, 200] {
                let rows = histogram(&times, width);
                assert_eq!(rows.len(), edges.len());
                assert!(width < 40 || rows.iter().all(|row| row.chars().count() <= width));
            }
        }
        assert_eq!(histogram(&Times::new(), 80), [""; 0]);
    }

    #[test]
    fn rows_are_as_fine_as_fits() {
        assert_eq!(edges(70_000.0, 120_000.0), [63_000.0, 80_000.0, 100_000.0]);
        assert_eq!(edges(70e3, 15e6).len(), 15, "six in a decade");
        assert_eq!(edges(70e3, 4e9).first(), Some(&50_000.0), "three in a decade");
    }

    #[test]
    fn what_is_not_nothing_is_seen() {
        assert_eq!([0.0, 1e-9, 0.5, 1.0].map(|share| bar(share, 3)), ["", "▏", "█▌", "███"]);
    }
}
