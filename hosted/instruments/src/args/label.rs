//! `--label`: what the user calls a run.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};

use crate::verdict::Misuse;

/// A name that the user gives to something about a run: `host=north-3`, `kernel=6.12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Letters, digits, `_`, `-` and `.`
    pub key: String,
    /// Any text in one line.
    pub value: String,
}

impl Label {
    /// Refuses a key that is given twice.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] that names it.
    pub(super) fn differ(labels: &[Self]) -> Result<()> {
        for (n, label) in labels.iter().enumerate() {
            if labels[..n].iter().any(|other| other.key == label.key) {
                bail!(Misuse(format!(
                    "--label {} is given twice: a run has one of each",
                    label.key
                )));
            }
        }
        Ok(())
    }
}

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or(EXPECTED)?;
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        if key.is_empty() || !key.chars().all(plain) {
            return Err("the key of a label has letters, digits, '_', '-' and '.' only");
        }
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err("the value of a label is a text in one line");
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

const EXPECTED: &str = "expected KEY=VALUE (host=north-3)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_key_and_any_text() {
        let label: Label = "what=a=b, or Grüße".parse().expect("a label");
        assert_eq!((label.key.as_str(), label.value.as_str()), ("what", "a=b, or Grüße"));
        assert_eq!(label.to_string(), "what=a=b, or Grüße");
        for text in ["", "host", "=x", "host=", "two words=x", "host=a\nb", "host=\u{1b}[31m"] {
            assert!(text.parse::<Label>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_run_has_one_of_each() {
        let labels = ["a=1", "b=1", "a=2"].map(|text| text.parse().expect("a label"));
        assert!(Label::differ(&labels[..2]).is_ok());
        let error = Label::differ(&labels).expect_err("two").to_string();
        assert!(error.contains("--label a is given twice"), "{error}");
    }
}
