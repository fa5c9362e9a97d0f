//! Percentiles of one or more sorts of times.

use super::super::loss::{WITH_FAILURES, word};
use crate::measurement::Measurement;
use crate::measurement::arrival::{Arrival, arrival};
use crate::measurement::percentiles::{PERCENTILES, percentile, shown};

/// The least width of a column.
const COLUMN: usize = 10;

/// The gap between two columns.
const GAP: usize = 2;

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
        let cells = values.chain([Some(slowest)]).map(|time| word(time.map(Arrival::After)));
        // A connection's own message is more than its round trip.
        let name = if name == "rtt" && connecting.is_some() { "message" } else { name };
        grid.push([name.to_owned()].into_iter().chain(cells).collect());
    }
    if grid.len() > 1 && measurement.tally.failures() > 0 {
        let felt = measurement.felt();
        let values = wanted.iter().map(|(_, one_in)| arrival(measurement, felt, *one_in));
        let cells = values.chain([Some(Arrival::Never)]).map(word);
        grid.push([WITH_FAILURES.to_owned()].into_iter().chain(cells).collect());
    }
    match grid.len() {
        1 => return Vec::new(),
        // One sort needs no name.
        2 => grid.iter_mut().for_each(|row| drop(row.remove(0))),
        _ => {}
    }
    let lying = lines(&grid);
    if lying.iter().all(|line| line.chars().count() <= width) {
        return lying;
    }
    let column = |n: usize| grid.iter().map(|row| row[n].clone()).collect();
    lines(&(0..grid[0].len()).map(column).collect::<Vec<_>>())
}

/// The rows, each column as wide as its widest cell needs.
fn lines(rows: &[Vec<String>]) -> Vec<String> {
    let cell = |row: &Vec<String>, n: usize| row[n].chars().count() + GAP;
    let wide = |n: usize| rows.iter().map(|row| cell(row, n)).fold(COLUMN, usize::max);
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(n, cell)| format!("{cell:<0$}", wide(n)));
        format!("{MARGIN}{}", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}
