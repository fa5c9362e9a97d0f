//! Reports in files: what `compare` and `merge` read, and whether they are alike.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Result, anyhow};
use serde_json::Value;

use super::SCHEMA;
use crate::files::is_stdout;
use crate::reason::reason;
use crate::terminal::escape::shown;

/// The report in this file.
///
/// # Errors
///
/// If it cannot be read, or is none.
pub(crate) fn read(path: &Path) -> Result<Value> {
    parsed(fs::read(path), &shown(path).to_string())
}

/// The same, or the report on standard input if the name is `-`.
pub(crate) fn read_or_stdin(path: &Path) -> Result<Value> {
    if !is_stdout(path) {
        return read(path);
    }
    let mut text = Vec::new();
    parsed(io::stdin().read_to_end(&mut text).map(|_| text), "stdin")
}

fn parsed(text: io::Result<Vec<u8>>, shown: &str) -> Result<Value> {
    let text = text.map_err(|error| anyhow!("cannot read {shown}: {}", reason(&error)))?;
    let report: Value = serde_json::from_slice(&text)
        .map_err(|error| anyhow!("cannot read {shown}: not a report ({error})"))?;
    if report["schema"] == SCHEMA {
        Ok(report)
    } else {
        Err(anyhow!("cannot read {shown}: not a report of rate or fail-rate (schema {SCHEMA})"))
    }
}

/// What differs at these places, named by the last part of the place: `connections 1 and 64`.
pub(crate) fn differing<P: AsRef<str>>(
    reports: &[&Value],
    places: impl IntoIterator<Item = P>,
) -> Vec<String> {
    let differs = |place: P| {
        let place = place.as_ref();
        let mut values: Vec<&Value> = Vec::new();
        for report in reports {
            let value = report.pointer(place).unwrap_or(&Value::Null);
            if !values.iter().any(|other| alike(value, other)) {
                values.push(value);
            }
        }
        let key = place.rsplit('/').next().unwrap_or(place);
        let values: Vec<_> = values.into_iter().map(Value::to_string).collect();
        (values.len() > 1).then(|| format!("{key} {}", values.join(" and ")))
    };
    places.into_iter().filter_map(differs).collect()
}

/// Whether two values are the same, however they are written.
pub(crate) fn alike(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        // Some programs write 0.0 as 0.
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
