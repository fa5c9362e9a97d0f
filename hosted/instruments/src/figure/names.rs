//! Names of hosts that have little room beside a panel, and stay apart: of names that are too long, what all have in common
//! is left out first, as their domain is.

use super::style::LABEL;

/// The names, none wider than `widest`.
pub(super) fn names(whole: &[String], widest: f64) -> Vec<String> {
    let wide = |names: &[String]| names.iter().any(|name| LABEL.width(name) > widest);
    let mut names = whole.to_vec();
    if wide(&names) {
        let end = common(&names, |name| name.chars().rev().collect());
        names.iter_mut().for_each(|name| leave_out(name, name.len() - end, name.len()));
    }
    if wide(&names) {
        let start = common(&names, Clone::clone);
        names.iter_mut().for_each(|name| leave_out(name, 0, start));
    }
    names.iter().map(|name| LABEL.fit(name, widest)).collect()
}

/// How many bytes all names have in common where `read` begins, up to a sign between two words and with it: `.example`,
/// `board-`. Something is left of each.
fn common(names: &[String], read: impl Fn(&String) -> String) -> usize {
    let read: Vec<_> = names.iter().map(read).collect();
    let [first, others @ ..] = &read[..] else { return 0 };
    let shared = |other: &String| {
        let alike = first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        alike.min(first.len().min(other.len()).saturating_sub(1))
    };
    let most = others.iter().map(shared).min().unwrap_or(0);
    let between = first.char_indices().filter(|(_, sign)| !sign.is_alphanumeric());
    let ends = between.map(|(at, sign)| at + sign.len_utf8());
    ends.take_while(|end| *end <= most).last().unwrap_or(0)
}

/// Marks what is left out, if that makes it shorter.
fn leave_out(name: &mut String, from: usize, to: usize) {
    if to > from + 1 {
        name.replace_range(from..to, "…");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn told(whole: &[&str], widest: f64) -> Vec<String> {
        let whole: Vec<_> = whole.iter().map(|name| (*name).to_owned()).collect();
        names(&whole, widest)
    }

    #[test]
    fn what_fits_is_whole() {
        let short = ["north.example", "south.example"];
        assert_eq!(told(&short, 200.0), short);
        assert_eq!(told(&[], 200.0), [""; 0]);
    }

    #[test]
    fn what_all_have_in_common_goes_first() {
        let hosts = |n: u32| format!("board-rack-{n:02}.test.laboratory.example");
        let whole: Vec<_> = [1, 11, 12].map(hosts).into();
        assert_eq!(names(&whole, 130.0), ["board-rack-01…", "board-rack-11…", "board-rack-12…"]);
        assert_eq!(names(&whole, 60.0), ["…01…", "…11…", "…12…"]);
        assert_eq!(
            told(&["laboratory-number-seven-a", "laboratory-number-seven-b"], 60.0),
            ["…a", "…b"]
        );
    }

    #[test]
    fn whatever_they_are_none_is_too_wide_and_none_is_nothing() {
        let long = "x".repeat(100);
        for whole in [
            vec!["example", "a.example", "a.example"],
            vec![&*long],
            vec![&*long, &*long],
            vec!["", "a-very-long-name.of-a-host.example"],
            vec!["grüße.äöü.example", "größe.äöü.example", "ü.example"],
        ] {
            for widest in [1.0, 30.0, 60.0] {
                let told = told(&whole, widest);
                assert_eq!(told.len(), whole.len());
                let fits = |name: &String| LABEL.width(name) <= widest || name == "…";
                assert!(told.iter().all(fits), "{told:?}");
            }
            let apart = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>().len();
            let all: Vec<_> = whole.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(apart(&names(&all, 60.0)), apart(&all), "{whole:?}");
        }
    }
}
