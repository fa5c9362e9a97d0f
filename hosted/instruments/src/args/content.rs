//! `--payload`: what messages contain, as on the command line.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::builder::{OsStringValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use echo_core::Payload;

use crate::reason::reason;
use crate::seed;
use crate::terminal::escape::shown;

/// What messages contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The digit 0 throughout, as the original programs did.
    Zero,
    /// Bytes that encode their place.
    Seq,
    /// Pseudo-random bytes.
    Random,
    /// The bytes of a file, repeated as needed.
    File(PathBuf),
}

impl TryFrom<OsString> for Content {
    type Error = &'static str;

    fn try_from(text: OsString) -> Result<Self, Self::Error> {
        match text.as_bytes() {
            b"zero" => Ok(Self::Zero),
            b"seq" => Ok(Self::Seq),
            b"random" => Ok(Self::Random),
            bytes => match bytes.strip_prefix(b"file:") {
                // The name may be any bytes.
                Some(path) if !path.is_empty() => Ok(Self::File(OsStr::from_bytes(path).into())),
                _ => Err("expected zero, seq, random or file:PATH"),
            },
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("zero"),
            Self::Seq => f.write_str("seq"),
            Self::Random => f.write_str("random"),
            Self::File(path) => write!(f, "file:{}", shown(path)),
        }
    }
}

impl Content {
    /// The payload of messages of this length.
    pub(super) fn read(&self, length: u64) -> Result<Payload<Vec<u8>>> {
        // Different in each run, so that bytes of an earlier one are not taken for ours.
        let run = seed::of_now();
        Ok(match self {
            Self::Zero => Payload::Zero,
            Self::Seq => {
                Payload::Seq { run: (run ^ (run >> 16) ^ (run >> 32)) as u16, connection: 0 }
            }
            Self::Random => Payload::Random { seed: run },
            Self::File(path) => {
                let mut bytes = Vec::new();
                // All messages are alike: no more of the file is ever sent. It is not to be empty.
                let length = length.max(1);
                let read =
                    File::open(path).and_then(|file| file.take(length).read_to_end(&mut bytes));
                read.map_err(|error| {
                    anyhow!("cannot read the payload {}: {}", shown(path), reason(&error))
                })?;
                if bytes.is_empty() {
                    bail!("cannot send the payload {}: the file is empty", shown(path));
                }
                Payload::Bytes(bytes)
            }
        })
    }
}

/// Parses a kind of payload, or a file name, and offers the kinds to completion.
pub(super) fn content() -> impl TypedValueParser<Value = Content> {
    Kinds
}

#[derive(Clone)]
struct Kinds;

impl TypedValueParser for Kinds {
    type Value = Content;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Content, clap::Error> {
        OsStringValueParser::new().try_map(Content::try_from).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        Some(Box::new(["zero", "seq", "random", "file:"].into_iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_by_name() {
        for text in ["zero", "seq", "random", "file:a b"] {
            let content = Content::try_from(OsString::from(text));
            assert_eq!(content.map(|content| content.to_string()), Ok(text.into()));
        }
        let odd = OsStr::from_bytes(b"file:gr\xfc\xdfe");
        let content = Content::try_from(odd.to_owned()).expect("a name");
        assert_eq!(content, Content::File(OsStr::from_bytes(b"gr\xfc\xdfe").into()));
        assert_eq!(content.to_string(), r"file:gr\xfc\xdfe");
        assert!(Content::try_from(OsString::from("file:")).is_err());
        assert!(Content::try_from(OsString::from("zeros")).is_err());
    }
}
