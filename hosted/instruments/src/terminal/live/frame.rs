//! The control sequences that draw lines over those before.
//!
//! The cursor goes back to where the first line begins. From there the next frame clears
//! everything to the end of the screen: whatever a terminal that was made narrower has made of
//! the lines meanwhile, nothing of them is left, and nothing above them is touched.

/// Clears all lines.
pub(super) const CLEARED: &str = "\r\x1b[J";

/// The `lines`, as many as there are rows.
pub(super) fn drawn(lines: &str, rows: usize) -> String {
    let lines: Vec<_> = lines.lines().take(rows.max(1)).collect();
    let back = match lines.len() {
        0 | 1 => String::new(),
        n => format!("\x1b[{}A", n - 1),
    };
    // A line that became too wide since its width was asked for is cut, not broken.
    format!("\r\x1b[?7l{}\x1b[J\x1b[?7h\r{back}", lines.join("\x1b[K\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_ends_where_it_began_and_the_rest_is_cleared() {
        assert_eq!(drawn("one", 24), "\r\x1b[?7lone\x1b[J\x1b[?7h\r");
        let three = "\r\x1b[?7lone\x1b[K\ntwo\x1b[K\nthree\x1b[J\x1b[?7h\r\x1b[2A";
        assert_eq!(drawn("one\ntwo\nthree", 24), three);
        assert_eq!(drawn("one\ntwo\nthree", 2), drawn("one\ntwo", 24), "no more than rows");
    }
}
