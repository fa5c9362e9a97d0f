//! Where the tables stand in the README.

/// What is around them.
pub(crate) const MARKS: [&str; 2] =
    ["<!-- benchmarks: written by cargo bench -p benchmarks -->\n", "<!-- /benchmarks -->"];

/// The text with these tables instead of those between the marks; None if there is no pair of marks.
pub(crate) fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some([before, MARKS[0], tables, MARKS[1], after].concat())
}
