//! Percentiles of one or more sorts of times.

use crate::measurement::Measurement;
use crate::measurement::percentiles::{PERCENTILES, percentile, shown};
use crate::quantity;

/// Width of a column.
const COLUMN: usize = 10;

/// The margin before each row.
const MARGIN: &str = "   ";

/// A row for each sort of times, or a column where rows are wider than `width`; of `all`
/// percentiles, or of those that have room.
pub(super) fn percentiles(measurement: &Measurement, width: usize, all: bool) -> Vec<String> {
    let wanted: Vec<_> = if all { PERCENTILES.to_vec() } else { shown().take(5).collect() };
    let names = wanted.iter().map(|(name, _)| *name).chain(["max"]).map(str::to_owned);
    let mut grid = vec![[String::new()].into_iter().chain(names).collect::<Vec<_>>()];
    let connecting = measurement.connecting.as_ref().map(|times| ("connect", times));
    for (name, times) in measurement.named().chain(connecting) {
        let Some(slowest) = times.slowest() else { continue };
        let values = wanted.iter().map(|(_, one_in)| percentile(times, *one_in));
        let word = |time: Option<_>| time.map_or("n/a".into(), quantity::duration);
        let cells = values.chain([Some(slowest)]).map(word);
        // A connection's own message is more than its round trip.
        let name = if name == "rtt" { "message" } else { name };
        grid.push([name.to_owned()].into_iter().chain(cells).collect());
    }
    match grid.len() {
        1 => return Vec::new(),
        // One sort needs no name.
        2 => grid.iter_mut().for_each(|row| drop(row.remove(0))),
        _ => {}
    }
    let lying: Vec<_> = grid.iter().map(|row| line(row)).collect();
    if lying.iter().all(|line| line.chars().count() <= width) {
        return lying;
    }
    let column = |n: usize| grid.iter().map(|row| row[n].clone()).collect::<Vec<_>>();
    (0..grid[0].len()).map(|n| line(&column(n))).collect()
}

fn line(cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:<COLUMN$}")).collect();
    format!("{MARGIN}{}", cells.trim_end())
}
