//! Errors of the system as parts of our sentences.

use std::io;

/// The text of the error, in lower case and without its number.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    // What was done, its caller says better.
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
    let mut letters = text.chars();
    match letters.next() {
        // `I/O error` and its like stay as they are.
        Some(first) if letters.as_str().starts_with(|c: char| c.is_ascii_lowercase()) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_like_a_part_of_a_sentence() {
        let error = io::Error::from_raw_os_error(rustix::io::Errno::CONNREFUSED.raw_os_error());
        assert_eq!(reason(&error), "connection refused");
        let error = "failed to lookup address information: Name or service not known";
        assert_eq!(reason(&io::Error::other(error)), "name or service not known");
    }
}
