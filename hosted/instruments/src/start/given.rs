//! A time of day as it is given on the command line.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// An instant: RFC 3339, a time of this day in UTC, or seconds since 1970 after an `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartAt(pub(super) SystemTime);

const DAY: u64 = 86_400;

/// How long after the beginning of 1970 the year 9999 ends: RFC 3339 has no time after it, and people are told none
/// before 1970.
const LAST: Duration = Duration::from_secs(253_402_300_800);

impl StartAt {
    /// What a text means at this time: a time of day is one of the same day.
    pub(super) fn read(text: &str, now: SystemTime) -> Result<Self, &'static str> {
        let at = match text.strip_prefix('@') {
            Some(seconds) => since_1970(seconds),
            None if text.contains('-') => rfc3339(text),
            None => of_day(text.strip_suffix('Z').unwrap_or(text)).map(|time| {
                let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs() / DAY * DAY) + time
            }),
        };
        let told = |at: &SystemTime| {
            at.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since < LAST)
        };
        at.filter(told).map(Self).ok_or(EXPECTED)
    }
}

impl FromStr for StartAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text, SystemTime::now())
    }
}

const EXPECTED: &str =
    "expected a time in UTC: 2030-01-31T12:00:00Z, 12:00:00 or @1896091200 (seconds since 1970)";

fn since_1970(seconds: &str) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// With `Z`, or an offset like `+01:00`.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let utc = |text: &str| humantime::parse_rfc3339(text).ok();
    if let Some(at) = utc(text) {
        return Some(at);
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let behind = match offset.as_bytes().first()? {
        b'+' => false,
        b'-' => true,
        _ => return None,
    };
    let offset = of_day(&offset[1..])?;
    let local = utc(&format!("{local}Z"))?;
    if behind { local.checked_add(offset) } else { local.checked_sub(offset) }
}

/// `HH:MM`, or `HH:MM:SS` with a fraction.
fn of_day(text: &str) -> Option<Duration> {
    let mut parts = text.split(':');
    let mut whole = |below: u64| {
        let part = parts.next().filter(|part| part.len() == 2)?;
        part.parse().ok().filter(|number: &u64| *number < below)
    };
    let minutes = 60 * whole(24)? + whole(60)?;
    let seconds = match parts.next() {
        None => 0.0,
        Some(part) => {
            let plain = part.starts_with(|digit: char| digit.is_ascii_digit());
            part.parse().ok().filter(|seconds| plain && (0.0..60.0).contains(seconds))?
        }
    };
    let time = Duration::from_secs(60 * minutes) + Duration::try_from_secs_f64(seconds).ok()?;
    parts.next().is_none().then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_clocks_and_shells_write_it() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 * 86_400 + 50_000);
        let told = |text: &str| {
            let StartAt(at) =
                StartAt::read(text, now).unwrap_or_else(|error| panic!("{text}: {error}"));
            humantime::format_rfc3339(at).to_string()
        };
        for (text, at) in [
            ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"),
            ("2030-01-31T12:00:00.25Z", "2030-01-31T12:00:00.250000000Z"),
            ("2030-01-31T12:00:00+01:00", "2030-01-31T11:00:00Z"),
            ("2030-01-31T12:00:00-05:30", "2030-01-31T17:30:00Z"),
            ("@1896091200", "2030-01-31T12:00:00Z"),
            ("@253402300799", "9999-12-31T23:59:59Z"),
            ("@0.5", "1970-01-01T00:00:00.500000000Z"),
            ("14:05", "1972-09-27T14:05:00Z"),
            ("14:05:06", "1972-09-27T14:05:06Z"),
            ("00:00:59.5Z", "1972-09-27T00:00:59.500000000Z"),
        ] {
            assert_eq!(told(text), at, "{text}");
        }
        for text in [
            "",
            "soon",
            "12",
            "24:00",
            "12:60",
            "12:00:60",
            "1:00",
            "12:00:00:00",
            "12:00:-1",
            "12:00:inf",
            "@",
            "@-1",
            "@nan",
            "@1e300",
            "@253402300800",
            "9999-12-31T23:59:59-00:01",
            "1970-01-01T00:00:00+00:01",
            "2030-01-31",
            "2030-13-31T12:00:00Z",
            "2030-01-31T12:00:00",
            "2030-01-31T12:00:00+25:00",
            "2030-01-31T12:00:00*01:00",
            "-ß:::::::",
        ] {
            assert!(text.parse::<StartAt>().is_err(), "{text}");
        }
    }
}
