//! Rows of cells, one below the other.

/// The margin before each row.
const MARGIN: &str = "   ";

/// The gap between two columns.
const GAP: usize = 2;

/// Each column as wide as its widest cell; one that is empty throughout is none.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> impl Iterator<Item = String> + '_ {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter().map(move |row| {
        let cells = row.iter().zip(widths).filter(|(_, width)| *width > 0);
        let cells: String = cells.map(|(cell, width)| format!("{cell:<0$}", width + GAP)).collect();
        format!("{MARGIN}{}", cells.trim_end())
    })
}
