//! Lines that are wider than the terminal are broken between words. The terminal would break
//! them anywhere, and separate a number from its unit.

/// The indentation of continuation lines.
const INDENT: usize = 4;

/// Breaks the lines of `text` that are wider than `width`; words that are wider stay whole.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let hanging = |line: &str| line.len() - line.trim_start().len() + INDENT;
    let lines = text.lines().map(|line| broken(line, width, hanging(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Breaks a line if it is wider than `width`; what follows is indented by `hanging`.
pub(crate) fn broken(line: &str, width: usize, hanging: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let text = line.trim_start();
    let own = line.len() - text.len();
    let mut out = " ".repeat(own);
    let mut column = own;
    for (number, word) in words(text).enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > width {
            column = hanging;
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(column));
        } else if number > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// The parts that are not broken: a number stays with its unit or noun (`p99 118 µs`,
/// `60 000 sent`), and what is in quotes whole. It may be bytes, and a blank would be lost.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let (mut before, mut quoted, mut escaped) = (' ', false, false);
    text.split(move |letter| {
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        let splits = letter == ' ' && !quoted && !before.is_ascii_digit();
        before = letter;
        splits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_with_its_unit() {
        let line = "60 000 sent, 60 000 echoed, 0 failed (fail rate 50.0 ppm at 95 %), 4.88 s";
        assert_eq!(wrap(line, 74), line);
        let parts = "60 000 sent,\n    60 000 echoed,\n    0 failed (fail\n    rate 50.0 ppm\n    \
                     at 95 %),\n    4.88 s";
        assert_eq!(wrap(line, 18), parts);
        assert_eq!(wrap("   a line in a block", 14), "   a line in a\n       block");
        assert_eq!(wrap("p50      9 µs  and on", 16), "p50      9 µs\n    and on", "a row");
    }

    #[test]
    fn what_is_in_quotes_stays_whole() {
        assert_eq!(broken(r#"sent "a  b" and on"#, 9, 2), "sent\n  \"a  b\"\n  and on");
        assert_eq!(broken(r#"came "\" \\" x "b c""#, 10, 1), "came\n \"\\\" \\\\\" x\n \"b c\"");
        assert_eq!(broken("  one two three", 9, 4), "  one two\n    three");
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_too_wide_but_words() {
        let line = "hint: the queue (its backlog) was full, 10.0 Mbit/s; p99.9 171 µs, and so on";
        for width in 1..100 {
            let wrapped = wrap(line, width);
            let one: Vec<_> = wrapped.split_whitespace().collect();
            assert_eq!(one.join(" "), line);
            let wide = |line: &&str| line.chars().count() > width.max(INDENT + 13);
            assert_eq!(wrapped.lines().find(wide), None, "{width}");
        }
    }
}
