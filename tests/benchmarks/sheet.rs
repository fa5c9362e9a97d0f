//! What each row had in each column, in every round; in the end a table in Markdown.

use std::fmt;
use std::time::Duration;

use echo_instruments::quantity::{amount, bytes, duration};

/// How the numbers of a column are written.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Seconds.
    Time,
    /// Seconds more, or fewer.
    Error,
    PerSecond,
    /// Of one.
    Share,
    Bytes,
    BytesPerSecond,
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Time => duration(Duration::from_secs_f64(value.max(0.0))),
            Self::Error => {
                let sign = if value < 0.0 { "-" } else { "+" };
                format!("{sign}{}", duration(Duration::from_secs_f64(value.abs())))
            }
            Self::PerSecond => format!("{}/s", amount(value)),
            Self::Share => format!("{:.0} %", value * 100.0),
            Self::Bytes => bytes(value.round().max(0.0) as u64),
            Self::BytesPerSecond => format!("{}/s", bytes(value as u64)),
        }
    }

    /// The unit stands once if it is that of both ends; there is no range if they are written alike.
    fn range(self, least: f64, most: f64) -> String {
        let (least, most) = (self.write(least), self.write(most));
        if least == most {
            return String::new();
        }
        let digit = |it: char| it.is_ascii_digit();
        let unit = most.rsplit(digit).next().unwrap_or_default();
        let least = least.strip_suffix(unit).filter(|rest| rest.ends_with(digit)).unwrap_or(&least);
        format!(" ({least} to {most})")
    }
}

/// A table in the making.
pub(crate) struct Sheet {
    corner: &'static str,
    columns: Vec<(&'static str, Unit)>,
    /// By row and column, a value of each round.
    rows: Vec<(String, Vec<Vec<f64>>)>,
    /// Whether the first row is what the others are compared with.
    compares: bool,
}

impl Sheet {
    /// The first of the rows is what the others are compared with.
    pub(crate) fn new(
        corner: &'static str,
        rows: impl IntoIterator<Item = impl Into<String>>,
        columns: &[(&'static str, Unit)],
    ) -> Self {
        let empty = vec![Vec::new(); columns.len()];
        let rows = rows.into_iter().map(|name| (name.into(), empty.clone())).collect();
        Self { corner, columns: columns.to_vec(), rows, compares: true }
    }

    /// Each row stands for itself.
    pub(crate) fn without_ratios(self) -> Self {
        Self { compares: false, ..self }
    }

    pub(crate) fn note(&mut self, row: usize, column: usize, value: f64) {
        self.rows[row].1[column].push(value);
    }

    fn cell(&self, row: usize, column: usize) -> String {
        let unit = self.columns[column].1;
        let (values, base) = (&self.rows[row].1[column], &self.rows[0].1[column]);
        let Some([least, median, most]) = spread(values) else { return "·".into() };
        let compares = self.compares && row > 0 && !matches!(unit, Unit::Bytes | Unit::Share);
        if !compares || base.len() != values.len() {
            return unit.write(median) + &unit.range(least, most);
        }
        let ratios: Vec<_> = values.iter().zip(base).map(|(value, base)| value / base).collect();
        let [least, middle, most] = spread(&ratios).expect("as many as there are values");
        let range = format!(" ({least:.2} to {most:.2})");
        let range = if ratios.len() > 1 { &*range } else { "" };
        format!("{}, ×{middle:.2}{range}", unit.write(median))
    }
}

/// The table in Markdown.
impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads: Vec<_> = self.columns.iter().map(|(head, _)| *head).collect();
        writeln!(f, "| {} | {} |", self.corner, heads.join(" | "))?;
        writeln!(f, "|---|{}", "---|".repeat(heads.len()))?;
        for (row, (name, _)) in self.rows.iter().enumerate() {
            let cells: Vec<_> = (0..heads.len()).map(|column| self.cell(row, column)).collect();
            writeln!(f, "| {name} | {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// The median, between the ends of its range.
fn spread(values: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (out, last) = (outside(sorted.len()), sorted.len().checked_sub(1)?);
    Some([sorted[out], sorted[sorted.len() / 2], sorted[last - out]])
}

/// How many of so many values lie outside the range at either end: so many that the median of all that could be measured lies within
/// with 95 % confidence. Each value is as likely above that one as below it.
fn outside(values: usize) -> usize {
    let values = values as f64;
    let (mut out, mut chance) = (0.0, 0.5_f64.powf(values));
    let mut sum = chance;
    loop {
        chance *= (values - out) / (out + 1.0);
        sum += chance;
        if sum > 0.025 {
            return out as usize;
        }
        out += 1.0;
    }
}
